"""Permutation importance is a loss in the metric's unit on rows the model has not seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from ml_assets.evaluation.importance import permutation_importance

ROWS = 900


def rows(seed: int) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(ROWS, 3)), columns=["big", "small", "none"])


def test_loss_is_in_the_unit_of_the_metric() -> None:
    train, test = rows(0), rows(1)
    model = LinearRegression().fit(train, 3 * train["big"] + 1 * train["small"])
    y = 3 * test["big"] + 1 * test["small"]
    found = permutation_importance(model, test, y, "rmse", None, 0)
    # permuting x of weight w adds w²·2 to the squared error, which is 0 before
    assert found["big"] == pytest.approx(3 * 2**0.5, rel=0.1)
    assert found["small"] == pytest.approx(2**0.5, rel=0.1)
    assert found["none"] < 1e-6


def test_column_that_the_model_does_not_use_has_none() -> None:
    train, test = rows(2), rows(3)
    learned, truth = ((frame["big"] > 0).map({True: "yes", False: "no"}) for frame in (train, test))
    model = LogisticRegression().fit(train, learned)
    model.coef_[:, 1:] = 0
    found = permutation_importance(model, test, truth, "roc_auc", "yes", 0)
    assert found["big"] == pytest.approx(0.5, abs=0.05) and found["none"] == found["small"] == 0.0


def test_column_with_one_value_in_the_hold_out_matters_by_the_values_the_model_knows() -> None:
    train, test = rows(8), rows(9).assign(big=1.0)
    model = LinearRegression().fit(train, 3 * train["big"] + train["small"])
    y = 3 * test["big"] + test["small"]
    assert permutation_importance(model, test, y, "rmse", None, 0)["big"] == pytest.approx(0, abs=1e-9)
    found = permutation_importance(model, test, y, "rmse", None, 0, known=train)
    assert found["big"] == pytest.approx(3 * 2**0.5, rel=0.1)  # (x - 1)² has the mean 2


def test_undefined_metric_gives_no_importance() -> None:
    train = rows(4)
    model = LogisticRegression().fit(train, np.where(train["big"] > 0, "yes", "no"))
    y = pd.Series(["yes"] * ROWS)
    assert permutation_importance(model, rows(5), y, "roc_auc", "yes", 0) == {}


def test_same_seed_same_importance() -> None:
    train = rows(6)
    model = LinearRegression().fit(train, train["big"])
    first, second = (permutation_importance(model, train, train["big"], "mae", None, 7) for _ in range(2))
    assert first == second
