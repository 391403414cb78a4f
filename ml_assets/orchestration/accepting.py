"""Confirming what a batch shows as the new normal: written to the ledger, and the batches judged anew by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ml_assets.lifecycle.at_work import at_work
from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.location import model_repository
from ml_assets.orchestration.runs import execute, open_instance
from ml_assets.orchestration.taking_in import wait_for_runs
from ml_assets.orchestration.walk import WalkError
from ml_assets.records import DriftReport
from ml_assets.registry import champions, charge
from ml_assets.registry.accepted import accept as write
from ml_assets.registry.accepted import take_back


def accept(
    state: ModelState,
    batch: str,
    reason: str,
    actor: str,
    *,
    undo: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Write a confirmation, or take one back, and judge the batches that it concerns anew.

    Raises
    ------
    WalkError
        If the batch was not taken in, nothing is to be taken back, or no reason is given.
    """
    name, known = state.name, state.store.batches("cleaned_features")
    if state.recipe.batches is None:
        raise WalkError(f"{name} is one static table: it has no batches to accept")
    if not reason.strip():
        raise WalkError("say why, in a sentence: it is written to the ledger")
    if batch not in known:
        there = f"there are {known[0]} to {known[-1]}" if known else "there is none yet"
        raise WalkError(f"{name}: no batch {batch!r} was taken in; {there}")
    if undo and batch not in state.accepted:
        raise WalkError(f"{name}: {batch} is not accepted (accepted: {', '.join(state.accepted) or 'none'})")
    with at_work(state), open_instance(state.settings) as instance:
        wait_for_runs(instance, state, ("monitor", "train"), say)
        charge.reconcile(state.registry, name)
        changed = undo or batch not in state.accepted
        before = _found(state, batch)
        anew = list(_concerned(state, batch, undo)) if changed else []
        if undo:
            take_back(state.ledger, name, batch, actor=actor, reason=reason)
        elif changed:
            found = _report(state, batch)
            write(
                state.ledger,
                name,
                batch,
                actor=actor,
                reason=reason,
                faulty=found is not None and found.status == "fault",
                sha256=state.store.sha256("cleaned_features", batch),
            )
        for each in anew:
            say(f"{name}: judging {each} anew")
            execute(instance, model_repository(state), f"{name}_monitor", partition=each)
        return {
            "name": name,
            "batch": batch,
            "undone": undo,
            "changed": changed,
            "found": before,
            "now": _found(state, batch),
            "judged_anew": anew,
            "accepted": list(state.accepted),
            "learned_by": _learned_by(state, batch),
        }


def _learned_by(state: ModelState, batch: str) -> int | None:
    """Version in charge, where it has learned the batch."""
    champion = champions.champion(state.ledger, state.name)
    return champion.version if champion is not None and batch in champion.trained.batches else None


def _found(state: ModelState, batch: str) -> str:
    """Say what the report on a batch found."""
    report = _report(state, batch)
    return "" if report is None or report.status == "no_champion" else report.text


def _report(state: ModelState, batch: str) -> DriftReport | None:
    there = state.store.has("drift_report", batch)
    return state.store.read_record("drift_report", batch, DriftReport) if there else None


def _concerned(state: ModelState, batch: str, undo: bool) -> Iterator[str]:
    """Batches from this one on that the champion in charge did not learn, and whose reports may change."""
    champion = champions.champion(state.ledger, state.name)
    for each in state.store.batches("drift_report"):
        report = _report(state, each)
        later = champion is not None and each > champion.as_of
        if each >= batch and later and report is not None and (undo or report.status in ("fault", "drift")):
            yield each
