import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from ml_assets.recipe.tasks import METRIC_DIRECTIONS, TASK_METRICS, UNTARGETED
from ml_assets.tasks import intervals as resampled
from ml_assets.tasks.all import TASKS
from ml_assets.tasks.classification import positive_class
from ml_assets.tasks.metrics import METRICS, default_metric, evaluate_counts, labelled, score

CLASSIFICATION = TASK_METRICS["classification"]
NUMBERS = TASK_METRICS["timeseries"]
OF_ONE_ROW = [
    name for name, metric in METRICS.items() if not TASKS[metric.task].joint and metric.task not in UNTARGETED
]
"""Metrics of what is seen of each row; those of clusters are in `test_clustering`."""


def classified(n: int, classes: list[str], seed: int, digits: int = 1) -> tuple[pd.Series, pd.DataFrame]:
    """Labels and a fair guess at them; few digits make ties."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, len(classes), n)
    codes[: len(classes)] = range(len(classes))
    shares = (
        np.round(rng.dirichlet(np.ones(len(classes)), n) + np.eye(len(classes))[codes] * 0.3, digits) + 0.01
    )
    shares /= shares.sum(axis=1, keepdims=True)
    names = np.array(classes, dtype=object)
    predictions = pd.DataFrame(shares, columns=[f"probability_{c}" for c in classes])
    predictions.insert(0, "prediction", names[shares.argmax(axis=1)])
    return pd.Series(names[codes]), predictions


def by_sklearn(metric: str, y: Any, predictions: pd.DataFrame, weights: Any = None) -> float:
    hard = predictions["prediction"]
    soft = predictions.drop(columns="prediction").to_numpy()
    classes = [c.removeprefix("probability_") for c in predictions.columns[1:]]
    average: dict[str, Any] = {"average": "weighted", "zero_division": 0}
    if len(classes) == 2:
        average = {"average": "binary", "pos_label": classes[1], "zero_division": 0}
    scores: Any = soft[:, 1] if len(classes) == 2 else soft
    truth = np.array([c == classes[1] for c in y]) if len(classes) == 2 else sk_binarize(y, classes)
    return float(
        {
            "accuracy": lambda: sk.accuracy_score(y, hard, sample_weight=weights),
            "precision": lambda: sk.precision_score(y, hard, sample_weight=weights, **average),
            "recall": lambda: sk.recall_score(y, hard, sample_weight=weights, **average),
            "f1": lambda: sk.f1_score(y, hard, sample_weight=weights, **average),
            "roc_auc": lambda: sk.roc_auc_score(truth, scores, average="weighted", sample_weight=weights),
            "pr_auc": lambda: sk.average_precision_score(
                truth, scores, average="weighted", sample_weight=weights
            ),
            "log_loss": lambda: sk.log_loss(y, soft, labels=classes, sample_weight=weights),
            "mse": lambda: sk.mean_squared_error(y, hard, sample_weight=weights),
            "rmse": lambda: sk.root_mean_squared_error(y, hard, sample_weight=weights),
            "mae": lambda: sk.mean_absolute_error(y, hard, sample_weight=weights),
            "r2": lambda: sk.r2_score(y, hard, sample_weight=weights),
            "mape": lambda: sk.mean_absolute_percentage_error(y, hard, sample_weight=weights),
            "smape": lambda: np.average(2 * abs(y - hard) / (abs(y) + abs(hard)), weights=weights),
            "mase": lambda: (
                sk.mean_absolute_error(y, hard, sample_weight=weights)
                / sk.mean_absolute_error(y, predictions["naive"], sample_weight=weights)
            ),
        }[metric]()
    )


def sk_binarize(y: Any, classes: list[str]) -> Any:
    return np.array([[c == label for c in classes] for label in y]).astype(int)


def numbers(n: int, seed: int) -> tuple[pd.Series, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    y = rng.gamma(9, 1.1, n)
    return pd.Series(y), pd.DataFrame({"prediction": y * rng.gamma(99, 1 / 99, n), "naive": np.roll(y, 1)})


def test_names_directions_and_tasks_are_the_recipe_s() -> None:
    assert {name: m.direction for name, m in METRICS.items()} == METRIC_DIRECTIONS
    assert {
        name: tuple(m.name for m in METRICS.values() if m in task.metrics) for name, task in TASKS.items()
    } == TASK_METRICS


@pytest.mark.parametrize("metric", CLASSIFICATION)
@given(
    st.integers(5, 60),
    st.sampled_from([["a", "b"], ["a", "b", "c"], ["v", "w", "x", "y"]]),
    st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_classification_metrics_are_scikit_learn_s(
    metric: str, n: int, classes: list[str], seed: int
) -> None:
    y, predictions = classified(n, classes, seed)
    assert score(metric, y, predictions, None) == pytest.approx(by_sklearn(metric, y, predictions))


@pytest.mark.parametrize("metric", NUMBERS)
@given(st.integers(2, 60), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_regression_metrics_are_scikit_learn_s(metric: str, n: int, seed: int) -> None:
    y, predictions = numbers(n, seed)
    assert score(metric, y, predictions, None) == pytest.approx(by_sklearn(metric, y, predictions))


@pytest.mark.parametrize("metric", OF_ONE_ROW)
@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "c"]])
def test_counts_are_weights(metric: str, classes: list[str]) -> None:
    task = METRICS[metric].task
    y, predictions = classified(40, classes, 1) if TASKS[task].classes else numbers(40, 1)
    counts = np.random.default_rng(0).integers(0, 3, (5, 40)).astype(float)
    got = evaluate_counts(METRICS[metric], labelled(y, predictions, task, None), counts)
    assert got == pytest.approx([by_sklearn(metric, y, predictions, row) for row in counts])


@pytest.mark.parametrize("metric", OF_ONE_ROW)
@given(st.integers(8, 40), st.integers(0, 99), st.data())
@settings(max_examples=25, deadline=None)
def test_a_worse_prediction_never_scores_better(metric: str, n: int, seed: int, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, n - 1))
    if not TASKS[METRICS[metric].task].classes:
        y, predictions = numbers(n, seed)
        worse = predictions.copy()
        worse.loc[row, "prediction"] += 5 * np.sign(worse.loc[row, "prediction"] - y[row])
    else:
        y, predictions = classified(n, ["no", "yes"], seed)
        worse = predictions.copy()
        other = "no" if y[row] == "yes" else "yes"
        worse.loc[row, ["prediction", "probability_yes", "probability_no"]] = [
            other,
            worse.loc[row, "probability_yes"] * (0.1 if y[row] == "yes" else 1),
            worse.loc[row, "probability_no"] * (0.1 if y[row] == "no" else 1),
        ]
        total = worse[["probability_yes", "probability_no"]].sum(axis=1)
        for column in ("probability_yes", "probability_no"):
            worse[column] = worse[column] / total
    before, after = score(metric, y, predictions, None), score(metric, y, worse, None)
    sign = 1 if METRICS[metric].direction == "maximize" else -1
    assert sign * after <= sign * before + 1e-12


@pytest.mark.parametrize(
    ("metric", "y", "prediction"),
    [
        ("roc_auc", ["no", "no"], ["no", "yes"]),
        ("pr_auc", ["no", "no"], ["no", "yes"]),
        ("recall", ["no", "no"], ["no", "yes"]),
        ("r2", [1.0, 1.0], [1.0, 2.0]),
        ("mape", [0.0, 1.0], [1.0, 2.0]),
        ("rmse", [], []),
    ],
)
def test_what_is_undefined_is_not_a_number(metric: str, y: list[Any], prediction: list[Any]) -> None:
    predictions = pd.DataFrame({"prediction": prediction})
    if TASKS[METRICS[metric].task].classes:
        predictions["probability_no"], predictions["probability_yes"] = [0.4, 0.6], [0.6, 0.4]
    assert np.isnan(score(metric, pd.Series(y), predictions, None))
    assert not y or METRICS[metric].undefined


def test_a_label_the_model_does_not_know_counts_as_wrong() -> None:
    y, predictions = classified(20, ["no", "yes"], 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = {m: score(m, y, predictions, None) for m in CLASSIFICATION}
        y[3] = "maybe"
        after = {m: score(m, y, predictions, None) for m in CLASSIFICATION}
    assert after["log_loss"] > before["log_loss"] + 1
    assert np.isfinite(list(after.values())).all()


def test_a_metric_that_needs_probabilities_says_so() -> None:
    with pytest.raises(
        ValueError, match=r"'roc_auc' needs probabilities .* Use accuracy, .* or f1, or another"
    ):
        score("roc_auc", pd.Series(["a", "b"]), pd.DataFrame({"prediction": ["a", "b"]}), None)
    with pytest.raises(ValueError, match=r"'auc' is not known \(accepted: accuracy"):
        score("auc", pd.Series(["a"]), pd.DataFrame({"prediction": ["a"]}), None)
    with pytest.raises(ValueError, match="1 true values but 2 predictions"):
        score("mae", pd.Series([1.0]), pd.DataFrame({"prediction": [1.0, 2.0]}), None)


@pytest.mark.parametrize(
    ("labels", "wanted", "expected"),
    [
        (["0", "1", "1"], None, "1"),
        (["False", "True", "True"], None, "True"),
        (["yes", "yes", "no"], None, "yes"),
        (["DOWN", "DOWN", "UP"], None, "UP"),
        (["UP", "UP", "DOWN"], None, "DOWN"),
        (["a", "b"], None, "b"),
        (["0", "1"], 0, "0"),
        (["False", "True"], False, "False"),
        (["yes", "no"], True, "yes"),
        (["good", "bad"], "GOOD", "good"),
        (["a", "b", "c"], None, None),
    ],
)
def test_the_positive_class_says_yes_or_is_the_rarer_one(
    labels: list[str], wanted: str | int | bool | None, expected: str | None
) -> None:
    assert positive_class(pd.Series(labels), wanted) == expected


def test_a_wanted_class_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'maybe' is not a label \(found no, yes\)"):
        positive_class(pd.Series(["yes", "no"]), "maybe")


def test_default_metrics_are_of_their_task() -> None:
    for task, n_classes in (("classification", 2), ("classification", 3), ("regression", None)):
        assert default_metric(task, n_classes) in TASK_METRICS[task]


def test_resamples_are_the_same_however_many_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    y, predictions = classified(80, ["a", "b"], 4)
    rows = labelled(y, predictions, "classification", "b")
    found = resampled.intervals(rows, ["roc_auc", "pr_auc"], 0)
    drawn = [np.random.default_rng(0).integers(0, 80, (500, 80))]
    monkeypatch.setattr(resampled, "CELLS_AT_ONCE", 80 * 7)
    assert resampled.intervals(rows, ["roc_auc", "pr_auc"], 0) == found
    scores = [score("roc_auc", y.iloc[places], predictions.iloc[places], "b") for places in drawn[0]]
    low, high = np.percentile(scores, (2.5, 97.5))
    assert (found["roc_auc"].low, found["roc_auc"].high) == (pytest.approx(low), pytest.approx(high))


KINDS = {
    "numbers": pd.Series([1, 0, 1, 0]),
    "truths": pd.Series([True, False, True, False]),
    "categories": pd.Series(["b", "a", "b", "a"], dtype="category"),
    "words and numbers": pd.Series(["b", 1, "b", 1.0], dtype=object),
    "a missing answer": pd.Series(["b", "a", None, np.nan], dtype=object),
}


@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_what_their_values_read_as(kind: str) -> None:
    predicted = KINDS[kind]
    y = predicted.where(predicted.notna(), "a")[::-1].reset_index(drop=True)
    rows = labelled(y, pd.DataFrame({"prediction": predicted}), "classification", None)
    assert [rows.classes[code] for code in rows.truth] == y.astype(str).tolist()
    assert [rows.classes[code] for code in rows.predicted] == predicted.astype(str).tolist()
    assert rows.classes == tuple(sorted({*y.astype(str), *predicted.astype(str)}))
