"""An evaluation says what makes it doubtful, and how its score grows with the rows learned."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.evaluate import evaluate, predict
from ml_assets.evaluation.soundness import not_converged, overfitted, unsound
from ml_assets.recipe.schema import Recipe
from ml_assets.reports.checks import warnings
from ml_assets.training.fit import fit
from ml_assets.training.learning import learning_curve
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of

TREE: dict[str, Any] = {"class_path": "sklearn.tree.DecisionTreeClassifier"}
LOGISTIC: dict[str, Any] = {"class_path": "sklearn.linear_model.LogisticRegression"}


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {**value, **second.get(key, {})} if isinstance(value, dict) else value
        for key, value in first.items()
    }


def judged(recipe: Recipe, train: pd.DataFrame, test: pd.DataFrame) -> tuple[Any, Any, pd.DataFrame]:
    model, training = fit(train, recipe)
    said = predict(model, test)
    return training, evaluate(recipe, test["target"], said, train["target"]), said


def test_rows_that_are_there_again_promise_what_the_hold_out_does_not_keep() -> None:
    train, test = mixed_rows(150), mixed_rows(300, seed=1)
    again = pd.concat([train] * 6, ignore_index=True).assign(row_id__=np.arange(900, dtype=np.uint64))
    training, evaluation, said = judged(recipe_of(**TREE), again, test)
    (told,) = unsound(training, evaluation, said)
    assert "in cross-validation" in told and "over-fitted" in told


def test_honest_folds_are_believed() -> None:
    doubted = 0
    for seed in range(15):
        rows = mixed_rows(400, seed)
        training, evaluation, _ = judged(recipe_of(**LOGISTIC), rows.iloc[:300], rows.iloc[300:])
        doubted += bool(overfitted(training, evaluation))
    assert doubted <= 1  # 1 % of them expected


def test_a_prediction_that_is_no_number_is_counted() -> None:
    training, evaluation, said = judged(recipe_of(**LOGISTIC), mixed_rows(200), mixed_rows(100, seed=1))
    assert unsound(training, evaluation, said) == ()
    said.iloc[3, -1] = np.nan
    assert unsound(training, evaluation, said) == ("1 of 100 predictions are no number",)


def test_a_fit_that_ended_early_has_not_converged() -> None:
    early = recipe_of(**LOGISTIC, hyperparameters={"max_iter": 1})
    assert not_converged(fit(mixed_rows(200), early)[1])
    assert not not_converged(fit(mixed_rows(200), recipe_of(**LOGISTIC))[1])


def test_what_was_chosen_is_no_warning_and_what_ended_early_or_missed_is() -> None:
    chosen = {"model": {"threshold": {"metric": "f1"}, "calibration": "sigmoid"}}
    recipe = recipe_of(**LOGISTIC)
    recipe = Recipe.model_validate(merged(recipe.model_dump(exclude_defaults=True), chosen))
    training = fit(mixed_rows(300), recipe)[1]
    assert len(training.notes) == 2 and warnings(training) == ()
    early = fit(mixed_rows(200), recipe_of(**LOGISTIC, hyperparameters={"max_iter": 1}))[1]
    assert warnings(early) == early.notes != ()
    missed = (
        "threshold 0.5 for 'yes', chosen for f1 on 9 rows; no threshold reaches recall of at least 0.99",
    )
    assert warnings(early.model_copy(update={"notes": missed})) == missed


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_learning_curve_ends_with_the_score_of_all_rows(task: str) -> None:
    path = "xgboost.XGBClassifier" if task == "classification" else "xgboost.XGBRegressor"
    recipe = recipe_of(task, path, {"n_estimators": 30, "max_depth": 3})
    train, test = mixed_rows(1_600, task=task), mixed_rows(1_000, seed=1, task=task)
    training, evaluation, _ = judged(recipe, train, test)
    curve = learning_curve(train, test, recipe, training, evaluation)
    assert curve is not None and curve.x == (200.0, 400.0, 800.0, 1_600.0)
    assert curve.y[-1] == evaluation.scores[evaluation.metric].value
    assert all(low <= y <= high for low, y, high in zip(curve.low, curve.y, curve.high, strict=True))
    better = curve.y[-1] > curve.y[0]
    assert better == (evaluation.direction == "maximize")
    assert learning_curve(train, test, recipe, training, evaluation) == curve


def test_parts_that_cannot_be_learned_are_left_out() -> None:
    train, test = mixed_rows(100), mixed_rows(100, seed=1)
    recipe = recipe_of(**LOGISTIC)
    training, evaluation, _ = judged(recipe, train, test)
    curve = learning_curve(train, test, recipe, training, evaluation)
    assert curve is not None and curve.x == (25.0, 50.0, 100.0)
