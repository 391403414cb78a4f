"""The learners find an effect that is known, whatever they are given to learn the outcome with."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from ml_assets.uplift import RLearner, SLearner, TLearner, XLearner

LEARNERS = (SLearner, TLearner, XLearner, RLearner)


def made(rows: int = 3000, share: float = 0.5, seed: int = 0) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 3))
    effect = 0.3 * np.tanh(2 * X[:, 0])
    treated = random.random(rows) < share
    outcome = random.random(rows) < 0.5 + 0.1 * np.tanh(X[:, 1]) + effect * treated
    return X, np.column_stack([outcome, treated]).astype(float), effect


@pytest.mark.parametrize("share", [0.5, 0.2])
@pytest.mark.parametrize("learner", LEARNERS)
def test_finds_the_effect(learner: Any, share: float) -> None:
    X, y, effect = made(share=share)
    found = learner(random_state=0).fit(X, y)
    assert np.corrcoef(found.predict(X), effect)[0, 1] > 0.7
    assert found.predict(X).mean() == pytest.approx(effect.mean(), abs=0.06)


@pytest.mark.parametrize("learner", LEARNERS)
def test_asks_a_classifier_for_its_probability(learner: Any) -> None:
    X, y, effect = made(1500)
    forest = RandomForestClassifier(50, min_samples_leaf=50, random_state=0)
    found = learner(forest, random_state=0).fit(X, y)
    assert np.corrcoef(found.predict(X), effect)[0, 1] > 0.5


def test_by_hand() -> None:
    X, y, _ = made(500)
    treated = y[:, 1] > 0
    arms = [Ridge().fit(X[arm], y[arm, 0]) for arm in (treated, ~treated)]
    assert np.allclose(TLearner(Ridge()).fit(X, y).predict(X), arms[0].predict(X) - arms[1].predict(X))
    one = LogisticRegression().fit(np.column_stack([X, treated]), y[:, 0])
    sides = [one.predict_proba(np.column_stack([X, np.full(len(X), arm)]))[:, 1] for arm in (1, 0)]
    assert np.allclose(SLearner(LogisticRegression()).fit(X, y).predict(X), sides[0] - sides[1])


@pytest.mark.parametrize("learner", LEARNERS)
def test_copies_travel_and_are_the_same(learner: Any) -> None:
    X, y, _ = made(300)
    first = learner(Ridge(), random_state=1).fit(X, y)
    assert np.array_equal(clone(first).fit(X, y).predict(X), first.predict(X))
    assert np.array_equal(pickle.loads(pickle.dumps(first)).predict(X), first.predict(X))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda y: y[:, 0], "two columns"),
        (lambda y: np.column_stack([y[:, 0], np.ones(len(y))]), "one arm"),
    ],
)
def test_what_is_no_outcome_beside_a_treatment_is_refused(change: Any, words: str) -> None:
    X, y, _ = made(50)
    with pytest.raises(ValueError, match=words):
        TLearner(Ridge()).fit(X, change(y))


def test_missing_numbers_are_taken_as_the_learner_takes_them() -> None:
    X, y, _ = made(200)
    X[::7, 1] = np.nan
    assert np.isfinite(TLearner().fit(X, y).predict(X)).all()
    with pytest.raises(ValueError, match="NaN"):
        TLearner(Ridge()).fit(X, y)
