"""MLflow tracking: the store, one run per training and per trial, the model and the rows it learned from.

Everything goes through a client and explicit run ids: MLflow's "active run" is never used, so nothing
here depends on, or disturbs, what another thread or library is logging.
"""

from __future__ import annotations

import atexit
import fcntl
import logging
import math
import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ml_assets.records import Evaluation, Profile, TrainingResult, Trial
from ml_assets.registry.integrity import model_sha256

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

Status = Literal["FINISHED", "FAILED", "KILLED"]

TRAINING = "training"
"""Folder of a training run's artifacts."""
REFERENCE = "reference.parquet"
ROW_IDS = "row_ids.npy"
PROFILE = "profile.json"
HOLDOUT = "holdout.parquet"
ROW_ID = "row_id__"
BATCH = "batch__"

REFERENCE_ROWS = 50_000  # Evidently takes minutes and gigabytes on a million rows
HOLDOUT_ROWS = 10_000
PREDICTED = "predicted:"
"""Begins the columns of the hold-out that are predictions, so that no feature's name is theirs."""
TRIAL_STATUS: dict[str, Status] = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
PARAM_LENGTH = 6000  # MLflow's limit on the value of a parameter
PARAMS_AT_ONCE = 100  # MLflow's limit on one batch
PARENT = "mlflow.parentRunId"
SOURCE = {"mlflow.source.name": "ml_assets", "mlflow.user": "ml_assets"}
DISTRIBUTIONS = {"sklearn": "scikit-learn"}
REQUIREMENTS = ("mlflow", "scikit-learn", "pandas", "numpy", "scipy", "cloudpickle")
DELETED = "Deleted_Internal"
"""Stage of a version that was deleted: MLflow keeps its row, so that its number is not given again."""
TALKATIVE = ("mlflow.sklearn", "mlflow.store.db.utils", "mlflow.models.model", "alembic")


class Logged(NamedTuple):
    """Where a training was logged."""

    run_id: str
    model_uri: str
    sha256: str


def tracking_uri(home: Path, given: str | None = None) -> str:
    """Address of the tracking store: the one given, else the database in the home."""
    return given or f"sqlite:///{home.absolute() / 'mlflow.db'}"


