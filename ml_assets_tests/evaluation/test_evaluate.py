import io
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ml_assets.evaluation.evaluate import evaluate, predict
from ml_assets.evaluation.pictures import confusion_matrix, residuals
from ml_assets.recipe.tasks import TASK_METRICS
from ml_assets.tasks.base import Numbers
from ml_assets.tasks.intervals import intervals
from ml_assets.tasks.metrics import METRICS, labelled, score
from ml_assets.training.fit import fit
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of
from ml_assets_tests.tasks.test_metrics import classified, numbers

TRAIN = pd.Series(["yes"] * 30 + ["no"] * 70)


def test_rows_are_prepared_once_for_labels_and_shares() -> None:
    prepared: list[int] = []

    def counted(X: pd.DataFrame) -> pd.DataFrame:
        prepared.append(len(X))
        return X

    rows = pd.DataFrame({"a": np.arange(9.0)})
    model = make_pipeline(
        FunctionTransformer(counted),
        LogisticRegression(),
    ).fit(rows, rows["a"] > 4)
    prepared.clear()
    found = predict(model, rows)
    assert prepared == [9]
    assert list(found["prediction"]) == [str(label) for label in model.predict(rows)]
    assert np.array_equal(found[["probability_False", "probability_True"]], model.predict_proba(rows))


@pytest.mark.parametrize("classes", [["no", "yes"], ["a", "b", "c"]])
def test_every_metric_has_an_interval_that_contains_it(classes: list[str]) -> None:
    y, predictions = classified(120, classes, 0)
    found = evaluate(recipe_of(), y, predictions, y)
    assert set(found.scores) == set(TASK_METRICS["classification"])
    for name, one in found.scores.items():
        assert one.value == score(name, y, predictions, None)
        assert one.low <= one.value <= one.high
        assert one.low < one.high
    assert found.metric == ("roc_auc" if len(classes) == 2 else "f1")
    assert set(found.per_class) == set(classes)
    assert sum(figures["rows"] for figures in found.per_class.values()) == 120


def test_more_rows_make_narrower_intervals() -> None:
    widths = []
    for n in (50, 5000):
        y, predictions = numbers(n, 0)
        one = evaluate(recipe_of("regression"), y, predictions, y).scores["rmse"]
        widths.append(one.high - one.low)
    assert widths[1] < widths[0] / 5


def test_the_interval_holds_the_true_value_about_19_times_in_20() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        errors = rng.normal(0, 1, 200)
        one = intervals(Numbers(errors, np.zeros(200)), ["mae"], seed, resamples=200)["mae"]
        held += one.low <= np.sqrt(2 / np.pi) <= one.high
    assert 0.89 <= held / 200 <= 0.99


def test_the_same_seed_gives_the_same_interval() -> None:
    y, predictions = classified(60, ["no", "yes"], 0)
    assert evaluate(recipe_of(), y, predictions, y) == evaluate(recipe_of(), y, predictions, y)


def test_the_baseline_looks_at_no_feature() -> None:
    y, predictions = classified(50, ["no", "yes"], 0)
    found = evaluate(recipe_of(), y, predictions, TRAIN)
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((100, 1)), TRAIN)
    assert found.baseline["accuracy"] == pytest.approx(dummy.score(np.zeros((50, 1)), y))
    assert (found.baseline["roc_auc"], found.baseline["recall"]) == (0.5, 0.0)
    y, predictions = numbers(50, 0)
    train = pd.Series([1.0, 3.0])
    found = evaluate(recipe_of("regression"), y, predictions.drop(columns="naive"), train)
    dummy = DummyRegressor().fit([[0], [0]], train)
    assert found.baseline["r2"] == pytest.approx(dummy.score(np.zeros((50, 1)), y))


def test_missed_targets_are_named_with_their_figures() -> None:
    y, predictions = classified(50, ["no", "yes"], 0)
    targets = {"accuracy": 1.0, "log_loss": 0.0, "recall": 0.0}
    found = evaluate(recipe_of(evaluation={"targets": targets}), y, predictions, TRAIN)
    assert len(found.targets_missed) == 2
    assert "accuracy" in found.targets_missed[0]
    assert "below its target 1" in found.targets_missed[0]
    assert "above its target 0" in found.targets_missed[1]


