"""A blend travels as any model does: one MLflow model, that names what its members need."""

from __future__ import annotations

import pytest

from ml_assets.registry.pipelines import requirements


def member(name: str, path: str) -> dict[str, object]:
    return {"name": name, "estimator": {"class_path": path, "hyperparameters": {}}}


@pytest.mark.parametrize(
    "params",
    [
        {"estimators": [member("a", "sklearn.svm.SVC"), member("b", "xgboost.XGBClassifier")]},
        {"estimator": {"class_path": "xgboost.XGBClassifier", "hyperparameters": {"n_estimators": 3}}},
        {"estimator": {"class_path": "sklearn.svm.SVC", "hyperparameters": {
            "estimator": {"class_path": "xgboost.XGBClassifier"}}}},
    ],
)  # fmt: skip
def test_what_estimators_inside_a_model_need_is_pinned(params: dict[str, object]) -> None:
    outer = "ml_assets.estimators.blend.BlendedClassifier"
    assert any(line.startswith("xgboost==") for line in requirements(outer, params))
    assert not any(line.startswith("xgboost==") for line in requirements(outer, {"estimators": "none"}))
