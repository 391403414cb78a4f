"""Whether the newest batch was taken in, as the event log tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import dagster as dg
from dagster import AssetCheckKey, DagsterEventType, DagsterRunStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, PARTITION_NAME_TAG

from ml_assets.lifecycle.state import ModelState
from ml_assets.names import STATIC
from ml_assets.orchestration.run_log import run_records
from ml_assets.orchestration.runs import RefusedError, failure

if TYPE_CHECKING:
    from dagster import DagsterInstance


class Refused(NamedTuple):
    """A batch that was not taken in, and why; by the contract, or because its run failed."""

    batch: str
    why: str
    by_contract: bool


def refused_batch(instance: DagsterInstance, state: ModelState, reported: str | None) -> Refused | None:
    """Find out whether the newest batch was refused.

    Parameters
    ----------
    instance : DagsterInstance
        Where the events are.
    state : ModelState
        The model.
    reported : str or None
        The newest batch with a report: what was refused before it is not the newest.
    """
    return _by_contract(instance, state, reported) or _by_its_run(instance, state, reported)


def _by_contract(instance: DagsterInstance, state: ModelState, reported: str | None) -> Refused | None:
    key = AssetCheckKey(dg.AssetKey([state.name, "raw_data"]), "contract")
    newest = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    if not newest or newest[0].status != AssetCheckExecutionRecordStatus.FAILED or newest[0].event is None:
        return None
    found = run_records(instance, dg.RunsFilter(run_ids=[newest[0].run_id]), 1)
    batch = _batch(found[0].dagster_run if found else None)
    if reported is not None and batch < reported:
        return None
    event = newest[0].event.dagster_event
    said = event.asset_check_evaluation_data.description if event is not None else None
    return Refused(batch, said or "the contract failed", by_contract=True)


def _by_its_run(instance: DagsterInstance, state: ModelState, reported: str | None) -> Refused | None:
    wanted_runs = dg.RunsFilter(job_name=f"{state.name}_monitor")
    runs = [each.dagster_run for each in run_records(instance, wanted_runs, 1)]
    if not runs or runs[0].status != DagsterRunStatus.FAILURE:
        return None
    batch = _batch(runs[0])
    if reported is not None and batch <= reported:
        return None
    error = failure(_told(instance, runs[0].run_id))
    return Refused(batch, str(error), by_contract=isinstance(error, RefusedError))


def why_failed(instance: DagsterInstance, run_id: str, said: str) -> str:
    """Say why a run failed: what its step or its check said; else what Dagster said of the run."""
    events = _told(instance, run_id)
    stepped = any(event.event_type == DagsterEventType.STEP_FAILURE for event in events)
    return str(failure(events)) if stepped else said


def _told(instance: DagsterInstance, run_id: str) -> list[dg.DagsterEvent]:
    wanted = {
        DagsterEventType.STEP_FAILURE,
        DagsterEventType.RUN_FAILURE,
        DagsterEventType.ASSET_CHECK_EVALUATION,
    }
    entries = instance.get_records_for_run(run_id, of_type=wanted).records
    events = [entry.event_log_entry.dagster_event for entry in entries]
    return [event for event in events if event is not None]


def _batch(run: dg.DagsterRun | None) -> str:
    tags = run.tags if run is not None else {}
    return tags.get(PARTITION_NAME_TAG) or tags.get(ASSET_PARTITION_RANGE_END_TAG) or STATIC
