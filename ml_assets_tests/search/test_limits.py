"""What a model may cost: measured on what was fitted, and a blend loses its lightest part until it may be."""

from __future__ import annotations

import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeRegressor

from ml_assets.estimators.candidate import Candidate
from ml_assets.search.blending import Judge
from ml_assets.search.folds import FoldResult, Goal
from ml_assets.search.limits import Cost, Limits
from ml_assets.search.standings import Found, within

RNG = np.random.default_rng(0)
TRUTH = [pd.Series(RNG.normal(size=200)) for _ in range(5)]


def found(seed: int, noise: float, size: int) -> Found:
    rng = np.random.default_rng(seed)
    guesses = [pd.DataFrame({"prediction": y + noise * rng.normal(size=len(y))}) for y in TRUTH]
    tuned: Any = SimpleNamespace(candidate=Candidate(""))
    return Found(tuned, [FoldResult(0.0, each, None, Cost(size)) for each in guesses], {})


@pytest.mark.parametrize(
    ("most", "expected"),
    [(100, {"linear", "xgboost", "forest"}), (25, {"xgboost", "forest"}), (14, {"xgboost"})],
)
def test_a_blend_that_is_too_large_loses_its_lightest_part(most: int, expected: set[str]) -> None:
    families = {
        "linear": found(1, 1.5, 10), "xgboost": found(2, 0.9, 12), "forest": found(3, 1.0, 12)
    }  # fmt: skip
    predictions = {name: [each.predictions for each in one.results] for name, one in families.items()}
    goal = Goal("regression", "rmse", None, 0, limits=Limits(size=most))
    chosen = within(families, predictions, Judge("rmse", None, TRUTH), goal)
    assert set(chosen.weights) == expected
    assert ("is left out of a blend" in chosen.why) == (most < 100)


def test_a_cost_is_that_of_what_was_fitted() -> None:
    X = RNG.normal(size=(300, 3))
    small, large = (DecisionTreeRegressor(max_depth=depth).fit(X, X[:, 0]) for depth in (1, 12))
    limits = Limits(size=1e9, seconds=1e9)
    assert limits.cost(small, X[:1]).size == len(pickle.dumps(small, protocol=5))
    assert limits.cost(large, X[:1]).size > limits.cost(small, X[:1]).size
    assert 0 < limits.cost(large, X[:1]).seconds < 1
    assert Limits().cost(small, X[:1]) == Cost()
    assert 0 < Limits(served=1e9).cost(small, X[:1]).served < 1


def test_the_times_of_the_parts_of_a_blend_add_up() -> None:
    limits = Limits(served=0.005)
    assert not limits.broken_by(Cost(served=0.003))
    assert limits.broken_by(Cost(served=0.003), Cost(served=0.003)) == (
        "the estimator alone takes 6 ms for one row, more than 5 (promotion.max_latency_ms)"
    )
