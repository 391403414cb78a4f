"""Walking a model through history: batch by batch, in order, through the real graph and the real sensor."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.storage.tags import RUN_KEY_TAG, SENSOR_NAME_TAG

from ml_assets.failures import WrongUsageError
from ml_assets.lifecycle.at_work import at_work
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import RULE_TAG, STATIC
from ml_assets.orchestration.location import model_repository
from ml_assets.orchestration.runs import RefusedError, RunFailedError, execute, open_instance
from ml_assets.orchestration.sensor import decide, run_request
from ml_assets.orchestration.taking_in import take_in, take_in_changes, wait_for_looks, wait_for_runs
from ml_assets.orchestration.walked import Walk, WalkedBatch, summarise, with_score
from ml_assets.records import DriftReport
from ml_assets.registry import champions, charge
from ml_assets.retraining.breaches import drift_breach
from ml_assets.settings import Alerts
from ml_assets.sources.calendar import batch_range, is_moment

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.definitions.repository_definition import RepositoryDefinition

    from ml_assets.registry.champions import VersionInfo


class WalkError(WrongUsageError, ValueError):
    """History cannot be walked as asked."""


@dataclass(frozen=True)
class Walker:
    """A model, its repository and the instance it runs on."""

    state: ModelState
    repository: RepositoryDefinition
    instance: DagsterInstance


def walk(
    state: ModelState,
    *,
    start: str | None = None,
    stop: str | None = None,
    progress: Callable[[WalkedBatch, int, int], None] = lambda row, done, total: None,
    say: Callable[[str], None] = lambda text: None,
) -> Walk:
    """Let each batch arrive; after each, the retrain sensor decides, and what it asks for is run.

    A walk that was killed goes on where it was: what is done is in the ledger and is not done again.

    Parameters
    ----------
    state : ModelState
        The model.
    start, stop : str, optional
        First and last batch; default: all that the source has.
    progress : callable
        Called after each batch with its row, its number and the number of batches.
    say : callable
        Takes a sentence about each batch that has changed since it was taken in.

    Raises
    ------
    WalkError
        If there is nothing to walk through, or the champion already knows later batches.
    """
    batches = batches_to_walk(state, start, stop)
    # History is nobody's emergency: its alerts go to the log and the ledger alone.
    state = replace(state, settings=state.settings.model_copy(update={"alerts": Alerts()}))
    settings = state.settings
    repository = model_repository(state)
    with at_work(state), open_instance(settings) as instance:
        wait_for_looks(instance, state)
        wait_for_runs(instance, state, ("monitor", "train"), say)
        charge.reconcile(state.registry, state.name)
        take_in_changes(instance, repository, state, say)
        walker, filled = Walker(state, repository, instance), set(state.filled_batches())
        rows = []
        for done, batch in enumerate(batches, start=1):
            row = _remembered(state, batch, filled) or _arrive(walker, batch)
            rows.append(row)
            progress(with_score(state, row), done, len(batches))
        return summarise(state, rows)


def batches_to_walk(state: ModelState, start: str | None, stop: str | None) -> list[str]:
    """List the batches between two labels; default: all that the source has rows for."""
    if state.recipe.batches is None:
        raise WalkError(
            f"{state.name} is one static table: there is no history to walk through. "
            f"Use `ml-assets train --recipe-file FILE`, or add a `batches` section to {state.path}."
        )
    span = state.calendar()
    first = state.first_batch()
    if span is None or first is None:
        raise WalkError(f"{state.name}: {state.recipe.model.loader.source_uri} has no rows yet")
    period = state.recipe.batches.period
    batches = batch_range(first, span[1], period)
    for option, label in (("--from", start), ("--to", stop)):
        if label is not None and not is_moment(label, period):
            raise WalkError(f"{option} {label!r}: write the first moment of a batch, as {batches[-1]}")
    chosen = [b for b in batches if (start is None or b >= start) and (stop is None or b <= stop)]
    if not chosen:
        asked = " ".join(f"{word} {label}" for word, label in (("from", start), ("to", stop)) if label)
        raise WalkError(f"{state.name}: no batch {asked}; there are {batches[0]} to {batches[-1]}")
    return chosen


def _remembered(state: ModelState, batch: str, filled: Collection[str]) -> WalkedBatch | None:
    """What the ledger knows of a batch that was walked through; a refused one is tried again if it can be.

    `filled` are the batches that the source has rows for.

    Raises
    ------
    WalkError
        If no batch was walked through and the champion knows later ones.
    """
    entry = state.ledger.by_key(state.name, f"backfill:{batch}")
    if entry is not None:
        return WalkedBatch.model_validate(entry.record)
    champion = _later_champion(state, batch)
    if champion is None:
        return None
    refused = state.ledger.by_key(state.name, f"refused:{batch}")
    if refused is not None and batch not in filled:
        return WalkedBatch.model_validate(refused.record["row"])
    if state.ledger.last(state.name, ["backfill"]) is not None:
        return None  # its rows came later than those of the batches after it
    raise WalkError(
        f"{state.name}: champion version {champion.version} was trained as of {champion.as_of}, "
        f"after {batch}: "
        "it would be tried on rows it has learned from. Walk on with "
        f"--from {champion.as_of}, or set ML_ASSETS_HOME to an empty folder to start over."
    )


def _later_champion(state: ModelState, batch: str) -> VersionInfo | None:
    """The champion, where it was trained as of a later batch."""
    champion = champions.champion(state.ledger, state.name)
    later = champion is not None and champion.as_of != STATIC and champion.as_of > batch
    return champion if later else None


def _arrive(walker: Walker, batch: str) -> WalkedBatch:
    """Let one batch arrive, do what the sensor says, and write both to the ledger."""
    state = walker.state
    champion = _later_champion(state, batch)
    if champion is not None:
        return _arrive_late(walker, batch, champion)
    if not _monitored(walker, batch):
        try:
            execute(walker.instance, walker.repository, f"{state.name}_monitor", partition=batch)
        except RefusedError as error:
            return _refused(state, batch, str(error))
    decision, outcome, promoted = _trained_before(state, batch) or _decide(walker)
    drift = state.store.read_record("drift_report", batch, DriftReport)
    action = decision["action"]
    row = WalkedBatch(
        batch=batch,
        rows=drift.rows,
        drift=drift.share if drift.status in ("ok", "drift") else None,
        drift_alarm=drift_breach(drift, state.recipe.retraining),
        faults=drift.faults,
        decision="none" if action == "first" else action,
        reasons=tuple(decision["reasons"]),
        outcome=outcome,
        champion_version=drift.champion_version,
        promoted=promoted,
        rolled_back=_rolled_back(state, batch),
    )
    return _written(state, row)


def _arrive_late(walker: Walker, batch: str, champion: VersionInfo) -> WalkedBatch:
    """Take in a batch that is older than the champion: it is learned from, and nothing is judged on it."""
    state = walker.state
    try:
        take_in(walker.instance, walker.repository, state, batch)
    except RefusedError as error:
        return _refused(state, batch, str(error))
    reason = (
        f"came after champion version {champion.version} had been trained as of {champion.as_of}: "
        "the next training learns from it"
    )
    rows = state.store.rows("cleaned_features", batch)
    return _written(state, WalkedBatch(batch=batch, rows=rows, decision="none", reasons=(reason,)))


def _written(state: ModelState, row: WalkedBatch) -> WalkedBatch:
    state.ledger.append_once(
        state.name,
        "backfill",
        key=f"backfill:{row.batch}",
        actor="backfill",
        batch=row.batch,
        reason=f"{row.decision}: {'; '.join(row.reasons)}",
        record=row,
    )
    return row


def _rolled_back(state: ModelState, batch: str) -> int | None:
    undone = state.ledger.last(state.name, ["rollback"], state="done", actor=champions.PROBATION, batch=batch)
    return None if undone is None else undone.from_version


def _monitored(walker: Walker, batch: str) -> bool:
    """Whether the event log, which the sensor reads, has both reports of a batch.

    The second one alone is made anew, too, when rows of the batch that it scores have changed.
    """
    keys = (dg.AssetKey([walker.state.name, asset]) for asset in ("drift_report", "performance_report"))
    filters = (dg.AssetRecordsFilter(asset_key=key, asset_partitions=[batch]) for key in keys)
    return all(walker.instance.fetch_materializations(wanted, limit=1).records for wanted in filters)


def _trained_before(state: ModelState, batch: str) -> tuple[dict[str, Any], str, int | None] | None:
    """Training at a batch that the gate had judged when the walk was killed: it is not done again."""
    decided = None
    for entry in state.ledger.find(
        state.name, ["retrain_decision", *champions.GATE], state="done", batch=batch
    ):
        if entry.kind == "retrain_decision" and entry.record["action"] in ("first", "retrain"):
            decided = entry
        elif decided is not None and entry.kind in champions.GATE:
            promoted = entry.to_version if entry.kind == "promote" else None
            return decided.record, f"{entry.kind}: {entry.reason}", promoted
    return None


def _decide(walker: Walker) -> tuple[dict[str, Any], str | None, int | None]:
    """Ask the sensor and run what it asks for: the decision, how the training ended, the new champion."""
    request, decision = _ask_sensor(walker)
    outcome, promoted = (None, None) if request is None else _train(walker, request)
    return decision, outcome, promoted


def _train(walker: Walker, request: dg.RunRequest) -> tuple[str, int | None]:
    """Run what the sensor asked for; how it ended, and the version that is champion by it."""
    state = walker.state
    before = champions.champion_version(state.ledger, state.name)
    tags = {
        **request.tags,
        RUN_KEY_TAG: str(request.run_key),
        SENSOR_NAME_TAG: f"{state.name}_retrain",  # the daemon will not ask for the same run again
    }
    try:
        execute(walker.instance, walker.repository, str(request.job_name), tags=tags)
    except RunFailedError as error:
        return f"failed: {error}", None
    entry = state.ledger.last(state.name, champions.GATE, state="done")
    after = champions.champion_version(state.ledger, state.name)
    return f"{entry.kind}: {entry.reason}" if entry else "", after if after != before else None


def _refused(state: ModelState, batch: str, message: str) -> WalkedBatch:
    """Block a batch that could not be taken in; the ledger says why."""
    row = WalkedBatch(batch=batch, rows=0, faults=(message,), decision="blocked", reasons=(message,))
    state.ledger.append_once(
        state.name,
        "retrain_decision",
        key=f"refused:{batch}",
        actor="backfill",
        batch=batch,
        reason=message,
        record={"action": "blocked", "rule": "batch refused", "batch": batch, "row": row.model_dump()},
    )
    return row


def _ask_sensor(walker: Walker) -> tuple[dg.RunRequest | None, dict[str, Any]]:
    """Evaluate the very sensor that the daemon evaluates; the decision that it asks for a run by is in the ledger.

    A decision that asks for nothing is made once more: the ledger keeps the first of those that are alike.
    """
    state = walker.state
    sensor = walker.repository.get_sensor_def(f"{state.name}_retrain")
    with dg.build_sensor_context(instance=walker.instance, repository_def=walker.repository) as context:
        data = sensor.evaluate_tick(context)
    if not data.run_requests:
        decision, _ = decide(walker.instance, state)
        return run_request(state, decision) if decision.retrain else None, decision.model_dump()
    request = data.run_requests[0]
    entry = state.ledger.by_key(state.name, f"decision:{request.run_key}:{request.tags[RULE_TAG]}")
    assert entry is not None
    return request, entry.record
