"""Laws of what columns add: exact sums, nothing for what is not looked at, the formula where it can be written out."""

from __future__ import annotations

from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from ml_assets.evaluation.contributions import nearby, shapley
from ml_assets.evaluation.evaluate import predict
from ml_assets.training.fit import fit
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of


def table(n: int = 200, p: int = 4) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n, p)), columns=list("abcdefgh")[:p])
    return X, X["a"].to_numpy() * 2 + X["b"].to_numpy() * X["c"].to_numpy()


@pytest.mark.parametrize(
    ("class_path", "task"),
    [
        ("sklearn.linear_model.LogisticRegression", "classification"),
        ("xgboost.XGBClassifier", "classification"),
        ("sklearn.ensemble.RandomForestRegressor", "regression"),
        ("sklearn.svm.SVR", "regression"),
    ],
)
def test_base_and_parts_add_up_to_the_answer(class_path: str, task: str) -> None:
    rows = mixed_rows(120, task=task)
    model, training = fit(rows, recipe_of(task, class_path, training={"folds": 2}))
    column = "probability_yes" if training.classes else "prediction"
    X = rows[list(training.features)]
    found = shapley(lambda frame: predict(model, frame)[column].to_numpy(float), X.iloc[:5], X, 0, pairs=6)
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.answer, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.answer, predict(model, X.iloc[:5])[column].to_numpy(float), atol=1e-12)


def test_of_a_linear_model_they_are_its_weights_times_the_distance_from_the_mean() -> None:
    X, y = table()
    model = LinearRegression().fit(X, y)
    background = X.iloc[:30]
    found = shapley(model.predict, X.iloc[50:55], background, 0)
    expected = (X.iloc[50:55] - background.mean()) * model.coef_
    np.testing.assert_allclose(found.values, expected, atol=1e-12)
    assert found.error.max() < 0.5


def test_they_are_shapley_s_formula() -> None:
    X, y = table(60, 3)
    model = RandomForestRegressor(n_estimators=20, random_state=0).fit(X.to_numpy(), y)

    def answer(frame: pd.DataFrame) -> Any:
        return model.predict(frame.to_numpy())

    background, row = X.iloc[:20], X.iloc[[40]]

    def worth(columns: tuple[str, ...]) -> float:
        mixed = background.copy()
        for name in columns:
            mixed[name] = row[name].iloc[0]
        return float(answer(mixed).mean())

    found = shapley(answer, row, background, 0)
    for k, name in enumerate(X.columns):
        others = [each for each in X.columns if each != name]
        exact = sum(
            factorial(len(some))
            * factorial(2 - len(some))
            / factorial(3)
            * (worth((*some, name)) - worth(some))
            for size in range(3)
            for some in combinations(others, size)
        )
        assert abs(found.values[0, k] - exact) < max(1e-9, 5 * found.error[0, k])


def test_a_column_that_the_model_does_not_look_at_adds_nothing() -> None:
    X, _ = table()
    found = shapley(lambda frame: frame["a"].to_numpy() ** 2, X.iloc[:3], X, 0)
    assert (found.values[:, 1:] == 0).all() and (found.error[:, 1:] == 0).all()


def test_near_a_row_the_linear_model_tells_which_way_a_column_works() -> None:
    X, _ = table()
    frame = X.assign(kind=np.where(X["a"] > 0, "x", "y"), gap=np.nan)
    row = frame[frame["kind"] == "x"].iloc[[0]].assign(b=3.0)
    near = nearby(lambda rows: 2.0 * (rows["kind"] == "x") - rows["b"].to_numpy(), row, frame, 0)
    weights = dict(zip(frame.columns, near.weights, strict=True))
    assert weights["kind"] > 0.5 and weights["b"] < -0.5
    assert max(abs(weights[name]) for name in ("a", "c", "d", "gap")) < 0.2
    assert near.answer == -1.0 and 0.5 < near.told <= 1.0
