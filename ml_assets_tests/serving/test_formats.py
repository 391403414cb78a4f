"""Formats of `ml-assets export`: joblib and pickle take every model, and a refusal names what takes the model."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.linear_model import Perceptron
from sklearn.pipeline import make_pipeline

from ml_assets.serving.export.single import FormatError, numbers, write_joblib, write_native, write_pickle
from ml_assets.training.fit import fit
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of

TREES = "sklearn.tree.DecisionTree"
SEVERAL = {"target_col": ["target", "plan"]}
CASES: dict[str, dict[str, Any]] = {
    "two classes": {"class_path": f"{TREES}Classifier"},
    "calibrated": {"class_path": "sklearn.svm.LinearSVC"},
    "boosted": {"class_path": "xgboost.XGBClassifier", "hyperparameters": {"n_estimators": 3}},
    "numbers": {"task": "regression", "class_path": f"{TREES}Regressor"},
    "several targets of classes": {"class_path": f"{TREES}Classifier", "interface": SEVERAL},
    "a booster for each target": {
        "class_path": "xgboost.XGBClassifier", "hyperparameters": {"n_estimators": 3}, "interface": SEVERAL,
    },
    "several targets of numbers": {
        "task": "regression", "class_path": f"{TREES}Regressor", "interface": {"target_col": ["target", "income"]},
    },
    "clusters": {"task": "clustering", "class_path": "sklearn.cluster.KMeans", "hyperparameters": {"n_clusters": 3}},
}  # fmt: skip


def fitted(case: dict[str, Any]) -> tuple[Any, pd.DataFrame]:
    rows = mixed_rows(200, task=case.get("task", "classification")).dropna()
    pipeline, _ = fit(rows, recipe_of(**case, training={"folds": 2}))
    return pipeline, rows


@pytest.mark.parametrize("kind", CASES)
def test_joblib_takes_every_model_and_a_refusal_names_what_does(kind: str, tmp_path: Path) -> None:
    pipeline, rows = fitted(CASES[kind])
    assert write_joblib(tmp_path, pipeline, rows)["rows"] == len(rows)
    assert write_pickle(tmp_path, pipeline, rows)["rows"] == len(rows)
    again = pickle.loads((tmp_path / "model.pkl").read_bytes())
    assert (numbers(again, rows) == numbers(pipeline, rows)).all()
    try:
        write_native(tmp_path, pipeline, rows)
    except FormatError as refused:
        assert re.search(r"joblib (?:or|and) package|joblib, or package", str(refused)), refused
        assert kind != "boosted"


def test_joblib_takes_a_model_that_gives_labels_alone(tmp_path: Path) -> None:
    rows = mixed_rows(80).dropna()[["income", "age"]]
    pipeline = make_pipeline(Perceptron()).fit(rows, ["no" if old else "yes" for old in rows["age"] > 40])
    assert not hasattr(pipeline, "predict_proba")
    assert write_joblib(tmp_path, pipeline, rows)["rows"] == len(rows)
