"""A blend travels as any model does: one MLflow model, that names what its members need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from ml_assets.estimators.families import BLENDS, SCALED
from ml_assets.evaluation.evaluate import predict
from ml_assets.evaluation.importance import permutation_importance
from ml_assets.records import Choice, Standing
from ml_assets.registry.database import configure
from ml_assets.registry.pipelines import requirements
from ml_assets.registry.tracking import RunPlace, ensure_experiment, log_training
from ml_assets.settings import Settings
from ml_assets.training.fit import fit, refit
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of


def member(name: str, path: str, **hyperparameters: Any) -> dict[str, Any]:
    return {"name": name, "estimator": {"class_path": path, "hyperparameters": hyperparameters}}


@pytest.mark.parametrize(
    "params",
    [
        {"estimators": [member("a", "sklearn.svm.SVC"), member("b", "xgboost.XGBClassifier")]},
        {"estimator": {"class_path": "xgboost.XGBClassifier", "hyperparameters": {"n_estimators": 3}}},
        member("a", "sklearn.svm.SVC", estimator={"class_path": "xgboost.XGBClassifier"}),
    ],
)
def test_what_estimators_inside_a_model_need_is_pinned(params: dict[str, Any]) -> None:
    outer = BLENDS["Classifier"]
    assert any(line.startswith("xgboost==") for line in requirements(outer, params))
    assert not any(line.startswith("xgboost==") for line in requirements(outer, {"estimators": "none"}))


@pytest.mark.parametrize(("task", "kind"), [("classification", "Classifier"), ("regression", "Regressor")])
def test_a_blend_is_logged_loaded_and_asked_as_any_model(task: str, kind: str, mlflow_home: Path) -> None:
    linear = (
        "sklearn.linear_model.LogisticRegression" if kind == "Classifier" else "sklearn.linear_model.Ridge"
    )
    network = member("mlp", f"sklearn.neural_network.MLP{kind}", hidden_layer_sizes=[4], max_iter=5)
    if kind == "Regressor":
        network = member("mlp", SCALED, estimator=network["estimator"])
    blend = {
        "estimators": [
            member("linear", linear),
            member("xgboost", f"xgboost.XGB{kind}", n_estimators=5),
            network,
        ],
        "weights": [0.5, 0.3, 0.2],
        "numbers": [],
        "typed": False,
    }
    frame, recipe = mixed_rows(120, task=task), recipe_of(task, class_path=linear)
    _, result = fit(frame, recipe)
    standing = Standing(
        family="linear", class_path=linear, score=0.5, standard_error=0.1, trials=1, seconds=1.0, fold_seconds=0.1,
        weight=0.5,
    )  # fmt: skip
    choice = Choice(standings=(standing,), why="it is a test", by_clock=False)
    result = result.model_copy(update={"class_path": BLENDS[kind], "params": blend, "choice": choice})
    pipeline = refit(frame, recipe, result)
    settings = Settings(home=mlflow_home)
    client = configure(settings)
    logged = log_training(
        client,
        RunPlace(ensure_experiment(client, settings, "example")),
        recipe=recipe,
        pipeline=pipeline,
        training=result,
        rows=frame,
        raw=frame[[*result.features, "target"]],
    )
    mlflow.set_tracking_uri(client.tracking_uri)
    answers = mlflow.pyfunc.load_model(logged.model_uri).predict(frame[list(result.features)])
    expected = predict(pipeline, frame)["prediction"]
    assert np.array_equal(np.asarray(answers).ravel(), expected.to_numpy(np.asarray(answers).dtype))
    again = mlflow.sklearn.load_model(logged.model_uri)
    pd.testing.assert_frame_equal(predict(again, frame), predict(pipeline, frame), check_exact=True)
    weights = permutation_importance(pipeline, frame, frame["target"], result.metric, result.positive, 0)
    assert max(weights, key=lambda name: weights[name]) in {"age", "region"}
