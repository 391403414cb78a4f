"""MLflow tracking: one run per training and per trial, with parameters, scores and what was made.

Everything goes through a client and explicit run ids: MLflow's "active run" is never used, so nothing
here depends on, or disturbs, what another thread or library is logging.
"""

from __future__ import annotations

import atexit
import math
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ml_assets.names import ROW_ID
from ml_assets.records import Evaluation, TrainingResult, Trial
from ml_assets.registry.files import TRAINING, write_training
from ml_assets.registry.pipelines import log_pipeline
from ml_assets.registry.run_page import EXPERIMENT
from ml_assets.settings import Settings
from ml_assets.shown import listed
from ml_assets.store import tally

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from ml_assets.recipe.schema import Recipe

Status = Literal["FINISHED", "FAILED", "KILLED"]

TRIAL_STATUS: dict[str, Status] = {"complete": "FINISHED", "pruned": "FINISHED", "failed": "FAILED"}
"""A pruned trial did what it should: its name says that it was stopped early, no red mark does."""
TRIAL_ENDED = {"complete": "", "pruned": ", stopped early", "failed": ", failed"}
PARAM_LENGTH = 6000  # MLflow's limit on the value of a parameter
PARAMS_AT_ONCE = 100  # MLflow's limit on one batch
PARENT = "mlflow.parentRunId"
DAGSTER_RUN = "dagster_run_id"
"""Tag by which dagster-mlflow finds the run of a Dagster run again."""
SOURCE = {"mlflow.source.name": "ml_assets", "mlflow.user": "ml_assets"}


class Logged(NamedTuple):
    """Where a training was logged."""

    run_id: str
    model_uri: str
    sha256: str


@dataclass(frozen=True)
class RunPlace:
    """Where a run is logged: its experiment, the run it lies below, its tags."""

    experiment_id: str
    parent_run_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def ensure_experiment(client: MlflowClient, settings: Settings, name: str) -> str:
    """Return the id of an experiment, made if it is missing.

    Its artifacts go below the home or `storage.root`, or, with a tracking server, where the server keeps them. Must
    come before dagster-mlflow's resource, which would put them into the current directory.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        served = client.tracking_uri.startswith(("http:", "https:"))
        location = None if served else f"{settings.artifacts_uri}/{name}"
        try:
            return str(client.create_experiment(name, artifact_location=location, tags=EXPERIMENT))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    for key, value in EXPERIMENT.items():
        if key not in found.tags:  # it was made by an older version, or by hand
            client.set_experiment_tag(found.experiment_id, key, value)
    return str(found.experiment_id)


@contextmanager
def nested_run(client: MlflowClient, name: str, place: RunPlace) -> Iterator[str]:
    """Open a run; it ends FINISHED, or FAILED when the body raises."""
    parent = {PARENT: place.parent_run_id} if place.parent_run_id else {}
    run = client.create_run(place.experiment_id, run_name=name, tags={**SOURCE, **parent, **place.tags})
    run_id = str(run.info.run_id)
    try:
        yield run_id
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def log_training(
    client: MlflowClient,
    place: RunPlace,
    *,
    recipe: Recipe,
    pipeline: Any,
    training: TrainingResult,
    rows: pd.DataFrame,
    raw: pd.DataFrame,
    trials: bool = True,
) -> Logged:
    """Log one training as a run: parameters, scores, trials, the fitted pipeline and its training rows.

    Parameters
    ----------
    place : RunPlace
        Where; its parent is the run of the whole Dagster run.
    pipeline : Pipeline
        The fitted pipeline.
    training : TrainingResult
        What the fit knew.
    rows : DataFrame of shape (n_rows, n_columns)
        The rows it was fitted on: features, targets and `row_id__`.
    raw : DataFrame of shape (n_raw_rows, n_raw_columns)
        Some rows as they came: what an MLflow client will hand the model.
    trials : bool
        Whether each trial of the search becomes a run below this one; not again for a refit.

    Returns
    -------
    Logged
        Run id, address and hash of the model.

    Raises
    ------
    ValueError
        If `rows` lacks a column.
    """
    features, targets = list(training.features), recipe.targets
    missing = [c for c in (*features, *targets, ROW_ID) if c not in rows.columns]
    if missing:
        raise ValueError(f"{recipe.name}: the training rows to be logged have no column {listed(missing)}")
    name = f"fit {training.class_path.rpartition('.')[2]}{'' if trials else ' again, on all rows'}"
    experiment_id, tags = place.experiment_id, {"recipe": recipe.name, **place.tags}
    with nested_run(client, name, replace(place, tags=tags)) as run_id:
        log_params(client, run_id, {"class_path": training.class_path, **training.params})
        scores = {f"cv_{training.metric}": _mean(training.cv_scores)} if training.cv_scores else {}
        if training.over_folds is not None:
            scores[f"cv_{training.metric}_std"] = training.over_folds.deviation
        log_metrics(
            client,
            run_id,
            {**scores, "rows": training.rows, "features": len(features), "seconds": training.seconds},
        )
        with tempfile.TemporaryDirectory() as folder:
            write_training(Path(folder), training, rows, targets)
            tally.wrote_files(Path(folder))
            client.log_artifacts(run_id, folder, TRAINING)
        model_uri, sha256 = log_pipeline(client, experiment_id, run_id, recipe, pipeline, training, rows, raw)
        if trials and training.tuning is not None:
            start = time.time() - sum(trial.seconds for trial in training.tuning.history)
            for trial in training.tuning.history:
                _log_trial(client, experiment_id, run_id, training.tuning.metric, trial, start)
                start += trial.seconds
    return Logged(run_id, model_uri, sha256)


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)


def _log_trial(
    client: MlflowClient, experiment_id: str, parent_run_id: str, metric: str, trial: Trial, start: float
) -> None:
    run = client.create_run(
        experiment_id,
        start_time=int(start * 1000),
        run_name=f"trial {trial.number}{TRIAL_ENDED[trial.state]}",
        tags={**SOURCE, PARENT: parent_run_id, "trial": str(trial.number), "state": trial.state},
    )
    log_params(client, run.info.run_id, trial.params)
    if trial.value is not None:
        log_metrics(client, run.info.run_id, {metric: trial.value})
    end = int((start + trial.seconds) * 1000)
    client.set_terminated(run.info.run_id, TRIAL_STATUS[trial.state], end_time=end)


def log_params(client: MlflowClient, run_id: str, params: Mapping[str, Any]) -> None:
    """Log parameters, cut to the length that MLflow takes."""
    from mlflow.entities import Param

    listed = [Param(name, str(value)[:PARAM_LENGTH]) for name, value in params.items()]
    for first in range(0, len(listed), PARAMS_AT_ONCE):
        client.log_batch(run_id, params=listed[first : first + PARAMS_AT_ONCE])


def log_metrics(client: MlflowClient, run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
    """Log the finite ones among these numbers."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    listed = [Metric(name, float(v), now, step) for name, v in metrics.items() if math.isfinite(v)]
    client.log_batch(run_id, metrics=listed)


