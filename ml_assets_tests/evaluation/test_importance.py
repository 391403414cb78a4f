"""Permutation importance is a loss in the metric's unit on rows the model has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from ml_assets.evaluation.evaluate import predict
from ml_assets.evaluation.importance import REPEATS, permutation_importance
from ml_assets.recipe.schema import Recipe
from ml_assets.tasks.metrics import score
from ml_assets.training.fit import fit
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of

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


@pytest.mark.parametrize(
    ("class_path", "hyperparameters"),
    [
        ("xgboost.XGBClassifier", {"n_estimators": 20}),
        ("xgboost.XGBClassifier", {"n_estimators": 20, "enable_categorical": True}),
        ("sklearn.linear_model.LogisticRegression", {}),
        ("sklearn.svm.SVC", {}),
    ],
)
def test_equals_what_one_column_after_another_gives(class_path: str, hyperparameters: dict[str, Any]) -> None:
    recipe = recipe_of(class_path=class_path, hyperparameters=hyperparameters)
    model, _ = fit(mixed_rows(300), recipe)
    test, known = mixed_rows(200, seed=1), mixed_rows(250, seed=2)
    found = permutation_importance(model, test, test["target"], "roc_auc", "yes", 3, known)
    rng = np.random.default_rng(3)
    taken = rng.permutation(len(test))
    rows, truth = test.iloc[taken].reset_index(drop=True), test["target"].iloc[taken].reset_index(drop=True)
    base = score("roc_auc", truth, predict(model, rows), "yes")
    orders = [rng.permutation(len(known))[: len(rows)] for _ in range(REPEATS)]
    for name in ("income", "age", "region", "plan"):
        scores = [
            score(
                "roc_auc", truth, predict(model, rows.assign(**{name: known[name].to_numpy()[order]})), "yes"
            )
            for order in orders
        ]
        assert found[name] == max(0.0, base - float(np.mean(scores)))


def test_columns_that_matter_by_their_product_alone_matter() -> None:
    """What the columns become cannot be told apart, so the columns themselves are permuted."""

    def frame(seed: int) -> pd.DataFrame:
        made = rows(seed)
        return made.assign(target=np.where(made["big"] * made["small"] > 0, "yes", "no"))

    model = recipe_of(class_path="sklearn.linear_model.LogisticRegression").model
    wanted = {"feature_engineering": {"interactions": [["big", "small"]]}}
    recipe = Recipe.model_validate(
        {"name": "example", "model": model.model_dump(mode="json", exclude_none=True) | wanted}
    )
    fitted, _ = fit(frame(6), recipe)
    test = frame(7)
    found = permutation_importance(fitted, test, test["target"], "roc_auc", "yes", 0)
    assert found["big"] == pytest.approx(0.5, abs=0.05)
    assert found["small"] == pytest.approx(0.5, abs=0.05)
    assert found["none"] < 0.01
