"""What is known about one model when a decision is made, read from Dagster's event log and the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import dagster as dg
from dagster import DagsterRunStatus

from ml_assets.lifecycle.state import ModelState
from ml_assets.names import AS_OF_TAG, STATIC, TRAINING_TAG
from ml_assets.records import (
    Attempt,
    BatchEvidence,
    Champion,
    DriftReport,
    History,
    PerformanceReport,
    Record,
)
from ml_assets.registry import champions

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogRecord, RunRecord

    from ml_assets.registry.ledger import Entry

AnyReport = TypeVar("AnyReport", bound=Record)

REMEMBERED = 200
"""Newest events of an asset, and newest runs of a model, that a decision looks at."""

IN_PROGRESS = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def read_history(instance: DagsterInstance, state: ModelState) -> History:
    """Read the batches, the training runs and the champion of one model.

    Parameters
    ----------
    instance : DagsterInstance
        Where the events are.
    state : ModelState
        The model.

    Returns
    -------
    History
        Batches and attempts in the order of the calendar.
    """
    drift = _reports(instance, state, "drift_report", DriftReport)
    performance = _reports(instance, state, "performance_report", PerformanceReport)
    labelled = {
        batch: int(_number(record, "labelled_rows"))
        for batch, record in newest_materializations(instance, state, "cleaned_features")
    }
    batches = sorted({*drift, *performance})
    newest = max({*batches, *labelled}, default=None)
    known = {b: n for b, n in labelled.items() if newest and b <= state.labelled_until(newest) and n}
    return History(
        recipe=state.name,
        batches=tuple(
            BatchEvidence(
                batch=batch,
                index=state.index(batch),
                drift=drift.get(batch),
                performance=performance.get(batch),
            )
            for batch in batches
        ),
        attempts=tuple(_attempts(instance, state, newest)),
        champion=champion_in_charge(state),
        labelled_batches=len(known),
        labelled_rows=sum(known.values()),
    )


def newest_materializations(
    instance: DagsterInstance, state: ModelState, asset: str
) -> Iterator[tuple[str, EventLogRecord]]:
    """Give the newest event of each batch, newest event first."""
    events = instance.fetch_materializations(dg.AssetKey([state.name, asset]), limit=REMEMBERED)
    seen = set()
    for event in events.records:
        batch = event.partition_key or STATIC
        if batch not in seen:
            seen.add(batch)
            yield batch, event


def _reports(
    instance: DagsterInstance, state: ModelState, asset: str, kind: type[AnyReport]
) -> dict[str, AnyReport]:
    return {
        batch: kind.model_validate(metadata(event)["record"].value)
        for batch, event in newest_materializations(instance, state, asset)
        if "record" in metadata(event)
    }


def metadata(event: EventLogRecord) -> Any:
    """Metadata of a materialization."""
    materialization = event.asset_materialization
    return materialization.metadata if materialization is not None else {}


def _number(event: EventLogRecord, key: str) -> float:
    value = metadata(event).get(key)
    return float(value.value) if value is not None else 0.0


def _attempts(instance: DagsterInstance, state: ModelState, newest: str | None) -> Iterator[Attempt]:
    """Training runs of this model, oldest first: how each ended, by the gate's own word.

    A version that probation undid counts as beaten, at the batch where it was undone.
    """
    gates = {
        event.run_id: (metadata(event)["outcome"].value, int(_number(event, "version")))
        for event in instance.fetch_materializations(
            dg.AssetKey([state.name, "champion"]), limit=REMEMBERED
        ).records
        if "outcome" in metadata(event)
    }
    undone = {
        entry.from_version: entry.batch
        for entry in champions.rollbacks_of_probation(state.ledger, state.name)
        if entry.batch is not None
    }
    records = instance.get_run_records(dg.RunsFilter(tags={TRAINING_TAG: state.name}), limit=REMEMBERED)
    trained = dg.AssetKey([state.name, "trained_model"])
    running = instance.get_run_records(dg.RunsFilter(statuses=IN_PROGRESS))
    by_hand = [r for r in running if trained in (r.dagster_run.asset_selection or ())]
    runs = {r.dagster_run.run_id: r for r in [*by_hand, *records]}
    gate = [e for kind in champions.GATE for e in state.ledger.entries(state.name, kind) if e.state == "done"]
    for record in sorted(runs.values(), key=lambda r: r.create_timestamp):
        run = record.dagster_run
        batch = run.tags.get(AS_OF_TAG) or newest
        if batch is None:
            continue
        outcome, version = gates.get(run.run_id, (None, None))
        if run.status in IN_PROGRESS:
            outcome = "in_flight"
        elif run.status != DagsterRunStatus.SUCCESS or outcome is None:
            outcome = _gate_word(gate, record) or "failed"
        elif version in undone:  # it was beaten after all, when its labels came
            outcome, batch = "keep", undone[version]
        yield Attempt(batch_index=state.index(batch), outcome=outcome, at=record.create_timestamp.isoformat())


def _gate_word(gate: Sequence[Entry], record: RunRecord) -> Any:
    """What the gate had said when the run died: the ledger has it though the event log may not."""
    start, end = record.create_timestamp.timestamp(), record.end_time or math.inf
    during = [e.kind for e in gate if start <= datetime.fromisoformat(e.at).timestamp() <= end]
    return during[-1] if during else None


def champion_in_charge(state: ModelState) -> Champion | None:
    """Read the champion from the ledger, which needs no MLflow."""
    info = champions.champion(state.ledger, state.name)
    if info is None:
        return None
    return Champion(version=info.version, as_of_index=state.index(info.as_of), trained_at=info.trained_at)
