"""Whether Dagster's databases are whole, its daemon lives, and no run is stuck."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus

from ml_assets.orchestration.reaper import reap
from ml_assets.orchestration.run_log import run_records
from ml_assets.orchestration.run_seal import is_changed
from ml_assets.orchestration.runs import prepare_home
from ml_assets.records.health import Examined
from ml_assets.registry.examine import sound
from ml_assets.settings import Settings

STUCK = {
    DagsterRunStatus.QUEUED: timedelta(hours=1),
    DagsterRunStatus.NOT_STARTED: timedelta(hours=1),
    DagsterRunStatus.STARTING: timedelta(hours=1),
    DagsterRunStatus.STARTED: timedelta(hours=6),
    DagsterRunStatus.CANCELING: timedelta(hours=1),
}
"""How long a run may stay like this."""

SILENT = 180.0
"""Seconds without a sign of life, of which a daemon gives one every 30, after which it is told as not running."""

EXAMINED = 500
"""Newest runs: decisions look at fewer."""

DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")


def examine(settings: Settings) -> Iterator[Examined]:
    """Look at Dagster's databases, its daemon and its runs; runs whose process is gone are reported as failed."""
    found = [
        sound(settings.dagster_home / name) for name in DATABASES if (settings.dagster_home / name).is_file()
    ]
    yield from found
    if not all(each.ok for each in found):
        return
    prepare_home(settings)
    with dg.DagsterInstance.get() as instance:
        reaped = reap(instance, settings)
        yield _daemon(instance)
        yield from _runs(instance)
    if reaped:
        yield Examined(
            part="killed runs", found=f"{len(reaped)} were reported as failed, and tidied up after"
        )


def daemon_lives(instance: dg.DagsterInstance) -> bool:
    """Whether the daemon gave a sign of life lately."""
    beats = [
        each.last_heartbeat.timestamp
        for each in instance.get_daemon_statuses().values()
        if each.last_heartbeat
    ]
    return bool(beats) and time.time() - max(beats) < SILENT


def _daemon(instance: dg.DagsterInstance) -> Examined:
    """Say whether the daemon lives; without one nothing arrives by itself, which may be meant so."""
    found = (
        "at work"
        if daemon_lives(instance)
        else "not running: no batch and no training comes by itself (`ml-assets ui` starts it)"
    )
    return Examined(part="daemon", found=found)


def _runs(instance: dg.DagsterInstance) -> Iterator[Examined]:
    for record in run_records(instance, dg.RunsFilter(), EXAMINED):
        if is_changed(record.dagster_run):
            yield Examined(
                part="runs",
                found=f"the tags of run {record.dagster_run.run_id} were changed after they were written",
                ok=False,
                remedy="delete that run in the web UI, or restore dagster/history from a backup",
            )
    records = run_records(instance, dg.RunsFilter(statuses=list(STUCK)))
    stuck = [r for r in records if datetime.now(UTC) - r.update_timestamp > STUCK[r.dagster_run.status]]
    for record in stuck:
        run, since = record.dagster_run, f"{record.update_timestamp:%Y-%m-%d %H:%M}"
        yield Examined(
            part="runs",
            found=f"run {run.run_id} of {run.job_name} is {run.status.value.lower()} since {since}",
            ok=False,
            remedy="end it in the web UI (Runs, Terminate), then start it again",
        )
    if not stuck:
        yield Examined(part="runs", found=f"{len(records)} in progress, none stuck")