def configure(home: Path, given: str | None = None) -> MlflowClient:
    """Make a client, and the database in the home where it is needed and missing.

    Telemetry is switched off, and MLflow's advice about pickled models too: ours are verified by hash.
    """
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    from mlflow import MlflowClient

    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    if given is None:
        create_database(home)
    uri = tracking_uri(home, given)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def create_database(home: Path) -> None:
    """Make `mlflow.db` in the home unless it is there: whole or not at all, whenever a kill comes."""
    import sqlite3

    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    target = home.absolute() / "mlflow.db"
    if target.exists():
        return
    locks = home / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (
        (locks / "mlflow.lock").open("a") as lock,
        tempfile.TemporaryDirectory(dir=home, prefix=".mlflow-") as folder,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return
        made = Path(folder) / "mlflow.db"
        store = SqlAlchemyStore(f"sqlite:///{made}", (home.absolute() / "artifacts").as_uri())
        store.engine.dispose()
        connection = sqlite3.connect(made)
        connection.execute("PRAGMA journal_mode=WAL")  # stays in the file; readers do not stop the writer
        connection.close()
        with made.open("rb") as handle:
            os.fsync(handle.fileno())
        # What a deleted database left, SQLite would write into the new one.
        for left in ("-wal", "-shm"):
            target.with_name(target.name + left).unlink(missing_ok=True)
        made.replace(target)


def has_version(home: Path, recipe: str, version: int) -> bool:
    """Whether `mlflow.db` in the home has a version of a model; read without MLflow, whose import takes seconds."""
    import sqlite3

    database = home.absolute() / "mlflow.db"
    if not database.is_file():
        return False
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'model_versions'")
        if not tables.fetchone()[0]:
            return False
        found = connection.execute(
            "SELECT 1 FROM model_versions WHERE name = ? AND version = ? AND current_stage != ?",
            (recipe, version, DELETED),
        )
        return found.fetchone() is not None


def ensure_experiment(client: MlflowClient, home: Path, name: str) -> str:
    """Return the id of an experiment, made if it is missing.

    Its artifacts go below the home, or, with a tracking server, where the server keeps them. Must come
    before dagster-mlflow's resource, which would put them into the current directory.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        served = client.tracking_uri.startswith(("http:", "https:"))
        location = None if served else (home.absolute() / "artifacts" / name).as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=location))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


@contextmanager
def nested_run(
    client: MlflowClient,
    experiment_id: str,
    name: str,
    *,
    parent_run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Open a run; it ends FINISHED, or FAILED when the body raises."""
    parent = {PARENT: parent_run_id} if parent_run_id else {}
    run = client.create_run(experiment_id, run_name=name, tags={**SOURCE, **parent, **(tags or {})})
    run_id = str(run.info.run_id)
    try:
        yield run_id
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def log_training(
    client: MlflowClient,
    experiment_id: str,
    *,
    recipe: str,
    pipeline: Any,
    training: TrainingResult,
    rows: pd.DataFrame,
    target: str,
    parent_run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    trials: bool = True,
) -> Logged:
    """Log one training as a run: parameters, scores, trials, the fitted pipeline and its training rows.

    Parameters
    ----------
    pipeline : Pipeline
        The fitted pipeline.
    training : TrainingResult
        What the fit knew.
    rows : DataFrame of shape (n_rows, n_columns)
        The rows it was fitted on: features, target and `row_id__`.
    parent_run_id : str, optional
        The run of the whole Dagster run.
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
    features = list(training.features)
    missing = [c for c in (*features, target, ROW_ID) if c not in rows.columns]
    if missing:
        raise ValueError(f"{recipe}: the training rows to be logged have no column {', '.join(missing)}")
    name = f"train {training.class_path.rpartition('.')[2]}"
    with nested_run(
        client, experiment_id, name, parent_run_id=parent_run_id, tags={"recipe": recipe, **(tags or {})}
    ) as run_id:
        log_params(client, run_id, {"class_path": training.class_path, **training.params})
        scores = {f"cv_{training.metric}": _mean(training.cv_scores)} if training.cv_scores else {}
        log_metrics(
            client,
            run_id,
            {**scores, "rows": training.rows, "features": len(features), "seconds": training.seconds},
        )
        with tempfile.TemporaryDirectory() as folder:
            _write_training(Path(folder), training, rows, target)
            client.log_artifacts(run_id, folder, TRAINING)
        model_uri, sha256 = _log_model(client, experiment_id, run_id, recipe, pipeline, training, rows)
        if trials and training.tuning is not None:
            start = time.time() - sum(trial.seconds for trial in training.tuning.history)
            for trial in training.tuning.history:
                _log_trial(client, experiment_id, run_id, training.tuning.metric, trial, start)
                start += trial.seconds
    return Logged(run_id, model_uri, sha256)


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)


def _write_training(folder: Path, training: TrainingResult, rows: pd.DataFrame, target: str) -> None:
    import numpy as np

    (folder / "training.json").write_text(training.model_dump_json(indent=2))
    columns = [*training.features, target, ROW_ID, *([BATCH] if BATCH in rows.columns else [])]
    reference = rows[list(dict.fromkeys(columns))]
    if len(reference) > REFERENCE_ROWS:
        reference = reference.sample(REFERENCE_ROWS, random_state=training.random_state).sort_index()
    reference.to_parquet(folder / REFERENCE, index=False)
    np.save(folder / ROW_IDS, rows[ROW_ID].to_numpy(dtype=np.uint64), allow_pickle=False)


def _log_model(
    client: MlflowClient,
    experiment_id: str,
    run_id: str,
    recipe: str,
    pipeline: Any,
    training: TrainingResult,
    rows: pd.DataFrame,
) -> tuple[str, str]:
    """Save the pipeline as an MLflow model, hash it before it leaves this process, and store it."""
    flavour = sklearn_flavour()
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    example = plain(rows, training).head(5)
    signature = model_signature(example, training)
    logged = client.create_logged_model(
        experiment_id, name=recipe, source_run_id=run_id, params={"class_path": training.class_path}
    )
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        flavour.save_model(
            pipeline,
            str(path),
            mlflow_model=Model(
                artifact_path=logged.artifact_location,
                model_uuid=logged.model_id,
                run_id=run_id,
                model_id=logged.model_id,
            ),
            serialization_format="cloudpickle",
            signature=signature,
            input_example=example,
            pip_requirements=requirements(training.class_path),
        )
        assert Model.load(str(path)).signature is not None  # mlflow#25593: it can silently be lost
        sha256 = model_sha256(path)
        client.log_model_artifacts(logged.model_id, str(path))
    client.finalize_logged_model(logged.model_id, "READY")
    return f"models:/{logged.model_id}", sha256


def sklearn_flavour() -> Any:
    """Import `mlflow.sklearn` without the warning that MLflow 3.17 gives about its own type hints."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType")
        import mlflow.pyfunc
        import mlflow.sklearn
    return mlflow.sklearn