def log_evaluation(client: MlflowClient, run_id: str, evaluation: Evaluation) -> None:
    """Log the hold-out scores with their intervals and the baseline, and the whole record as JSON."""
    values = {}
    for name, score in evaluation.scores.items():
        values[f"holdout_{name}"] = score.value
        values[f"holdout_{name}_low"] = score.low
        values[f"holdout_{name}_high"] = score.high
    values |= {f"baseline_{name}": value for name, value in evaluation.baseline.items()}
    log_metrics(client, run_id, values)
    client.log_dict(run_id, evaluation.model_dump(mode="json"), "evaluation.json")


def log_files(client: MlflowClient, run_id: str, files: Mapping[str, bytes], folder_name: str) -> None:
    """Log small files as artifacts, by name."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
            tally.wrote(size=len(content))
        client.log_artifacts(run_id, folder, folder_name)


def begun_run(client: MlflowClient, place: RunPlace, dagster_run_id: str, name: str) -> Run:
    """Return the run that belongs to a Dagster run, begun where there is none.

    It is written together with the tag that it is found by, so that a kill at any moment leaves none that
    `end_runs_of` does not find: dagster-mlflow itself begins a run first and tags it then.
    """
    found = client.search_runs(
        [place.experiment_id], f"tags.{DAGSTER_RUN} = '{dagster_run_id}'", max_results=1
    )
    if found:
        return found[0]
    tags = {**SOURCE, **place.tags, DAGSTER_RUN: dagster_run_id}
    return client.create_run(place.experiment_id, run_name=name, tags=tags)


def end_run(client: MlflowClient, run_id: str, status: Status) -> None:
    """End a run with this status, also where it is MLflow's active run in this thread."""
    import mlflow

    active = mlflow.active_run()
    if active is not None and active.info.run_id == run_id:
        mlflow.end_run(status)
    client.set_terminated(run_id, status)


def end_runs_of(client: MlflowClient, dagster_run_id: str, status: Status) -> list[str]:
    """End the run that belongs to a dead Dagster run, and the runs nested in it, where they are still open.

    Returns
    -------
    list of str
        Ids of the runs that were ended.
    """
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    wanted = [f"tags.{DAGSTER_RUN} = '{dagster_run_id}'"]
    ended = []
    while wanted:
        for run in client.search_runs(experiments, wanted.pop()):
            if run.info.status in ("RUNNING", "SCHEDULED"):
                client.set_terminated(run.info.run_id, status)
                ended.append(str(run.info.run_id))
            wanted.append(f"tags.`{PARENT}` = '{run.info.run_id}'")
    return ended


def unregister_exit_hook() -> None:
    """Keep MLflow from ending its active run as FINISHED when this process exits.

    dagster-mlflow 0.29 means to do this but names another function than the one MLflow registers
    (mlflow/tracking/fluent.py, `_safe_end_run`), so a failed Dagster run ends FINISHED.
    """
    from mlflow.tracking import fluent

    atexit.unregister(fluent._safe_end_run)
