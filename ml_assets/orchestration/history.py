"""What is known about one model when a decision is made, read from Dagster's event log and the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import dagster as dg
from dagster import DagsterRunStatus

from ml_assets.lifecycle.state import ModelState
from ml_assets.names import AS_OF_TAG, TRAINING_TAG
from ml_assets.orchestration.event_seal import CHANGED, ChangedEventError
from ml_assets.orchestration.events import by_batch, metadata, newest_events, number
from ml_assets.orchestration.reaper import IN_PROGRESS
from ml_assets.orchestration.run_log import run_records
from ml_assets.orchestration.run_seal import is_changed
from ml_assets.records import (
    Attempt,
    BatchEvidence,
    Champion,
    DriftReport,
    History,
    PerformanceReport,
    Record,
)
from ml_assets.registry import champions, costs, persons, renamed
from ml_assets.shown import spanned
from ml_assets.sources.calendar import is_batch

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogRecord, RunRecord

    from ml_assets.registry.champions import VersionInfo

AnyReport = TypeVar("AnyReport", bound=Record)

ATTEMPTS = 40
"""Newest trainings of a model that a decision looks at: budget, breaker and ties count the newest few."""

NEWEST = 8
"""Events of an asset that are enough to say how a model stands."""


class Glance(NamedTuple):
    """What is read once where it is asked how many models stand."""

    running: Sequence[RunRecord]
    """Runs that have not ended."""
    assets: frozenset[dg.AssetKey]
    """Assets that have events."""
    one: bool = False
    """Whether it is one model, whose champion's files are looked at too."""


def recent_history(instance: DagsterInstance, state: ModelState, glance: Glance) -> History:
    """Read as much as says how a model stands: the newest few reports, or all where none of those has a score.

    What there is to learn from is no part of it.
    """
    history = read_history(instance, state, glance.running, glance)
    scored = any(b.performance and b.performance.score for b in history.batches)
    if scored or len(history.batches) < NEWEST // 2:
        return history
    return read_history(instance, state, glance.running)


def read_history(
    instance: DagsterInstance,
    state: ModelState,
    running: Sequence[RunRecord] | None = None,
    glance: Glance | None = None,
) -> History:
    """Read the batches, the training runs and the champion of one model.

    Parameters
    ----------
    instance : DagsterInstance
        Where the events are.
    state : ModelState
        The model.
    running : sequence of RunRecord, optional
        Runs of all models that have not ended; they are read where they are not given.
    glance : Glance, optional
        Where the newest few reports are enough; see `recent_history`.

    Returns
    -------
    History
        Batches and attempts in the order of the calendar.
    """
    drift = _reports(instance, state, "drift_report", DriftReport, glance)
    performance = _reports(instance, state, "performance_report", PerformanceReport, glance)
    cleaned = dg.AssetKey([state.name, "cleaned_features"])
    labelled = by_batch(cleaned, newest_events(instance, cleaned, _labelled_rows)) if glance is None else {}
    batches = sorted({*drift, *performance})
    _check_labels(state, {*batches, *labelled})
    newest = max({*batches, *labelled}, default=None)
    until = state.labelled_until(newest) if newest else ""
    known = {batch: rows for batch, rows in labelled.items() if batch <= until and rows}
    index = state.indexes()
    faulty = {batch for batch, report in drift.items() if report.status == "fault"} | state.taken_back
    faulty -= set(state.accepted)
    champion = champions.champion(state.ledger, state.name)
    return History(
        recipe=state.name,
        batches=tuple(
            BatchEvidence(
                batch=batch,
                index=index(batch),
                drift=drift.get(batch),
                performance=performance.get(batch),
            )
            for batch in batches
        ),
        attempts=tuple(_attempts(instance, state, newest, running, glance)),
        champion=champion_of(state, champion),
        labelled_batches=len(known),
        labelled_rows=sum(known.values()),
        comparisons=champions.comparisons(state.ledger, state.name),
        one_table=state.recipe.batches is None,
        metric=champion.metric if champion else "",
        labels=tuple((index(batch), rows) for batch, rows in sorted(known.items()) if batch not in faulty),
    )


def _check_labels(state: ModelState, found: Iterable[str]) -> None:
    """Refuse events of a model with batches that are of none: a batch's label is not sealed with what is said of it."""
    section = state.recipe.batches
    odd = [] if section is None else sorted(each for each in found if not is_batch(each, section.period))
    if odd:
        raise ChangedEventError(
            f"{state.name}: Dagster's log has reports of {spanned(odd)}, which is no batch: it was changed after it was"
            " written, or the model had no batches then: restore dagster/history from a backup or move it away; runs"
            " and plots of before are gone then, no model is"
        )


def _reports(
    instance: DagsterInstance, state: ModelState, asset: str, kind: type[AnyReport], glance: Glance | None
) -> dict[str, AnyReport]:
    """Read the newest report of each batch; of older ones the verdict, not what was found in each column."""

    def read(event: EventLogRecord) -> AnyReport | None:
        told = metadata(event).get("record")
        return None if told is None else kind.model_validate(told.value)

    def verdict(report: AnyReport | None) -> AnyReport | None:
        return report if not isinstance(report, DriftReport) else report.model_copy(update={"columns": ()})

    key = dg.AssetKey([state.name, asset])
    if glance is not None and key not in glance.assets:
        return {}
    found = by_batch(key, newest_events(instance, key, read, verdict, glance and NEWEST))
    return {batch: report for batch, report in found.items() if report is not None}


