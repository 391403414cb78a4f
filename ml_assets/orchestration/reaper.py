"""Runs whose process was killed: found by their process id, and reported as failed."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterRunStatus

if TYPE_CHECKING:
    from dagster import DagsterInstance

PROCESS_TAG = "ml_assets/process"


def process_tag() -> str:
    """Name this process so that another can tell whether it still lives: host, pid, start time."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def reap(instance: DagsterInstance) -> list[str]:
    """Report each run as failed whose process on this machine is gone; free its slots.

    Returns
    -------
    list of str
        Ids of the runs.
    """
    records = instance.get_run_records(
        dg.RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.STARTING])
    )
    dead = [r.dagster_run for r in records if _is_dead(r.dagster_run.tags.get(PROCESS_TAG, ""))]
    for run in dead:
        instance.report_run_failed(
            run, "the process of this run is gone: it was killed or the machine stopped"
        )
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return [run.run_id for run in dead]


def _is_dead(tag: str) -> bool:
    host, _, rest = tag.partition(":")
    pid, _, started = rest.partition(":")
    if host != socket.gethostname() or not pid.isdigit():
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
