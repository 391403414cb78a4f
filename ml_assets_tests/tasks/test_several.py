"""Several targets: each is scored by itself, and the mean is what counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk

from ml_assets.promotion.paired import compare
from ml_assets.tasks.metrics import METRICS, score
from ml_assets.tasks.several import answers, column_of

RMSE = sk.root_mean_squared_error
NUMBERS = {
    "mse": sk.mean_squared_error,
    "rmse": RMSE,
    "mae": sk.mean_absolute_error,
    "r2": sk.r2_score,
    "mape": sk.mean_absolute_percentage_error,
    "smape": lambda y, given, multioutput: np.mean(2 * abs(y - given) / (abs(y) + abs(given))),
}
SEVERAL = [name for name, metric in METRICS.items() if metric.task in ("classification", "regression")]
"""Metrics of tasks that may have several targets."""


def numbers(rows: int = 200, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Two targets, and the answers of a worse and a better model."""
    random = np.random.default_rng(seed)
    y = pd.DataFrame({"heat": random.normal(5, 2, rows), "wear": random.normal(-3, 4, rows)})
    worse, better = (y + random.normal(0, spread, y.shape) for spread in (1.5, 0.7))
    return y, worse.add_prefix("prediction_"), better.add_prefix("prediction_")


def classes(rows: int = 300, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """A target of two classes and one of three, and the answers of a worse and a better model."""
    random = np.random.default_rng(seed)
    y = pd.DataFrame(
        {
            "late": random.choice(["no", "yes"], rows, p=[0.7, 0.3]),
            "tier": random.choice(["a", "b", "c"], rows),
        }
    )
    return y, told(y, 0.5, seed), told(y, 1.5, seed + 1)


def told(y: pd.DataFrame, skill: float, seed: int) -> pd.DataFrame:
    random, parts = np.random.default_rng(seed), []
    for name in y:
        names = sorted(y[name].unique())
        weights = random.normal(0, 1, (len(y), len(names))) + skill * (y[[name]].to_numpy() == names)
        shares = np.exp(weights) / np.exp(weights).sum(axis=1, keepdims=True)
        part = pd.DataFrame({"prediction": np.array(names)[shares.argmax(axis=1)]})
        for k, label in enumerate(names):
            part[f"probability_{label}"] = shares[:, k]
        parts.append(part.rename(columns=lambda column, name=name: column_of(column, name)))
    return pd.concat(parts, axis=1)


@pytest.mark.parametrize("metric", NUMBERS)
def test_score_is_scikit_learns_uniform_average(metric: str) -> None:
    y, given, _ = numbers()
    expected = NUMBERS[metric](y.to_numpy(), given.to_numpy(), multioutput="uniform_average")
    assert score(metric, y, given, None) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [name for name in SEVERAL if name not in NUMBERS])
def test_score_of_classes_is_the_mean_over_the_targets(metric: str) -> None:
    y, given, _ = classes()
    parts = answers(given)
    alone = [score(metric, y[name], parts[name], "yes" if name == "late" else None) for name in y]
    assert score(metric, y, given, ("yes", None)) == pytest.approx(np.mean(alone))


def test_row_counts_once_all_its_targets_are_known() -> None:
    y, given, _ = numbers()
    gone = y.assign(heat=y["heat"].mask(y.index < 50), wear=y["wear"].mask(y.index >= 180))
    there = slice(50, 180)
    assert score("mae", gone, given, None) == score("mae", y[there], given[there], None)


@pytest.mark.parametrize("metric", SEVERAL)
@pytest.mark.parametrize("blocks", [None, "days"])
def test_two_copies_of_one_target_are_compared_as_the_one(metric: str, blocks: str | None) -> None:
    """Score, gain, error and degrees of freedom, by formula and by jackknife."""
    y, before, after = numbers() if METRICS[metric].task == "regression" else classes()
    name = str(y.columns[0])
    days = None if blocks is None else np.arange(len(y)) // 10
    positive = None if metric in NUMBERS else "yes"
    one = compare(
        y[name], answers(before)[name], answers(after)[name], metric, positive=positive, blocks=days
    )
    twice = pd.DataFrame({"a": y[name], "b": y[name]})
    both = compare(
        twice, doubled(before, name), doubled(after, name), metric, positive=(positive, positive), blocks=days
    )
    assert one is not None
    assert both is not None
    for field in ("first", "second", "gain", "error", "rows", "differing", "freedom"):
        assert getattr(both, field) == pytest.approx(getattr(one, field)), field


def doubled(predictions: pd.DataFrame, name: str) -> pd.DataFrame:
    part = answers(predictions)[name]
    return pd.concat([part.rename(columns=lambda c, to=to: column_of(c, to)) for to in "ab"], axis=1)


def test_gate_of_two_targets_is_a_computation_by_hand() -> None:
    y, before, after = numbers()
    found = compare(y, before, after, "mae", positive=None)
    losses = [np.abs(y.to_numpy() - given.to_numpy()).mean(axis=1) for given in (before, after)]
    gained = losses[0] - losses[1]
    assert found is not None
    assert found.gain == pytest.approx(gained.mean())
    assert found.error == pytest.approx(gained.std(ddof=1) / np.sqrt(len(gained)))


@pytest.mark.parametrize("metric", ["rmse", "accuracy", "roc_auc", "f1"])
def test_error_of_a_difference_is_no_smaller_than_that_of_many_draws(metric: str) -> None:
    """By formula and by jackknife: rows are drawn anew, both targets with them."""
    y, before, after = numbers(400) if metric in NUMBERS else classes(400)
    positive = None if metric in NUMBERS else ("yes", None)
    found = compare(y, before, after, metric, positive=positive)
    random, gains = np.random.default_rng(1), []
    for _ in range(200):
        drawn = random.integers(0, len(y), len(y))
        scores = [score(metric, y.iloc[drawn], given.iloc[drawn], positive) for given in (before, after)]
        gains.append(abs(scores[1] - scores[0]))
    assert found is not None
    assert 0.9 * np.std(gains) <= found.error <= 1.35 * np.std(gains)


def test_names_that_begin_alike_are_kept_apart() -> None:
    """A target that is called as another and one of its classes."""
    shares: dict[str, Any] = {
        "prediction_a": ["b_x"], "probability_a_b_x": [0.9], "probability_a_y": [0.1],
        "prediction_a_b": ["x"], "probability_a_b_x_": [1.0],
    }  # fmt: skip
    found = answers(pd.DataFrame(shares))
    assert list(found["a"]) == ["prediction", "probability_b_x", "probability_y"]
    assert list(found["a_b"]) == ["prediction", "probability_x_"]