def test_undefined_metrics_are_left_out_and_miss_their_target() -> None:
    y, (_, predictions) = pd.Series(["no"] * 20), classified(20, ["no", "yes"], 0)
    recipe = recipe_of(evaluation={"targets": {"roc_auc": 0.5}})
    found = evaluate(recipe, y, predictions, TRAIN)
    asked = TASK_METRICS["classification"]
    assert set(found.scores) == {name for name in asked if np.isfinite(score(name, y, predictions, None))}
    assert "accuracy" in found.scores and "roc_auc" not in found.scores
    assert all(np.isfinite([s.value, s.low, s.high]).all() for s in found.scores.values())
    assert found.targets_missed == (
        "roc_auc is undefined on these 20 rows: labels of one class only; its target is 0.5",
    )


def test_unlabelled_rows_are_left_out() -> None:
    y, predictions = classified(40, ["no", "yes"], 0)
    y[30:] = None
    found = evaluate(recipe_of(), y, predictions, TRAIN)
    assert found.rows == 30
    assert found.scores["accuracy"].value == score("accuracy", y[:30], predictions[:30], None)
    nothing = evaluate(recipe_of(), y[30:], predictions[30:], TRAIN)
    assert (nothing.rows, nothing.scores) == (0, {})


def test_only_the_recipe_s_metrics_are_reported() -> None:
    y, predictions = classified(40, ["no", "yes"], 0)
    found = evaluate(recipe_of(evaluation={"metrics": ["recall"]}), y, predictions, TRAIN)
    assert set(found.scores) == {"roc_auc", "recall"}


def test_precision_speaks_of_the_positive_class() -> None:
    y, predictions = classified(60, ["bad", "good"], 0)
    for positive in ("bad", "good"):
        recipe = recipe_of(interface={"positive_class": positive})
        found = evaluate(recipe, y, predictions, y)
        assert found.scores["precision"].value == pytest.approx(found.per_class[positive]["precision"])


def test_fifty_thousand_rows_take_seconds() -> None:
    y, predictions = classified(50_000, ["no", "yes"], 0, digits=9)
    started = time.process_time()
    evaluate(recipe_of(), y, predictions, TRAIN)
    assert time.process_time() - started < 6


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_predictions_keep_the_index_and_agree_with_the_model(task: str) -> None:
    frame = mixed_rows(60, task=task)
    path = "sklearn.naive_bayes.GaussianNB" if task == "classification" else "sklearn.linear_model.Ridge"
    model, _ = fit(frame, recipe_of(task, path))
    shuffled = frame.sample(frac=1, random_state=0)
    predictions = predict(model, shuffled)
    assert list(predictions.index) == list(shuffled.index)
    assert list(predictions["prediction"]) == list(model.predict(shuffled))
    empty = predict(model, frame.iloc[:0])
    assert list(empty.columns) == list(predictions.columns)
    assert empty.empty
    with pytest.raises(ValueError, match="lack 1 of 4 features of the model: age"):
        predict(model, frame.drop(columns="age"))


def test_a_refused_probability_does_not_stop_the_hard_metrics() -> None:
    y, predictions = classified(30, ["no", "yes"], 0)
    rows = labelled(y, predictions[["prediction"]], "classification", "yes")
    hard = [m.name for m in METRICS.values() if m.task == "classification" and m.needs == "prediction"]
    assert set(intervals(rows, hard, 0)) == set(hard)


@pytest.mark.parametrize("n_classes", [2, 3, 12, 40])
def test_confusion_matrices_are_small_pictures(n_classes: int) -> None:
    y, predictions = classified(3000, [f"a rather long label {k}" for k in range(n_classes)], 0)
    check_picture(confusion_matrix(y, predictions))


@pytest.mark.parametrize("n", [0, 1, 20_000])
def test_residuals_are_small_pictures(n: int) -> None:
    check_picture(residuals(*numbers(n, 0)))


def check_picture(png: bytes) -> None:
    from PIL import Image

    assert len(png) <= 30_000
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    assert len(image.convert("L").getcolors() or []) > 2
