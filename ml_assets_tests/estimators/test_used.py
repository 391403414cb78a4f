"""A column that an estimator is said not to look at can take any value: no prediction moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier

from ml_assets.estimators.used import used_columns
from ml_assets.estimators.wrappers import LabelEncodedClassifier

COLUMNS = 30


@pytest.mark.parametrize(
    "estimator",
    [
        XGBClassifier(n_estimators=5, max_depth=2),
        XGBRegressor(n_estimators=3, booster="dart"),
        XGBRFClassifier(n_estimators=4, max_depth=2),
        LabelEncodedClassifier(XGBClassifier(n_estimators=2, max_depth=1)),
    ],
)
def test_predictions_depend_on_the_columns_that_are_used_alone(estimator: Any) -> None:
    rng = np.random.default_rng(0)
    X, others = rng.normal(size=(2, 80, COLUMNS))
    y = (X[:, 0] + X[:, 1] + rng.normal(size=80) > 0).astype(int)
    used = used_columns(make_pipeline(estimator.fit(X, y)))
    assert used is not None and 0 < len(used) < COLUMNS
    output = estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict
    changed = np.where(np.isin(np.arange(COLUMNS), list(used)), X, others * 1e6)
    assert np.array_equal(output(changed), output(X))
    for place in used:
        values = np.repeat(X, 3, axis=0)
        values[:, place] = np.resize([-1e6, 1e6, np.nan], len(values))
        assert not np.array_equal(output(values), output(np.repeat(X, 3, axis=0)))


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(3),
        XGBRegressor(booster="gblinear", n_estimators=2),
        make_pipeline(StandardScaler(), XGBRegressor(n_estimators=2)),
    ],
)
def test_what_is_not_surely_known_is_not_told(estimator: Any) -> None:
    X = np.random.default_rng(0).normal(size=(40, 3))
    assert used_columns(estimator.fit(X, (X[:, 0] > 0).astype(int))) is None
