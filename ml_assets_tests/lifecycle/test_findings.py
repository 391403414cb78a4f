"""The live path: estimates before labels, the sequential test of the loss, labels that are new."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.evaluate import predict
from ml_assets.lifecycle.intake import predict_step
from ml_assets.lifecycle.watch import performance_step
from ml_assets.orchestration.display import performance_metadata
from ml_assets.recipe.schema import Monitoring, Retraining, Training
from ml_assets.records import BatchEvidence, Champion, History, PerformanceReport, TrainedModel
from ml_assets.registry import files
from ml_assets.registry.integrity import IntegrityError
from ml_assets.retraining.policy import decide_retrain
from ml_assets_tests.support.shore import Shore, day


class Reef(Shore):
    """Batches of 600 rows, of which some labels may be wrong, new or late."""

    def write(self, number: int, *, flipped: float = 0.0, maybe: int = 0, labelled: int = 600) -> None:
        random = np.random.default_rng(number)
        frame = pd.DataFrame(random.normal(size=(600, 3)), columns=["a", "b", "c"])
        yes = random.random(600) < 1 / (1 + np.exp(frame["b"] - 2.0 * frame["a"]))
        frame["y"] = np.where(yes ^ (random.random(600) < flipped), "yes", "no")
        frame.loc[: maybe - 1, "y"] = "maybe"
        frame.loc[labelled:, "y"] = None
        self.put(number, frame)

    def arrive(self, number: int, **changes: float) -> PerformanceReport:
        self.write(number, **changes)
        self.alarms = self.take_in(number)
        return self.state.store.read_record("performance_report", day(number), PerformanceReport)

    def report(self, number: int) -> PerformanceReport:
        self.alarms = performance_step(self.state, day(number), self.run).alarms
        return self.state.store.read_record("performance_report", day(number), PerformanceReport)

    def alerts(self, event: str) -> list[str]:
        entries = self.state.ledger.entries("tide", "alert")
        return [entry.reason for entry in entries if entry.record["event"] == event]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path) -> Reef:
    """Three days, and a first champion."""
    home = tmp_path_factory.mktemp("home")
    shutil.copyfile(mlflow_template, home / "mlflow.db")
    reef = Reef(tmp_path_factory.mktemp("recipes"), home, window=2)
    for number in range(3):
        assert reef.arrive(number).estimate is None  # no champion
    assert reef.train(2).outcome == "promote"  # learned days 0 and 1
    return reef


@pytest.fixture
def reef(lived: Reef, tmp_path: Path) -> Reef:
    return lived.copy(tmp_path)


def test_holdout_is_kept_with_predictions_of_the_model_that_had_not_seen_it(reef: Reef) -> None:
    state = reef.state
    kept = state.registry.files.holdout("tide", 1)
    assert kept is not None
    rows, guesses = kept
    test = state.store.read_frame("test_set", day(2))
    assert rows["row_id__"].tolist() == test["row_id__"].tolist()
    assert rows["y"].tolist() == test["y"].tolist()
    blind = state.registry.files.load_trained(state.store.read_record("trained_model", day(2), TrainedModel))
    pd.testing.assert_frame_equal(guesses, predict(blind, test).reset_index(drop=True))
    refitted = predict(state.registry.files.load("tide", 1), test)
    assert not np.allclose(refitted["probability_yes"], guesses["probability_yes"], atol=1e-6)


def test_holdout_that_was_altered_is_not_believed(reef: Reef) -> None:
    run = reef.state.registry.client.get_run(reef.state.registry.version("tide", 1).run_id)
    path = Path(unquote(urlparse(run.info.artifact_uri).path)) / files.TRAINING / files.HOLDOUT
    pd.read_parquet(path).assign(y="no").to_parquet(path, index=False)
    with pytest.raises(IntegrityError, match=r"holdout\.parquet was changed"):
        reef.state.registry.files.holdout("tide", 1)


def test_estimate_comes_before_the_labels_and_is_held_against_them(reef: Reef) -> None:
    first = reef.arrive(3)
    assert first.status == "waiting" and first.estimate is not None
    assert first.estimate.batch == day(3) and first.estimate.value is not None
    assert f"Estimated roc_auc {first.estimate.value:.4g} in {day(3)}, without labels" in first.text
    second = reef.arrive(4)
    assert second.estimate is not None and second.estimate.matured is not None
    assert second.score is not None and second.estimate.matured.batch == day(3) == second.scored_batch
    assert second.estimate.matured.realised == second.score.value
    assert abs(second.estimate.matured.error) < 0.05
    shown = performance_metadata(second)
    assert shown["estimated_roc_auc"] == pytest.approx(second.estimate.value, rel=1e-3)
    assert shown["estimate_error"] == pytest.approx(second.estimate.mean_error, rel=1e-3)
    assert shown["loss_cusum"] == 0.0 and shown["target_drifted"] is False


def test_lasting_rise_of_the_loss_is_told_once(reef: Reef) -> None:
    assert not any(reef.arrive(number).concept for number in (3,))
    for number in range(4, 9):
        report = reef.arrive(number, flipped=0.0 if number < 5 else 0.25)
    assert report.concept is not None and report.concept.alarm
    assert report.concept.since == day(5) and report.concept.text in report.text
    assert report.concept.text in reef.alarms
    (told,) = reef.alerts("concept")
    assert told.startswith(
        "its predictions are worse than on the hold-out: The log loss of a row is surely above"
    )
    assert f"since {day(5)}" in told

    again = reef.report(8)  # the same batch once more changes nothing
    assert again.concept == report.concept and len(reef.alerts("concept")) == 1


def test_rows_that_the_champion_learned_are_left_out(reef: Reef) -> None:
    predict_step(reef.state, day(1))
    report = reef.report(2)  # scores day 1, all of which was learned
    assert report.status == "in_sample" and report.concept is None and report.target is None


def test_rows_labelled_after_the_training_count_alone(tmp_path: Path, mlflow_home: Path) -> None:
    reef = Reef(tmp_path, mlflow_home, window=2)
    reef.arrive(0)
    reef.arrive(1, labelled=250)
    reef.arrive(2)
    assert reef.train(2).outcome == "promote"
    reef.write(1)
    report = reef.arrive(2)  # reads day 1 again
    predict_step(reef.state, day(1))
    report = reef.report(2)
    assert report.rows == 350 and report.concept is not None and report.concept.rows == 350


def test_late_labels_replace_what_was_known(reef: Reef) -> None:
    reef.arrive(3)
    reef.write(3, labelled=300)
    half = reef.arrive(4)
    assert half.concept is not None and half.concept.rows == 300
    reef.write(3)
    whole = reef.arrive(4)
    assert whole.concept is not None and whole.concept.rows == 600


def test_class_never_seen_is_told_once(reef: Reef) -> None:
    reef.arrive(3, maybe=4)
    report = reef.arrive(4, maybe=4)
    assert report.target is not None and report.target.drifted and "'maybe' (4 rows)" in report.text
    reef.arrive(5)
    (told,) = reef.alerts("drift")
    assert "classes the champion has never seen: 'maybe' (4 rows)" in told


def test_version_without_its_holdout_has_no_estimate_and_does_no_harm(
    tmp_path: Path, mlflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "log_holdout", lambda *_: None)
    reef = Reef(tmp_path, mlflow_home, window=2)
    for number in range(3):
        reef.arrive(number)
    assert reef.train(2).outcome == "promote"
    assert reef.state.registry.files.holdout("tide", 1) is None
    reef.arrive(3)
    report = reef.arrive(4)
    assert report.status == "ok" and report.estimate is None and report.concept is None
    assert report.target is not None and not report.target.drifted


def test_estimate_is_no_evidence(reef: Reef) -> None:
    """The policy decides the same whatever was estimated, of good batches and of bad ones."""
    reef.arrive(3)
    for flipped in (0.0, 0.4):
        report = reef.arrive(4, flipped=flipped)
        reef.write(3, flipped=flipped)
        report = reef.arrive(4)
        assert report.estimate is not None
        answers = []
        for value in (0.0, 1.0, None):
            estimate = report.estimate.model_copy(update={"value": value, "mean_error": value})
            known = report.model_copy(update={"estimate": estimate})
            evidence = [
                BatchEvidence(
                    batch=day(n),
                    index=n,
                    performance=known.model_copy(update={"batch": day(n), "scored_batch": day(n - 1)}),
                )
                for n in (4, 5, 6)
            ]
            history = History(
                recipe="tide",
                batches=tuple(evidence),
                attempts=(),
                champion=Champion(version=1, as_of_index=2, trained_at=day(2)),
                labelled_batches=3,
                labelled_rows=1800,
            )
            answers.append(
                decide_retrain(
                    "tide", Retraining(max_age="off"), Monitoring(min_rows=100), Training(), history, day(6)
                )
            )
        assert answers[0] == answers[1] == answers[2]
        assert answers[0].retrain == (flipped > 0)


def test_reports_of_older_versions_still_load() -> None:
    older = (
        '{"batch": "2", "scored_batch": "1", "champion_version": 1, "status": "waiting", "metric": "roc_auc",'
        ' "direction": "maximize", "rows": 0, "coverage": 0.0, "score": null, "holdout": null, "p_value": null,'
        ' "text": "Waiting."}'
    )
    report = PerformanceReport.model_validate_json(older)
    assert report.estimate is None and report.concept is None and report.target is None
    assert PerformanceReport.model_validate_json(report.model_dump_json()) == report
