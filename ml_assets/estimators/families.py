"""Estimators with their search spaces, and the families of the automatic search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ml_assets.estimators.libraries import Input
from ml_assets.recipe.space import Float, Int
from ml_assets.recipe.tasks import ESTIMATOR_KINDS


@dataclass(frozen=True)
class Candidate:
    """An estimator with its search spaces, the point of them that is tried first, and what it is fitted on."""

    class_path: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    first: Mapping[str, Any] = field(default_factory=dict)
    input: Input = "numbers"


LINEAR = {
    "Classifier": Candidate(
        "sklearn.linear_model.LogisticRegression", {"C": Float(1e-3, 1e2, log=True)}, {"C": 1.0}
    ),
    "Regressor": Candidate(
        "sklearn.linear_model.Ridge", {"alpha": Float(1e-2, 1e4, log=True)}, {"alpha": 1.0}
    ),
}


def families(task: str) -> dict[str, Candidate]:
    """Return the families of the automatic search; the linear model is always one of them.

    Spaces are small and forests capped, so that each fit stays within seconds on some 10,000 rows.
    """
    suffix = ESTIMATOR_KINDS[task]
    return {
        "linear": LINEAR[suffix],
        "xgboost": Candidate(
            f"xgboost.XGB{suffix}",
            {
                "n_estimators": Int(50, 400, log=True),
                "learning_rate": Float(0.02, 0.3, log=True),
                "max_depth": Int(2, 8),
                "min_child_weight": Float(1.0, 20.0, log=True),
                "subsample": Float(0.5, 1.0),
                "colsample_bytree": Float(0.4, 1.0),
                "reg_lambda": Float(0.1, 20.0, log=True),
            },
            {
                "n_estimators": 200,
                "learning_rate": 0.1,
                "max_depth": 4,
                "min_child_weight": 1.0,
                "subsample": 0.9,
                "colsample_bytree": 0.8,
                "reg_lambda": 1.0,
            },
        ),
        "forest": Candidate(
            f"sklearn.ensemble.RandomForest{suffix}",
            {
                "n_estimators": 100,
                "max_samples": Float(0.3, 0.9),
                "min_samples_leaf": Int(1, 20, log=True),
                "max_features": Float(0.1, 0.8),
            },
            {"max_samples": 0.6, "min_samples_leaf": 2, "max_features": 0.3},
        ),
    }
