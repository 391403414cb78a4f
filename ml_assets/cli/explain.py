"""The ledger in words: why a model was trained again, promoted or rolled back, or why not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ml_assets.cli.output import number
from ml_assets.lifecycle.arrival import state_of_data
from ml_assets.lifecycle.quarantine import quarantine_words
from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.model_status import model_status
from ml_assets.orchestration.runs import open_instance
from ml_assets.registry import champions, experiments
from ml_assets.registry.accepted import confirmed_words
from ml_assets.registry.erasures import erased_words
from ml_assets.registry.flaws import flaws_in_charge
from ml_assets.registry.ledger import Entry, Ledger
from ml_assets.registry.wording import describe, details


def explain_model(state: ModelState, decision_id: str | None) -> dict[str, Any] | None:
    """Explain a decision of a model, after who is in charge and how the model is now.

    Returns
    -------
    dict or None
        As `explain_decision`, with `now`: a row of `status`.
    """
    explained = explain_decision(state.ledger, state.name, decision_id)
    if explained is None or decision_id is not None:
        return explained
    with open_instance(state.settings) as instance:
        now = model_status(instance, state, datetime.now(UTC))
    health = f"Now: {now.status}{f': {now.why}' if now.why else ''}"
    todo = [f"  what to do: {now.todo}"] if now.status != "healthy" else []
    persons = [text for text in now.persons if text != now.why]
    lines = [*in_charge(state.ledger, state.name), health, *todo, *persons, explained["text"]]
    lines += on_traffic(state.ledger, state.name)
    return explained | {"text": "\n".join(lines), "now": now.model_dump(mode="json")}


def notes_of(state: ModelState) -> tuple[str, ...]:
    """Say what of the source is not known, learned otherwise or in quarantine, accepted, erased, wrong in charge."""
    return (
        *state_of_data(state).notes,
        *quarantine_words(state),
        *confirmed_words(state.ledger, state.name),
        *erased_words(state.ledger, state.name),
        *flaws_in_charge(state.ledger, state.name),
    )


def in_charge(ledger: Ledger, name: str) -> list[str]:
    """Say which version serves, since when, by whom and why; after a rollback also what that means."""
    line = champions.champions(ledger, name)
    if not line:
        return [f"{name}: no version is in charge"]
    change = ledger.last(name, champions.CHANGES, state="done")
    assert change is not None
    info = champions.version_info(ledger, name, line[-1])
    score = f", {info.metric} {number(info.holdout.value)} on its hold-out" if info.holdout else ""
    since = change.at[:16].replace("T", " ")
    said = [f"In charge: version {line[-1]}, trained as of {info.as_of}{score}"]
    said.append(f"  since {since} UTC, by {change.actor}: {describe(change)}")
    if change.kind == "rollback":
        said.append(
            f"  reports on version {change.from_version} say nothing of version {line[-1]}, and do not count for it"
        )
    return said


def on_traffic(ledger: Ledger, name: str) -> list[str]:
    """Tell the newest experiment on live traffic: its start, its end and the gate's word on its winner."""
    found = experiments.newest(ledger, name)
    if found is None:
        return []
    one, ended = found
    gate = [] if ended is None else experiments.answers_to(ledger, ended)
    told = (entry for entry in (one.entry, ended, *gate) if entry is not None)
    return ["On live traffic:", *(f"  {describe(entry)}" for entry in told)]


def explain_decision(ledger: Ledger, name: str, decision_id: str | None) -> dict[str, Any] | None:
    """Explain one decision, or the newest training and why there was none the batch before.

    Returns
    -------
    dict or None
        The entry with `text` and, where there is one, `before`; None where the ledger has no such entry.
    """
    entries = list(ledger.entries(name))
    decisions = [e for e in entries if e.kind == "retrain_decision"]
    if decision_id is not None:
        found = [e for e in entries if decision_id in (e.decision_id, str(e.id), e.key)]
    else:
        found = [e for e in decisions if e.record.get("action") == "retrain"] or decisions or entries
    if not found:
        return None
    chosen = found[-1]
    text = [describe(chosen), *(f"  {line}" for line in (*details(chosen), *_outcome(entries, chosen)))]
    before = _before(decisions, chosen)
    if before is not None:
        text += ["The batch before:", f"  {describe(before)}"]
    if decision_id is None:
        others = [
            e for e in decisions if e.record.get("action") in ("retrain", "first") and e.id != chosen.id
        ]
        if others:
            text += ["Trainings before:"]
            for other in others:
                text += [f"  {describe(other)}", *(f"    {line}" for line in _outcome(entries, other))]
        newest = [e for e in entries if e.kind not in ("backfill", "alert")][-1]
        if newest.id != chosen.id:
            text += ["The newest entry:", f"  {describe(newest)}", *(f"    {x}" for x in details(newest))]
    return chosen.model_dump(mode="json") | {
        "text": "\n".join(text),
        "before": before.model_dump(mode="json") if before else None,
    }


def _outcome(entries: list[Entry], decision: Entry) -> list[str]:
    """What the gate said of the training that a decision asked for."""
    if decision.kind != "retrain_decision" or decision.record.get("action") not in ("retrain", "first"):
        return []
    later = [e for e in entries if e.id > decision.id and e.batch == decision.batch]
    gate = [e for e in later if e.kind in champions.GATE and e.state == "done"][:1]
    lines = []
    for entry in gate:
        lines += [f"then: {describe(entry)}", *(f"  {line}" for line in details(entry))]
    return lines


def _before(decisions: list[Entry], chosen: Entry) -> Entry | None:
    earlier = [e for e in decisions if e.batch and chosen.batch and e.batch < chosen.batch]
    return max(earlier, key=lambda e: (e.batch or "", e.id), default=None)
