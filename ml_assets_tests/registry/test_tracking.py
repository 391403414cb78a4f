"""Laws of what MLflow shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from ml_assets.registry import files, tracking
from ml_assets.registry.database import configure
from ml_assets.registry.integrity import IntegrityError, model_sha256
from ml_assets.registry.tracking import RunPlace, end_run, ensure_experiment, log_training, nested_run
from ml_assets.settings import Settings
from ml_assets_tests.support.processes import call
from ml_assets_tests.support.registry_workers import (
    evaluation,
    fit,
    leave_open,
    recipe_named,
    rows,
    training_result,
)


@pytest.fixture
def client(mlflow_home: Path) -> MlflowClient:
    return configure(Settings(home=mlflow_home))


@pytest.fixture
def experiment(client: MlflowClient, mlflow_home: Path) -> str:
    return ensure_experiment(client, Settings(home=mlflow_home), "churn")


def _log(client: MlflowClient, place: RunPlace, **changes: object) -> tracking.Logged:
    arguments: dict[str, object] = {
        "recipe": recipe_named("churn"),
        "pipeline": fit(rows()),
        "training": training_result(),
        "rows": rows(),
        "raw": rows(),
    }
    return log_training(client, place, **(arguments | changes))


def _children(client: MlflowClient, experiment: str, parent: str) -> list[mlflow.entities.Run]:
    return list(client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'", max_results=100))


def test_a_training_is_nested_in_its_parent_and_each_trial_in_the_training(
    client: MlflowClient, experiment: str
) -> None:
    with nested_run(client, "dagster run", RunPlace(experiment)) as parent:
        logged = _log(client, RunPlace(experiment, parent), training=training_result(trials=50))
    (training,) = _children(client, experiment, parent)
    assert training.info.run_id == logged.run_id
    assert training.info.status == "FINISHED"
    assert training.data.params["C"] == "1.0"
    assert training.data.metrics["cv_roc_auc"] == pytest.approx(0.8)
    assert training.data.metrics["cv_roc_auc_std"] == pytest.approx(0.2 / 2**0.5)
    trials = _children(client, experiment, logged.run_id)
    assert len(trials) == 50
    by_number = {int(t.data.tags["trial"]): t for t in trials}
    assert by_number[0].data.metrics == {"roc_auc": 0.5}
    assert by_number[0].data.params == {"C": "0.1"}
    assert [by_number[i].info.status for i in range(3)] == ["FINISHED", "FINISHED", "FAILED"]
    names = [by_number[i].info.run_name for i in range(3)]
    assert names == ["trial 0", "trial 1, stopped early", "trial 2, failed"]
    assert mlflow.active_run() is None


def test_a_refit_does_not_show_the_trials_again(client: MlflowClient, experiment: str) -> None:
    logged = _log(client, RunPlace(experiment), training=training_result(trials=3), trials=False)
    assert _children(client, experiment, logged.run_id) == []


def test_a_training_that_raises_is_failed(client: MlflowClient, experiment: str) -> None:
    class Broken:
        def __reduce__(self) -> tuple[object, ...]:
            raise RuntimeError("cannot be pickled")

    with pytest.raises(RuntimeError, match="cannot be pickled"):
        _log(client, RunPlace(experiment), pipeline=Broken())
    (run,) = client.search_runs([experiment])
    assert run.info.status == "FAILED"


def test_rows_without_a_feature_are_refused_before_anything_is_logged(
    client: MlflowClient, experiment: str
) -> None:
    with pytest.raises(ValueError, match="no column colour, row_id__"):
        _log(client, RunPlace(experiment), rows=rows().drop(columns=["colour", "row_id__"]))
    assert client.search_runs([experiment]) == []


def test_the_model_takes_raw_columns_of_any_type_answers_labels_and_pins_its_requirements(
    client: MlflowClient, experiment: str, mlflow_home: Path
) -> None:
    logged = _log(client, RunPlace(experiment))
    location = client.get_logged_model(logged.model_uri.removeprefix("models:/")).artifact_location
    assert location.startswith((mlflow_home / "artifacts" / "churn").as_uri())
    folder = mlflow.artifacts.download_artifacts(location, tracking_uri=client.tracking_uri)
    signature = mlflow.models.Model.load(folder).signature
    assert signature is not None
    assert {c.name: str(c.type) for c in signature.inputs} == {"age": "Any", "colour": "Any"}
    assert [str(c.type) for c in signature.outputs] == ["DataType.string"]
    lines = (Path(folder) / "requirements.txt").read_text().split()
    assert all("==" in line for line in lines)
    assert any(line.startswith("scikit-learn==") for line in lines)


def test_the_hash_survives_storing_and_downloading_and_use_by_name(
    client: MlflowClient, experiment: str, tmp_path: Path
) -> None:
    logged = _log(client, RunPlace(experiment))
    location = client.get_logged_model(logged.model_uri.removeprefix("models:/")).artifact_location
    copy = mlflow.artifacts.download_artifacts(
        location, dst_path=str(tmp_path / "copy"), tracking_uri=client.tracking_uri
    )
    assert model_sha256(Path(copy)) == logged.sha256
    mlflow.set_tracking_uri(client.tracking_uri)
    used = mlflow.artifacts.download_artifacts(
        logged.model_uri
    )  # writes registered_model_meta into the store
    assert (Path(used) / "registered_model_meta").exists()
    assert model_sha256(Path(used)) == logged.sha256


def test_the_hash_sees_every_change_of_a_file_or_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "b").write_text("cd")
    (folder / "e").write_text("")
    seen = {model_sha256(folder)}
    for change in (
        lambda: (folder / "a" / "b").write_text("ce"),
        lambda: (folder / "a" / "b").rename(folder / "a" / "c"),
        lambda: (folder / "new").write_text(""),
        lambda: (folder / "e").unlink(),
        lambda: (folder / "a" / "registered_model_meta").write_text("only the one at the top is MLflow's"),
    ):
        change()
        seen.add(model_sha256(folder))
    assert len(seen) == 6
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "module.pyc").write_bytes(b"")
    assert model_sha256(folder) in seen
    (folder / "link").symlink_to("a")
    with pytest.raises(IntegrityError, match="symbolic link"):
        model_sha256(folder)
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(IntegrityError, match="no model"):
        model_sha256(folder)


def test_long_parameters_are_cut_and_infinite_metrics_left_out(client: MlflowClient, experiment: str) -> None:
    with nested_run(client, "x", RunPlace(experiment)) as run_id:
        tracking.log_params(client, run_id, {"long": "x" * 10_000, **{f"p{i}": i for i in range(150)}})
        tracking.log_metrics(client, run_id, {"good": 1.0, "bad": float("nan"), "worse": float("inf")})
        tracking.log_evaluation(client, run_id, evaluation())
    run = client.get_run(run_id)
    assert len(run.data.params) == 151
    assert run.data.metrics["good"] == 1.0
    assert run.data.metrics["holdout_roc_auc"] == 0.8
    assert run.data.metrics["baseline_roc_auc"] == 0.5
    assert {"bad", "worse", "baseline_log_loss"}.isdisjoint(run.data.metrics)


def test_a_big_training_set_leaves_a_seeded_sample_and_all_its_row_ids(
    client: MlflowClient, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "REFERENCE_ROWS", 10)
    frames, ids = [], []
    for _ in range(2):
        run_id = _log(client, RunPlace(experiment)).run_id
        frames.append(pd.read_parquet(client.download_artifacts(run_id, "training/reference.parquet")))
        ids.append(np.load(client.download_artifacts(run_id, "training/row_ids.npy")))
    pd.testing.assert_frame_equal(frames[0], frames[1])
    assert len(frames[0]) == 10
    assert list(ids[0]) == list(rows()["row_id__"])


def test_an_experiment_is_made_once_and_comes_back_after_deletion(
    client: MlflowClient, mlflow_home: Path
) -> None:
    first = ensure_experiment(client, Settings(home=mlflow_home), "iris")
    assert ensure_experiment(client, Settings(home=mlflow_home), "iris") == first
    client.delete_experiment(first)
    assert ensure_experiment(client, Settings(home=mlflow_home), "iris") == first
    assert client.get_experiment(first).lifecycle_stage == "active"


def test_the_database_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    home = tmp_path / "new home"
    client = configure(Settings(home=home))
    names = {p.name for p in home.iterdir()}  # no temporary folder is left
    assert names - {"mlflow.db-shm", "mlflow.db-wal"} == {"locks", "mlflow.db"}
    assert client.search_experiments()[0].artifact_location.startswith((home / "artifacts").as_uri())
    before = (home / "mlflow.db").stat().st_ino
    configure(Settings(home=home))
    assert (home / "mlflow.db").stat().st_ino == before


@pytest.mark.parametrize(
    ("how", "status"),
    [("mlflow alone", "FINISHED"), ("bridged", "RUNNING"), ("failed first", "FAILED")],
)
def test_a_process_that_exits_leaves_the_status_alone(
    client: MlflowClient, experiment: str, mlflow_home: Path, how: str, status: str
) -> None:
    run_id = client.create_run(experiment).info.run_id
    assert call(leave_open, mlflow_home, run_id, how) == 0
    assert client.get_run(run_id).info.status == status


def test_ending_a_run_leaves_another_active_one_alone(client: MlflowClient, experiment: str) -> None:
    mlflow.set_tracking_uri(client.tracking_uri)
    other = client.create_run(experiment).info.run_id
    with mlflow.start_run(experiment_id=experiment) as active:
        end_run(client, other, "FAILED")
        assert mlflow.active_run() is not None
    assert client.get_run(other).info.status == "FAILED"
    assert client.get_run(active.info.run_id).info.status == "FINISHED"


def test_holdout_is_sampled_by_the_seed_and_keeps_rows_and_predictions_together(
    client: MlflowClient, experiment: str
) -> None:
    frame = rows(12_000).rename(columns={"age": "prediction"})  # a feature may have any name
    predicted = pd.DataFrame({"prediction": np.arange(12_000.0)}, index=frame.index + 7)
    training = training_result().model_copy(update={"features": ("prediction", "colour")})
    kept = []
    for _ in range(2):
        with nested_run(client, "a run", RunPlace(experiment)) as run_id:
            files.log_holdout(client, run_id, frame, predicted, training, ("churned",))
        kept.append(pd.read_parquet(client.download_artifacts(run_id, "training/holdout.parquet")))
    pd.testing.assert_frame_equal(kept[0], kept[1])
    assert len(kept[0]) == 10_000
    place = kept[0]["predicted:prediction"].astype(int).to_numpy()
    pd.testing.assert_series_equal(
        kept[0]["prediction"], frame["prediction"].iloc[place].reset_index(drop=True), check_names=False
    )
    assert kept[0]["row_id__"].tolist() == frame["row_id__"].iloc[place].tolist()
