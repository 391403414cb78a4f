"""Estimators inside others: each space is searched, at whatever depth, and the best is what is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.evaluate import predict
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.yaml_text import dump_yaml
from ml_assets.training.fit import fit, refit
from ml_assets_tests.support.training_examples import mixed_rows

FOREST: dict[str, Any] = {"n_estimators": {"type": "int", "low": 5, "high": 30}}
ALPHA = {"alpha": {"type": "float", "low": 0.01, "high": 100.0, "log": True}}


def member(name: str, path: str, **hyperparameters: Any) -> dict[str, Any]:
    return {"name": name, "estimator": {"class_path": path, "hyperparameters": hyperparameters}}


RIDGE = member("ridge", "sklearn.linear_model.Ridge", **ALPHA)
TREES = member("trees", "sklearn.ensemble.RandomForestRegressor", **FOREST)
VOTING = {"class_path": "sklearn.ensemble.VotingRegressor", "hyperparameters": {"estimators": [RIDGE, TREES]}}
CASES: dict[str, tuple[str, dict[str, Any], list[str], set[str]]] = {
    "voting": ("regression", VOTING, ["target"],
        {"estimators.ridge.alpha", "estimators.trees.n_estimators"}),
    "stacking": ("regression", {"class_path": "sklearn.ensemble.StackingRegressor", "hyperparameters": {
        "estimators": [RIDGE, TREES], "final_estimator": RIDGE["estimator"], "cv": 3}}, ["target"],
        {"estimators.ridge.alpha", "estimators.trees.n_estimators", "final_estimator.alpha"}),
    "stacking of classes": ("classification", {"class_path": "sklearn.ensemble.StackingClassifier", "hyperparameters": {
        "estimators": [
            member("trees", "sklearn.ensemble.RandomForestClassifier", **FOREST),
            member("boosted", "xgboost.XGBClassifier", n_estimators={"type": "int", "low": 5, "high": 20}),
        ], "cv": 3}}, ["target"],
        {"estimators.trees.n_estimators", "estimators.boosted.n_estimators"}),
    "voting inside several targets": ("regression", {"class_path": "sklearn.multioutput.MultiOutputRegressor",
        "hyperparameters": {"estimator": VOTING}}, ["target", "other"],
        {"estimator.estimators.ridge.alpha", "estimator.estimators.trees.n_estimators"}),
    "boosting of several targets": ("classification", {"class_path": "sklearn.multioutput.MultiOutputClassifier",
        "hyperparameters": {"estimator": {"class_path": "xgboost.XGBClassifier", "hyperparameters": {
            "n_estimators": {"type": "int", "low": 5, "high": 20}}}}}, ["target", "other"],
        {"estimator.n_estimators"}),
    "voting of several targets": ("regression", VOTING, ["target", "other"],
        {"estimators.ridge.alpha", "estimators.trees.n_estimators"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_nested_spaces_are_searched_and_the_best_is_fitted(name: str) -> None:
    task, model, targets, spaces = CASES[name]
    frame = mixed_rows(120, task=task)
    other = frame["age"].fillna(40) > 40
    frame["other"] = (
        np.where(other, "old", "young") if task == "classification" else frame["age"].fillna(40.0)
    )
    recipe = parse_recipe(
        dump_yaml(
            {
                "name": "nested",
                "model": {
                    **model,
                    "loader": {"source_uri": "rows.csv"},
                    "data_interface": {"task_type": task, "target_col": targets},
                },
                "hyperparameter_tuning": {"n_trials": 3},
                "training": {"folds": 2},
            }
        )
    )
    pipeline, result = fit(frame, recipe)
    assert result.tuning is not None
    assert set(result.tuning.best_params) == spaces
    assert len({str(trial.params) for trial in result.tuning.history}) == 3
    best = max if result.direction == "maximize" else min
    values = [trial.value for trial in result.tuning.history if trial.value is not None]
    assert result.tuning.best_score == best(values)
    again = refit(frame, recipe, result)
    pd.testing.assert_frame_equal(predict(again, frame), predict(pipeline, frame))
