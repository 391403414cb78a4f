"""The loss of a quantile is least at the quantile, and a model that learns one is tuned and judged by it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_pinball_loss

from ml_assets.evaluation.evaluate import evaluate, predict
from ml_assets.recipe import RecipeError
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.quantiles import level_of
from ml_assets.tasks.metrics import score
from ml_assets.training.fit import fit
from ml_assets_tests.support.libraries import marks_of
from ml_assets_tests.support.training_examples import recipe_of

NUMBERS = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40)
LEVELS = st.integers(1, 99)

ESTIMATORS: list[Any] = [
    ("xgboost.XGBRegressor", {"objective": "reg:quantileerror", "quantile_alpha": 0.9, "max_depth": 2}),
    ("sklearn.ensemble.HistGradientBoostingRegressor", {"loss": "quantile", "quantile": 0.9, "max_depth": 2}),
    ("sklearn.ensemble.GradientBoostingRegressor", {"loss": "quantile", "alpha": 0.9, "n_estimators": 60}),
    ("sklearn.linear_model.QuantileRegressor", {"quantile": 0.9, "alpha": 0.0}),
    *(
        pytest.param(path, parameters, marks=marks_of(path))
        for path, parameters in (
            ("lightgbm.LGBMRegressor", {"objective": "quantile", "alpha": 0.9, "n_estimators": 60, "max_depth": 2}),
            ("catboost.CatBoostRegressor", {"loss_function": "Quantile:alpha=0.9", "iterations": 60}),
        )
    ),
]  # fmt: skip


def name_of(level: int) -> str:
    return f"quantile_loss_{level:02d}"


@given(NUMBERS, LEVELS)
def test_no_constant_costs_less_than_the_quantile(truth: list[float], level: int) -> None:
    y = pd.Series(truth)
    constants = [*truth, float(np.quantile(truth, level / 100))]

    def cost(constant: float) -> float:
        return score(name_of(level), y, pd.DataFrame({"prediction": [constant] * len(truth)}), None)

    quantile = float(np.quantile(truth, level / 100, method="inverted_cdf"))
    assert cost(quantile) <= min(map(cost, constants)) + 1e-9


@given(NUMBERS, LEVELS, st.integers(0, 9))
def test_the_loss_is_scikit_learns(truth: list[float], level: int, seed: int) -> None:
    predicted = np.random.default_rng(seed).normal(size=len(truth))
    ours = score(name_of(level), pd.Series(truth), pd.DataFrame({"prediction": predicted}), None)
    assert ours == pytest.approx(mean_pinball_loss(truth, predicted, alpha=level / 100))


def skewed(n: int, seed: int) -> pd.DataFrame:
    """The spread grows with a column, so that no shift of the mean gives a quantile."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, n)
    frame = pd.DataFrame({"x": x, "noise": rng.normal(size=n)})
    frame["target"] = 2 * x + (0.2 + x) * rng.exponential(size=n)
    return frame.assign(row_id__=np.arange(n, dtype=np.uint64))


@pytest.mark.parametrize(("class_path", "hyperparameters"), ESTIMATORS)
def test_a_model_of_a_quantile_covers_its_share_and_beats_the_best_constant(
    class_path: str, hyperparameters: dict[str, Any]
) -> None:
    recipe = recipe_of(
        "regression", class_path, hyperparameters, hyperparameter_tuning={"metric": "quantile_loss_90"}
    )
    train, test = skewed(1_500, 0), skewed(3_000, 1)
    model, result = fit(train, recipe)
    predicted = predict(model, test)
    assert float((test["target"] <= predicted["prediction"]).mean()) == pytest.approx(0.9, abs=0.04)
    found = evaluate(recipe, test["target"], predicted, train["target"])
    assert (found.metric, found.direction, result.metric) == ("quantile_loss_90", "minimize", found.metric)
    constant = np.full(len(test), np.quantile(train["target"], 0.9))
    assert found.baseline[found.metric] == pytest.approx(
        mean_pinball_loss(test["target"], constant, alpha=0.9), rel=1e-3
    )
    assert found.scores[found.metric].high < found.baseline[found.metric]


@pytest.mark.parametrize(
    ("metric", "direction", "words"),
    [
        ("quantile_loss_90", "maximize", "is better lower"),
        ("quantile_loss_00", "minimize", "unknown metric"),
        ("quantile_loss_0.9", "minimize", "own_metrics"),
    ],
)
def test_what_is_no_quantile_is_refused(metric: str, direction: str, words: str) -> None:
    text = (
        "name: example\nmodel:\n  loader: {source_uri: rows.csv}\n"
        "  data_interface: {task_type: regression, target_col: y}\n"
        f"evaluation: {{metrics: [{metric}]}}\n"
        f"hyperparameter_tuning: {{metric: quantile_loss_90, direction: {direction}}}\n"
    )
    with pytest.raises(RecipeError, match=words):
        parse_recipe(text)


def test_a_quantile_is_no_metric_of_classes() -> None:
    assert level_of("quantile_loss_90") == 0.9
    text = (
        "name: example\nmodel:\n  loader: {source_uri: rows.csv}\n"
        "  data_interface: {task_type: classification, target_col: y}\n"
        "evaluation: {metrics: [quantile_loss_50]}\n"
    )
    with pytest.raises(RecipeError, match="no metric of classification"):
        parse_recipe(text)
