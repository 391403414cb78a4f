"""Entries of the ledger in words: for `ml-assets explain` and for the table in the web UI."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ml_assets.records.retraining import RULES_IN_WORDS
from ml_assets.registry.ledger import Entry
from ml_assets.shown import figure

SHORT = 12  # characters of a hash that people compare

RETRAIN = {
    "retrain": "was trained again",
    "first": "got its first model",
    "blocked": "was kept from training",
    "none": "was not trained again",
    "suggest": "is suggested for a training",
}
ENDS = {
    "winner": "it is surely better",
    "worse": "it is surely worse",
    "undecided": "neither is surely better",
    "mismatch": "the arms had other shares than asked for",
    "errors": "it failed",
    "latency": "it was slow",
    "stopped": "a person ended it",
    "overtaken": "the champion has changed",
}
STATES = {"intent": "began to ", "aborted": "could not ", "done": ""}


def describe(entry: Entry) -> str:
    """Tell one entry in a sentence.

    Parameters
    ----------
    entry : Entry
        Of any kind; one that is not known is told by its fields.
    """
    teller = TELLERS.get(entry.kind, _any)
    return (
        f"{entry.recipe} {teller(entry)}{f' at batch {entry.batch}' if entry.batch else ''}: {entry.reason}"
    )


def details(entry: Entry) -> list[str]:
    """Tell the evidence of an entry, a line each: thresholds, p-values, versions, hashes, who."""
    record = entry.record
    lines = [f"decided by {entry.actor} on {entry.at[:19].replace('T', ' ')} UTC, entry {entry.id}"]
    if isinstance(record.get("alpha"), float) and "gain" in record:
        earlier = f" after {record['looks']} earlier looks at this champion" if record.get("looks") else ""
        lines.append(f"asked: one-sided p < {record['alpha']:.3g}{earlier}")
    if entry.kind == "probation" and isinstance(record.get("p_value"), float):
        lines.append(f'p = {record["p_value"]:.2g} of "not worse", rolled back below {record["alpha"]:.3g}')
    for check in record.get("checks") or ():
        lines.append(f"{check['name']}: {'passed' if check['passed'] else 'failed'}, {check['text']}")
    for part in record.get("segments") or ():
        lines.append(
            f"segment {part['segment']}: {figure(part['champion_score'])} → {figure(part['challenger_score'])} on "
            f'{part["rows"]:,} rows, p = {part["p_value"]:.2g} of "not worse" (Holm)'
        )
    trained = record.get("trained")
    if isinstance(trained, dict):
        lines.append(f"estimator {trained['training']['class_path']}, run {trained['run_id']}")
        hashes = {name: trained[f"{field}sha256"] for name, field in HASHES.items()}
        lines.append("sha256: " + ", ".join(f"{name} {value[:SHORT]}" for name, value in hashes.items()))
    if entry.kind == "erase":
        counts = (f"{sum(rows.values()):,} of {asset}" for asset, rows in record["rows"].items())
        versions = ", ".join(map(str, record["learned"])) or "no version"
        lines.append(f"rows: {', '.join(counts) or 'none'}; learned by {versions}; column {record['column']}")
    for told in (record.get("comparison"), *(record.get("refits") or ())):
        if told:
            gained = f"{told['gain']:+.4f} ± {figure(told['error'], 2)} {told['metric']}"
            more = f"{told['age']:.2g} batch{'es' * (told['age'] != 1)}"
            lines.append(f"age: to have learned {more} more gained {gained}")
    evidence = record.get("evidence")
    ageing = evidence.get("ageing") if isinstance(evidence, dict) else None
    if ageing:
        lines.append(f"ageing: {ageing['words']}; due at age {ageing['due']}")
    for kind in ("drift", "performance"):
        series = evidence.get(kind) if isinstance(evidence, dict) else None
        if series and series["batches"]:
            shown = zip(series["batches"], series["values"], series["breached"], strict=True)
            words = (f"{batch} {figure(value)}{' (breach)' if bad else ''}" for batch, value, bad in shown)
            lines.append(f"{kind}: {', '.join(words)}")
    return lines


HASHES = {"model": "", "recipe": "recipe_", "data": "data_"}


def _retrain(entry: Entry) -> str:
    action = str(entry.record.get("action"))
    rule = str(entry.record.get("rule"))
    return f"{RETRAIN.get(action, action)} ({RULES_IN_WORDS.get(rule, rule)})"


def _train(entry: Entry) -> str:
    return f"registered version {entry.to_version}"


def _promote(entry: Entry) -> str:
    forced = ", forced by hand," if entry.record.get("forced") else ""
    before = "" if entry.from_version is None else f" in the place of version {entry.from_version}"
    verb = "promoted" if entry.state == "done" else "promote"
    return f"{STATES[entry.state]}{verb}{forced} version {entry.to_version}{before}"


def _keep(entry: Entry) -> str:
    return f"kept {_version(entry.from_version)} against version {entry.to_version}"


def _waits(entry: Entry) -> str:
    before = "as its first" if entry.from_version is None else f"in the place of version {entry.from_version}"
    return f"would have version {entry.to_version} {before}, once a person has approved it"


def _answer(word: str) -> Callable[[Entry], str]:
    return lambda entry: f"had version {entry.to_version} {word} by {entry.actor}"


def _pause(entry: Entry) -> str:
    until = entry.record.get("until")
    lasts = "" if until is None else f" until {str(until)[:16].replace('T', ' ')} UTC"
    return f"was paused{lasts} by {entry.actor}"


def _inconclusive(entry: Entry) -> str:
    return f"could not tell version {entry.to_version} from {_version(entry.from_version)}"


def _rollback(entry: Entry) -> str:
    verb = "went back" if entry.state == "done" else "go back"
    by = " by itself" if entry.actor == "probation" else ""
    return f"{STATES[entry.state]}{verb}{by} from version {entry.from_version} to version {entry.to_version}"


def _reconcile(entry: Entry) -> str:
    if entry.to_version is None:
        return f"has lost its {_version(entry.from_version)}"
    return f"found version {entry.to_version} in charge, the ledger had {_version(entry.from_version)}"


def _moved(entry: Entry) -> str:
    return f"has an alias that others moved to version {entry.to_version}"


def _probation(entry: Entry) -> str:
    word = {"rollback": "it ended badly", "passed": "it is over", "watching": "it goes on"}
    outcome = word.get(str(entry.record.get("outcome")), "it was looked at")
    return f"has version {entry.to_version} on probation against version {entry.from_version}; {outcome}"


def _alert(entry: Entry) -> str:
    return "alert" if entry.state == "done" else "alert that did not arrive"


def _backfill(_entry: Entry) -> str:
    return "was walked through history"


def _accept(entry: Entry) -> str:
    if entry.record.get("undone"):
        return "is no longer told to take what it found for the new normal"
    return "was told to take what it found for the new normal"


def _erase(entry: Entry) -> str:
    verb = "erased" if entry.state == "done" else "erase"
    return f"{STATES[entry.state]}{verb} the rows of one entity"


def _ended(entry: Entry) -> str:
    how = ENDS.get(str(entry.record.get("how")), "it was ended")
    return (
        f"no longer compares version {entry.to_version} with champion {entry.from_version} on traffic; {how}"
    )


def _any(entry: Entry) -> str:
    versions = "" if entry.to_version is None else f" version {entry.to_version}"
    against = "" if entry.from_version is None else f" against version {entry.from_version}"
    return f"{entry.kind}{versions}{against} by {entry.actor}, {entry.state}"


def _version(version: int | None) -> str:
    return "no champion" if version is None else f"champion {version}"


TELLERS: dict[str, Any] = {
    "retrain_decision": _retrain,
    "train": _train,
    "promote": _promote,
    "keep": _keep,
    "inconclusive": _inconclusive,
    "waits": _waits,
    "approve": _answer("approved"),
    "refuse": _answer("refused"),
    "lapse": _answer("called off"),
    "pause": _pause,
    "resume": lambda entry: f"was resumed by {entry.actor}",
    "ask_training": lambda entry: f"was to be trained again, said {entry.actor}",
    "rollback": _rollback,
    "reconcile": _reconcile,
    "alias_moved": _moved,
    "probation": _probation,
    "alert": _alert,
    "backfill": _backfill,
    "accept": _accept,
    "erase": _erase,
    "ab_start": lambda entry: (
        f"began to compare version {entry.to_version} with champion {entry.from_version} on traffic"
    ),
    "ab_look": lambda _entry: "was compared on live traffic",
    "ab_end": _ended,
    "renaming": lambda _entry: "changes its name",
    "renamed": lambda _entry: "has changed its name",
    "former_name": lambda _entry: "has a new name",
}
