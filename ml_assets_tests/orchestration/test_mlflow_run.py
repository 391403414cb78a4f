"""Laws of the MLflow run that belongs to a Dagster run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa

from ml_assets.names import MODEL_TAG
from ml_assets.orchestration.mlflow_run import mlflow_resource
from ml_assets.registry import tracking
from ml_assets.registry.database import configure
from ml_assets.settings import Settings

SEEN = """
select run_uuid, name, status from runs
where run_uuid not in (select run_uuid from tags where key = 'dagster_run_id' and value = ?)
"""


@contextmanager
def watched(path: Path, dagster_run_id: str) -> Iterator[list[Any]]:
    """Look at the database, as whoever comes after a kill, before and after each of this process's transactions."""
    lost: list[Any] = []

    def look(_: Any) -> None:
        with closing(sqlite3.connect(path)) as another:
            lost.extend(another.execute(SEEN, (dagster_run_id,)))

    moments = ("begin", "commit")
    for moment in moments:
        sa.event.listen(sa.Engine, moment, look)
    try:
        yield lost
    finally:
        for moment in moments:
            sa.event.remove(sa.Engine, moment, look)


def test_at_no_moment_is_there_a_run_of_mlflow_that_its_dagster_run_does_not_find(mlflow_home: Path) -> None:
    settings = Settings(home=mlflow_home)
    run = dg.DagsterRun(job_name="tide_monitor", tags={MODEL_TAG: "tide", "dagster/partition": "2024-01-05"})
    client = configure(settings)
    used = []
    with dg.instance_for_test() as instance:
        for _ in range(2):  # a step, and another one of the same run
            with (
                watched(mlflow_home / "mlflow.db", run.run_id) as lost,
                dg.build_resources(
                    {"mlflow": mlflow_resource(settings)}, instance=instance, dagster_run=run
                ) as made,
            ):
                used.append(made.mlflow.active_run().info.run_id)
                assert client.get_run(used[-1]).info.run_name == "monitor 2024-01-05"
                assert client.get_run(used[-1]).info.status == "RUNNING"
            assert lost == []
            assert client.get_run(used[-1]).info.status == "FINISHED"
    assert used[0] == used[1]
    assert client.get_run(used[0]).data.tags["dagster_job"] == "tide_monitor"
    client.update_run(used[0], status="RUNNING")
    assert tracking.end_runs_of(client, run.run_id, "FAILED") == [used[0]]