def _labelled_rows(event: EventLogRecord) -> int:
    return int(number(event, "labelled_rows"))


def _attempts(
    instance: DagsterInstance,
    state: ModelState,
    newest: str | None,
    running: Sequence[RunRecord] | None,
    glance: Glance | None,
) -> Iterator[Attempt]:
    """Training runs of this model, oldest first: how each ended, by the gate's own word.

    A version that probation undid counts as beaten, at the batch where it was undone.
    """
    gated = dg.AssetKey([state.name, "champion"])
    gates = (
        newest_events(instance, gated, _gate_said, newest=glance and NEWEST)
        if glance is None or gated in glance.assets
        else ()
    )
    whole = (
        told.value for told in gates if told.value is not CHANGED
    )  # of others the ledger has the gate's word
    said = {run_id: (outcome, version) for run_id, outcome, version in whole if outcome}
    undone = {
        entry.from_version: entry.batch
        for entry in champions.rollbacks_of_probation(state.ledger, state.name, ATTEMPTS)
        if entry.batch is not None
    }
    refused = persons.refused(state.ledger, state.name, ATTEMPTS)
    former = renamed.former_names(state.ledger, state.name)
    names = [state.name, *former]
    if glance is not None:  # what was never begun has no run either
        names = [name for name in names if dg.AssetKey([name, "training_set"]) in glance.assets]
    records = [
        r for r in _trainings(instance, names, NEWEST if glance else ATTEMPTS) if _of_this_model(r, former)
    ]
    trained = dg.AssetKey([state.name, "trained_model"])
    if running is None:
        running = run_records(instance, dg.RunsFilter(statuses=IN_PROGRESS))
    by_hand = [r for r in running if trained in (r.dagster_run.asset_selection or ())]
    runs = {r.dagster_run.run_id: r for r in [*by_hand, *records]}
    index = state.indexes()
    limited = state.recipe.retraining.budget.cpu_hours is not None
    cpu = costs.cpu_of_runs(state.ledger, list(runs)) if limited else {}
    for record in sorted(runs.values(), key=lambda r: r.storage_id):
        run = record.dagster_run
        if is_changed(run):
            raise ChangedEventError(
                f"{state.name}: what Dagster's log says of the training run {run.run_id} was changed after it was"
                " written: delete that run in the web UI, so that it counts no more, or restore the log from a backup"
            )
        batch = run.tags.get(AS_OF_TAG) or newest
        if batch is None:
            continue
        outcome, version = said.get(run.run_id, (None, None))
        if run.status in IN_PROGRESS:
            outcome = "in_flight"
        elif run.status != DagsterRunStatus.SUCCESS or outcome is None:
            outcome = _gate_word(state, record) or "failed"
        elif version in undone:  # it was beaten after all, when its labels came
            outcome, batch = "keep", undone[version]
        elif version in refused:  # by a person, who need not be asked about the like at once
            outcome = "keep"
        at = record.create_timestamp.isoformat()
        cost = cpu.get(run.run_id)
        yield Attempt(batch_index=index(batch), outcome=outcome, at=at, cpu_seconds=cost, run=run.run_id)


def _trainings(instance: DagsterInstance, names: Sequence[str], limit: int) -> list[RunRecord]:
    """Read the newest training runs of a model, found by their tags and by their job: neither alone is sealed."""
    filters = [
        *([dg.RunsFilter(tags={TRAINING_TAG: names})] if names else []),
        *(dg.RunsFilter(job_name=f"{n}_train") for n in names),
    ]
    found = {r.storage_id: r for each in filters for r in run_records(instance, each, limit)}
    return [found[place] for place in sorted(found, reverse=True)[:limit]]


def newest_number_told(instance: DagsterInstance, state: ModelState) -> int:
    """Give the highest number of a version that the newest trainings in the event log made; 0 where there is none."""
    key = dg.AssetKey([state.name, "champion"])
    gates = newest_events(instance, key, _gate_said)
    return max((told.value[2] for told in gates if told.value is not CHANGED), default=0)


def _of_this_model(record: RunRecord, former: Mapping[str, datetime]) -> bool:
    """Whether a run of this name, or of a former one, is not that of another model which has the name now."""
    until = former.get(record.dagster_run.tags.get(TRAINING_TAG, ""))
    return until is None or record.create_timestamp.timestamp() <= until.timestamp()


def _gate_said(event: EventLogRecord) -> tuple[str, str | None, int]:
    """Read how a training ended: its run, the gate's word, the version."""
    outcome = metadata(event).get("outcome")
    return event.run_id, None if outcome is None else str(outcome.value), int(number(event, "version"))


def _gate_word(state: ModelState, record: RunRecord) -> Any:
    """What the gate had said when the run died: the ledger has it though the event log may not."""
    start, end = record.create_timestamp.timestamp(), record.end_time or math.inf
    gate = state.ledger.find(state.name, champions.GATE, 2 * ATTEMPTS, state="done")
    during = [e.kind for e in gate if start <= datetime.fromisoformat(e.at).timestamp() <= end]
    return during[-1] if during else None


def champion_of(state: ModelState, info: VersionInfo | None) -> Champion | None:
    """Give the version in charge as a decision sees it."""
    if info is None:
        return None
    # Of a window that is chosen anew each time, what there was to learn from says more than what was chosen.
    rows = 0 if state.recipe.training.window == "auto" else info.trained.training.rows
    return Champion(
        version=info.version,
        as_of_index=state.index(info.as_of),
        trained_at=info.trained_at,
        rows=rows,
    )
