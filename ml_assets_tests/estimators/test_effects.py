"""Learners of an effect of other libraries find an effect that is known, by regressors and by classifiers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge

from ml_assets.estimators.build import build
from ml_assets.estimators.effects import OfEconML, Probability
from ml_assets.estimators.peculiar import REQUIRED
from ml_assets.recipe.catalogue import ESTIMATORS
from ml_assets_tests.support.libraries import marks_of
from ml_assets_tests.uplift.test_learners import made

RIDGE, LOGISTIC = ({"class_path": f"sklearn.linear_model.{name}"} for name in ("Ridge", "LogisticRegression"))
OTHERS = [
    pytest.param(path, id=path, marks=marks_of(path))
    for path, known in ESTIMATORS.items()
    if known.task == "causal" and not path.startswith("ml_assets") and path not in REQUIRED
]


@pytest.mark.parametrize("class_path", OTHERS)
def test_finds_the_effect(class_path: str) -> None:
    X, y, effect = made(3000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a sparse model complains of few columns
        learner = build(class_path, {}, 0, "causal")
        found = learner.fit(X, y).predict(X)
        again = clone(learner).fit(X, y).predict(X)
    assert np.corrcoef(found, effect)[0, 1] > 0.5
    assert found.mean() == pytest.approx(effect.mean(), abs=0.06)
    assert np.array_equal(found, again)


@pytest.mark.extras
def test_a_classifier_of_outcomes_is_asked_for_its_probability() -> None:
    X, y, _ = made(600)
    arms = [LogisticRegression().fit(X[y[:, 1] == arm], y[y[:, 1] == arm, 0]) for arm in (1, 0)]
    sides = [arm.predict_proba(X)[:, 1] for arm in arms]
    for models in (LOGISTIC, [LOGISTIC, LOGISTIC]):
        learner = build("econml.metalearners.TLearner", {"models": models}, 0, "causal")
        assert np.allclose(learner.fit(X, y).predict(X), sides[0] - sides[1])


@pytest.mark.extras
@pytest.mark.parametrize(
    ("class_path", "params"),
    [
        ("econml.metalearners.SLearner", {"overall_model": LOGISTIC}),
        ("econml.metalearners.XLearner", {"models": LOGISTIC}),
        ("econml.metalearners.DomainAdaptationLearner", {"models": LOGISTIC, "final_models": RIDGE}),
        ("econml.dml.LinearDML", {"model_y": LOGISTIC}),
        ("econml.dr.LinearDRLearner", {"model_regression": LOGISTIC}),
    ],
)
def test_every_kind_takes_a_classifier_of_outcomes(class_path: str, params: dict[str, Any]) -> None:
    X, y, effect = made(3000)
    found = build(class_path, params, 0, "causal").fit(X, y).predict(X)
    assert found.mean() == pytest.approx(effect.mean(), abs=0.06)
    # A logistic model of outcome and treatment ascribes the same odds to all rows.
    assert class_path.endswith("SLearner") or np.corrcoef(found, effect)[0, 1] > 0.8


@pytest.mark.extras
def test_rows_of_one_arm_are_refused() -> None:
    X, y, _ = made(50)
    learner = build("econml.metalearners.TLearner", {"models": RIDGE}, 0, "causal")
    with pytest.raises(ValueError, match="one arm"):
        learner.fit(X, np.column_stack([y[:, 0], np.ones(50)]))


def test_probability_of_one_outcome_alone() -> None:
    X = np.arange(4.0).reshape(-1, 1)
    assert Probability(LogisticRegression()).fit(X, [0, 0, 1, 1]).predict(X).round().tolist() == [0, 0, 1, 1]

    class Known(LogisticRegression):
        def fit(self, X: Any, y: Any) -> Any:
            self.classes_ = np.unique(y)
            return self

    assert Probability(Known()).fit(X, [1, 1, 1, 1]).predict(X).tolist() == [1.0] * 4


def test_what_was_given_stays_unfitted() -> None:
    learner = OfEconML(Ridge())
    assert clone(learner).estimator is not learner.estimator and not hasattr(learner, "estimator_")
