"""A setting that changes nothing is told, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from ml_assets.lifecycle.idle import idle
from ml_assets.recipe.schema.engineering import FeatureEngineering
from ml_assets_tests.support.training_examples import recipe_of


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({}, []),
        ({"outlier_method": "zscore"}, ["params: outlier_method: zscore changes nothing"]),
        ({"outlier_treatment": "remove", "outlier_detection": True}, []),
        ({"outlier_method": "zscore", "column_sets": [{"columns": ["a"], "outlier_detection": True}]}, []),
        ({"column_sets": [{"columns": ["a"], "outlier_treatment": "flag"}]}, ["column_sets[0]: outlier_treatment"]),
        (
            {"outlier_detection": True, "column_sets": [{"columns": ["a"], "outlier_method": "zscore"}]},
            [],
        ),
    ],
)  # fmt: skip
def test_outliers_that_nothing_looks_for(params: dict[str, Any], told: list[str]) -> None:
    found = idle(recipe_of(preprocessor=params))
    assert len(found) == len(told)
    assert all(text.startswith(words) for text, words in zip(found, told, strict=True))


@pytest.mark.parametrize(("trials", "words"), [(14, ["the grid has 15 points"]), (15, [])])
def test_a_grid_that_is_larger_than_the_trials(trials: int, words: list[str]) -> None:
    spaces = {
        "max_depth": {"type": "int", "low": 2, "high": 4},
        "learning_rate": {"type": "float", "low": 0.01, "high": 0.3, "log": True},
    }
    tuning = {"sampler": "grid", "n_trials": trials}
    found = idle(recipe_of("regression", "xgboost.XGBRegressor", spaces, hyperparameter_tuning=tuning))
    assert [text.partition(",")[0] for text in found] == words


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"time_col": "day"}, ["feature_engineering: time_col: day changes nothing"]),
        ({"history": 3}, ["feature_engineering: history: 3 changes nothing"]),
        ({"time_col": "day", "history": 3, "lags": {"columns": ["a"], "steps": [1]}}, []),
    ],
)
def test_a_past_of_which_nothing_is_made(made: dict[str, Any], told: list[str]) -> None:
    model = recipe_of().model.model_copy(
        update={"feature_engineering": FeatureEngineering.model_validate(made)}
    )
    found = idle(recipe_of().model_copy(update={"model": model}))
    assert [text.partition(",")[0] for text in found] == told
