"""One entry of the ledger: what was decided, on what evidence, and what would have changed it."""

from __future__ import annotations

from typing import Any, Final

from ml_assets.records.retraining import RULES_IN_WORDS
from ml_assets.registry.ledger import Entry
from ml_assets.shown import figure, shown

OTHERWISE: Final = {
    "disabled": "`retraining.enabled: true` and `mode: automatic` in the recipe.",
    "first_model": "More labelled batches or rows: the reason says how many are wanted.",
    "fault": "A feed that is mended, or a person who confirms that it is meant.",
    "older_champion": "The first report that speaks of the champion in charge.",
    "one_table": "`batches` in the recipe; or so many more rows that `retraining.growth` asks for a training.",
    "minimum_rows": "A report on more rows than `monitoring.min_rows`.",
    "k_of_n": "More breaches among the newest reports, the newest among them: `retraining.breaches` says how many.",
    "labels_due": "The labels of the drifted batches.",
    "no_harm": "A live score, or its estimate, that is surely worse on the drifted batches.",
    "in_flight": "The end of the training that is in flight.",
    "cooldown": "More batches since the last training: `retraining.cooldown`.",
    "budget": "Fewer trainings in the last batches: `retraining.budget`.",
    "cpu_budget": "Fewer or cheaper trainings in the last batches: `retraining.budget.cpu_hours`.",
    "not_staleness": "A challenger that is better; or more batches, then one is tried again.",
    "circuit_breaker": "A training that succeeds; or more batches, then one is tried again.",
    "retrain": "Where the reason tells of breaches, fewer of them among the newest reports; where of age or of rows, a "
    "later `retraining.max_age` or a larger `retraining.growth`.",
    "asked": "Nobody asking for it.",
    "paused": "The end of the pause.",
    "waits": "An answer to the challenger that waits.",
    "suggested": "`retraining.mode: automatic` would have trained.",
}
"""What would have led to another decision, by the rule that decided."""


def otherwise(entry: Entry) -> list[str]:
    """Say what would have changed a decision."""
    record = entry.record
    if entry.kind == "retrain_decision":
        return [OTHERWISE[str(record.get("rule"))]] if record.get("rule") in OTHERWISE else []
    if entry.kind in ("promote", "waits", "keep", "inconclusive") and "outcome" in record:
        return [*_gain(entry.kind, record), *_checks(record)]
    if entry.kind == "probation" or (entry.kind == "rollback" and "loss" in record):
        return _loss(record)
    if entry.kind == "lapse":
        return ["An answer before the rows that spoke for it were old."]
    return []


def _gain(kind: str, record: dict[str, Any]) -> list[str]:
    gain, low, high, metric = (record.get(key) for key in ("gain", "gain_low", "gain_high", "metric"))
    if record.get("forced"):
        return ["It was forced: the gate would have been asked without `--force`."]
    told = []
    if isinstance(gain, float) and isinstance(low, float) and isinstance(high, float):
        told.append(
            f"The gain in {metric} was {figure(gain, 3)}, surely between {figure(low, 3)} and {figure(high, 3)}; "
            + (
                "a lower end well below nothing would have kept it out."
                if kind in ("promote", "waits")
                else "a lower end above nothing would have promoted it."
            )
        )
    if isinstance(record.get("rows_needed"), int):
        told.append(
            f"About {record['rows_needed']:,} labelled rows would tell; there were {record.get('rows', 0):,}."
        )
    return told


def _checks(record: dict[str, Any]) -> list[str]:
    failed = [check for check in record.get("checks") or () if not check.get("passed")]
    return [
        f"Without this it would not have stood in the way: {check['name']}, {check['text']}."
        for check in failed
    ]


def _loss(record: dict[str, Any]) -> list[str]:
    if not isinstance(record.get("p_value"), float) or not isinstance(record.get("alpha"), float):
        return []
    return [
        f'The p-value of "not worse" is {figure(record["p_value"], 2)}; below {figure(record["alpha"], 2)} the champion'
        " before comes back."
    ]


def numbers(entry: Entry) -> list[tuple[str, str]]:
    """Give the plain numbers that an entry rests on, each with its name."""
    names = {
        "rule": "rule", "action": "action", "outcome": "the gate's word", "metric": "metric", "rows": "rows compared",
        "champion_score": "champion", "challenger_score": "challenger", "gain": "gain", "gain_low": "gain, 95 % from",
        "gain_high": "to", "alpha": "error allowed", "looks": "earlier looks at this champion", "p_value": "p-value",
        "loss": "loss", "rows_needed": "rows that would tell", "until": "until",
    }  # fmt: skip
    found = []
    for key, name in names.items():
        value = entry.record.get(key)
        if value is None or isinstance(value, (dict, list)):
            continue
        text = figure(value, 3) if isinstance(value, float) else str(value)
        text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else text
        found.append((name, shown(RULES_IN_WORDS.get(text, text) if key == "rule" else text, 200)))
    return found


def series(entry: Entry) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """Give the reports that a decision to train or not has looked at: kind, and batch, value, whether a breach."""
    evidence = entry.record.get("evidence")
    found = []
    for kind in ("drift", "performance"):
        told = evidence.get(kind) if isinstance(evidence, dict) else None
        if isinstance(told, dict) and told.get("batches"):
            rows = zip(told["batches"], told.get("values", ()), told.get("breached", ()), strict=False)
            found.append(
                (
                    kind,
                    [
                        (str(b), figure(v, 3) if isinstance(v, float | int) else str(v), bool(bad))
                        for b, v, bad in rows
                    ],
                )
            )
    return found