def plain(rows: pd.DataFrame, training: TrainingResult) -> pd.DataFrame:
    """Keep the features, as float64 or as text with None: the two types that the signature has."""
    import pandas as pd

    columns = {}
    for name in training.features:
        column = rows[name]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            columns[name] = column.astype("float64")
        else:
            text = column.astype(object)
            columns[name] = text.where(text.notna(), None)
    return pd.DataFrame(columns, index=rows.index)


def model_signature(example: pd.DataFrame, training: TrainingResult) -> Any:
    """Write down the input and output types; inferred ones depend on which rows happen to have nulls."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    inputs = [
        ColSpec(DataType.double if dtype == "float64" else DataType.string, str(name))
        for name, dtype in example.dtypes.items()
    ]
    output = DataType.string if training.classes is not None else DataType.double
    return ModelSignature(inputs=Schema(inputs), outputs=Schema([ColSpec(output)]))


def requirements(class_path: str) -> list[str]:
    """Pin what loading the model needs, as installed here; MLflow's own inference takes 24 s."""
    package = class_path.partition(".")[0]
    names = dict.fromkeys((*REQUIREMENTS, DISTRIBUTIONS.get(package, package)))
    return [f"{name}=={metadata.version(name)}" for name in names]


def _log_trial(
    client: MlflowClient, experiment_id: str, parent_run_id: str, metric: str, trial: Trial, start: float
) -> None:
    run = client.create_run(
        experiment_id,
        start_time=int(start * 1000),
        run_name=f"trial {trial.number}",
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


def log_file(
    client: MlflowClient, run_id: str, name: str, content: bytes, folder_name: str | None = None
) -> None:
    """Log a small file as an artifact."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        client.log_artifact(run_id, str(path), folder_name)


def log_profile(client: MlflowClient, run_id: str, profile: Profile) -> None:
    """Log what monitoring must know about a model; before it is registered."""
    log_file(client, run_id, PROFILE, profile.model_dump_json().encode(), TRAINING)


def log_holdout(
    client: MlflowClient,
    run_id: str,
    rows: pd.DataFrame,
    predicted: pd.DataFrame,
    training: TrainingResult,
    target: str,
) -> None:
    """Log the hold-out with predictions of the model that had not seen it; before the version is registered.

    A refitted winner has learned these rows, and would look better on them than it is. At most 10,000 rows.
    """
    columns = list(dict.fromkeys([*training.features, target, ROW_ID]))
    frame = rows[columns].reset_index(drop=True)
    frame = frame.join(predicted.reset_index(drop=True).add_prefix(PREDICTED))
    if len(frame) > HOLDOUT_ROWS:
        frame = frame.sample(HOLDOUT_ROWS, random_state=training.random_state).sort_index()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / HOLDOUT
        frame.to_parquet(path, index=False)
        client.log_artifact(run_id, str(path), TRAINING)


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
    wanted = [f"tags.dagster_run_id = '{dagster_run_id}'"]
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
