"""One MLflow run for each Dagster run, through dagster-mlflow, ended with the status the Dagster run has.

dagster-mlflow removes MLflow's exit hook by a name MLflow no longer uses, so the exit of any process marks
the shared run FINISHED, whatever happened. Here, and only here, that is bridged: the hook is removed by its
present name, and when the resource is torn down the event log says whether a step failed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from ml_assets.failures import words
from ml_assets.names import AS_OF_TAG, MODEL_TAG
from ml_assets.orchestration.beta import expected_beta
from ml_assets.settings import Settings


def experiment_name(run: dg.DagsterRun | None) -> str:
    """Name the MLflow experiment: the model the run is about; `ml_assets` where it is about several."""
    if run is None:
        return "ml_assets"
    if model := run.tags.get(MODEL_TAG):
        return model
    prefixes = {key.path[0] for key in run.asset_selection or ()}
    return prefixes.pop() if len(prefixes) == 1 else "ml_assets"


def run_name(run: dg.DagsterRun) -> str:
    """Name the MLflow run while it goes on, by its work and its batch; its last step names it by what came of it."""
    tags = run.tags
    ends = (tags.get(ASSET_PARTITION_RANGE_START_TAG), tags.get(ASSET_PARTITION_RANGE_END_TAG))
    batch = (
        tags.get(PARTITION_NAME_TAG) or " to ".join(dict.fromkeys(filter(None, ends))) or tags.get(AS_OF_TAG)
    )
    kind = run.job_name.rpartition("_")[2]
    what = kind if kind in ("train", "monitor") else ", ".join(sorted(_assets(run))) or run.job_name
    return f"{what} {batch}" if batch else what


def _assets(run: dg.DagsterRun) -> set[str]:
    return {key.path[-1] for key in run.asset_selection or ()}


def mlflow_resource(settings: Settings) -> dg.ResourceDefinition:
    """Make the resource `mlflow`: dagster-mlflow's, with its exit defect bridged."""

    def mlflow(context: dg.InitResourceContext) -> Iterator[Any]:
        run = context.run
        from ml_assets.registry import database, run_page, tracking

        with _told(settings):
            client = database.configure(settings)
            name = experiment_name(run)
            experiment = tracking.ensure_experiment(client, settings, name)
            tags = {"dagster_job": run.job_name if run else ""}
            config = {
                "experiment_name": name,
                "mlflow_tracking_uri": client.tracking_uri,
                "extra_tags": tags,
            }
            begun = None
            if run is not None:
                place = tracking.RunPlace(experiment, tags=tags)
                begun = tracking.begun_run(client, place, run.run_id, run_name(run)).info
                config["mlflow_run_id"] = begun.run_id
            with expected_beta():
                from dagster_mlflow import mlflow_tracking

                inner = mlflow_tracking.resource_fn(context.replace_config(config))
                with unchanged_environment():  # MLflow writes the address it was given there, and we read it
                    resource = next(inner)
            tracking.unregister_exit_hook()
            run_id = resource.active_run().info.run_id
            if begun is not None:
                run_page.rename_run(client, run_id, begun.run_name)  # dagster-mlflow names it after the job
        try:
            yield resource
        finally:
            tracking.end_run(client, run_id, "FAILED" if _failed(context) else "FINISHED")
            inner.close()

    return dg.ResourceDefinition(mlflow, description="The MLflow run that belongs to this Dagster run.")


@contextmanager
def _told(settings: Settings) -> Iterator[None]:
    """Say in one line what keeps MLflow from beginning a run."""
    try:
        yield
    except Exception as error:  # what has no words is raised as it came
        told = words(error, settings.home)
        if told is None:
            raise
        raise dg.Failure(told[0]) from error


@contextmanager
def unchanged_environment() -> Iterator[None]:
    """Undo what a library writes into the environment."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _failed(context: dg.InitResourceContext) -> bool:
    assert context.instance is not None and context.run is not None
    failures = context.instance.get_records_for_run(
        context.run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1
    )
    return bool(failures.records)


def _end_mlflow_run(context: Any, event_list: Any) -> Any:
    with expected_beta():
        from dagster_mlflow import end_mlflow_on_run_finished

    return end_mlflow_on_run_finished.hook_fn(context, event_list)


end_mlflow_run = dg.HookDefinition(
    name="end_mlflow_on_run_finished",
    hook_fn=_end_mlflow_run,
    required_resource_keys={"mlflow"},
    decorated_fn=_end_mlflow_run,
)
"""dagster-mlflow's hook, imported when a step ends and not when the code location loads."""
