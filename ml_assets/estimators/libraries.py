"""What is known of the libraries whose estimators a recipe may name."""

from __future__ import annotations

from typing import Any

DEFAULTS: dict[str, dict[str, Any]] = {
    "sklearn.linear_model.LogisticRegression": {"max_iter": 2000},
    "sklearn.neural_network.MLPClassifier": {"max_iter": 500},
    "sklearn.neural_network.MLPRegressor": {"max_iter": 500},
    "sklearn.ensemble.VotingClassifier": {"voting": "soft"},
}
"""Where the library's own default often does not converge, or gives no probabilities."""


REQUIRED = {"sklearn.semi_supervised.SelfTrainingClassifier": ("estimator",)}
"""Parameters that have a default, which does not work."""


THREADED = ("xgboost.",)
"""Packages that would take all cores unless told otherwise."""
