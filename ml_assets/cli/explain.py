"""The ledger in words: why a model was trained again, promoted or rolled back, or why not."""

from __future__ import annotations

from typing import Any

from ml_assets.registry import champions
from ml_assets.registry.ledger import Entry, Ledger
from ml_assets.registry.wording import describe, details


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
