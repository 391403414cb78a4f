"""Runs whose process was killed: found by their process id, reported as failed, and tidied up after."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterRunStatus

from ml_assets.names import PROCESS_TAG
from ml_assets.orchestration.run_log import run_records
from ml_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, RunRecord

IN_PROGRESS = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def process_tag(run_id: str) -> str:
    """Name this process so that another can tell whether it still lives: host, pid, start time, and its run.

    Dagster copies the tags of a run to the run that repeats it: by the run's id such a copy is known.
    """
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}:{run_id}"


def open_runs(instance: DagsterInstance, settings: Settings) -> list[RunRecord]:
    """Read the runs that have not ended, of all models; those whose process is gone are reported, and left out."""
    records = run_records(instance, dg.RunsFilter(statuses=IN_PROGRESS))
    dead = _reported(instance, settings, records)
    return [record for record in records if record.dagster_run.run_id not in dead]


def reap(instance: DagsterInstance, settings: Settings) -> list[str]:
    """Report each run as failed whose process on this machine is gone; free its slots, tidy up after it.

    Returns
    -------
    list of str
        Ids of the runs.
    """
    return _reported(instance, settings, run_records(instance, dg.RunsFilter(statuses=IN_PROGRESS)))


def _reported(instance: DagsterInstance, settings: Settings, records: Sequence[RunRecord]) -> list[str]:
    dead = [r.dagster_run for r in records if _is_dead(r.dagster_run)]
    for run in dead:
        tidy_up(settings, run.run_id)  # first: if this process dies, too, the next one finds the run again
        instance.report_run_failed(
            run, "the process of this run is gone: it was killed or the machine stopped"
        )
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return [run.run_id for run in dead]


def tidy_up(settings: Settings, run_id: str) -> None:
    """End the MLflow runs that a dead Dagster run left open, and the change of champion it was in."""
    from ml_assets.registry import charge, tracking
    from ml_assets.registry.ledger import Ledger
    from ml_assets.registry.versions import LostRegistryError, Registry

    ledger = Ledger(settings.ledger)
    registry = Registry(settings, ledger)
    tracking.end_runs_of(registry.client, run_id, "FAILED")
    for name in {intent.recipe for intent in ledger.open_intents()}:
        with suppress(LostRegistryError):  # the intent is aborted then; what was asked for says what is lost
            charge.reconcile(registry, name)


def _is_dead(run: dg.DagsterRun) -> bool:
    host, _, rest = run.tags.get(PROCESS_TAG, "").partition(":")
    process, _, run_id = rest.rpartition(":")
    pid, _, started = process.partition(":")
    if host != socket.gethostname() or not pid.isdigit() or run_id != run.run_id:
        return False
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """Start time of a process in clock ticks since boot (proc(5), field 22), or "" if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return str(pid) if _exists(pid) and not Path("/proc/self").exists() else ""
    return text.rpartition(")")[2].split()[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
