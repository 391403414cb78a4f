"""A blend is an estimator as scikit-learn wants one, and a mean of its members."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from xgboost import XGBClassifier

from ml_assets.estimators.blend import BlendedClassifier, BlendedRegressor
from ml_assets.estimators.scaled import ScaledTargetRegressor
from ml_assets.estimators.wrappers import LabelEncodedClassifier

BOOSTED = LabelEncodedClassifier(XGBClassifier(n_estimators=3, enable_categorical=True, n_jobs=1))


def rows() -> tuple[pd.DataFrame, Any]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=90), "b": pd.Categorical(["x", "y", "z"] * 30)})
    y = np.where(frame["a"] + (frame["b"] == "x") + rng.normal(size=90) > 0, "yes", "no")
    frame.loc[::7, "a"] = np.nan
    return frame, y


def test_shares_are_the_weighted_mean_of_the_members() -> None:
    frame, y = rows()
    X = frame[["a"]].fillna(0.0).to_numpy()
    members = [("linear", LogisticRegression()), ("bayes", GaussianNB()), ("nothing", GaussianNB())]
    blend = BlendedClassifier(members, [3, 1, 0]).fit(X, y)
    parts = [clone(member).fit(X, y).predict_proba(X) for _, member in members]
    assert np.allclose(blend.predict_proba(X), 0.75 * parts[0] + 0.25 * parts[1])
    assert (blend.predict(X) == blend.classes_[blend.predict_proba(X).argmax(axis=1)]).all()


def test_members_that_take_numbers_only_are_given_such_of_a_frame_with_gaps_and_categories() -> None:
    frame, y = rows()
    members = [("boosted", BOOSTED), ("linear", LogisticRegression())]
    blend = BlendedClassifier(members, numbers=["linear"], typed=True).fit(frame, y)
    assert blend.estimators_[1].n_features_in_ == 5  # a, whether it is missing, and three levels
    assert (blend.predict(frame) == y).mean() > 0.7
    unseen = frame.assign(b=pd.Categorical(["x"] * 90, categories=["x", "y", "z"]), a=np.nan)
    assert np.isfinite(blend.predict_proba(unseen)).all()


@pytest.mark.parametrize(
    ("estimators", "weights", "message"),
    [
        ([], None, "one at least"),
        ([("a", Ridge())], [-1.0], "at least 0"),
        ([("a", Ridge())], [1, 2], "1 numbers"),
    ],
)
def test_what_is_no_blend_is_told(estimators: Any, weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BlendedRegressor(estimators, weights).fit(np.arange(9.0).reshape(-1, 1), np.arange(9.0))


def test_the_unit_of_the_target_does_not_matter() -> None:
    X = np.arange(20.0).reshape(-1, 1)
    model = ScaledTargetRegressor(LinearRegression()).fit(X, 1e6 * X[:, 0] + 5)
    assert np.allclose(model.predict(X), 1e6 * X[:, 0] + 5)
    assert abs(model.estimator_.coef_[0]) < 1
