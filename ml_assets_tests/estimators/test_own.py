"""Estimators of a person's own are held to scikit-learn's interface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier

from ml_assets.estimators.build import build, defaults_of
from ml_assets.estimators.constraints import wrong_values
from ml_assets.estimators.own import OwnEstimator
from ml_assets.estimators.several import SeveralTargets
from ml_assets.recipe.own import OwnError, allow
from ml_assets.recipe.space import Nested

OWN = "ml_assets_tests.support.own_models"
X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.where(X[:, 0] > 0, "yes", "no")


@pytest.fixture(autouse=True)
def _allowed() -> Iterator[None]:
    allow({"ml_assets_tests.support"})
    yield
    allow(())


def test_own_classifier_learns_alone_and_inside_others() -> None:
    alone = build(f"{OWN}.Nearest", {"power": 1.0}, 0, "classification").fit(X, Y)
    assert (alone.predict(X) == Y).mean() > 0.8
    assert alone.predict_proba(X).shape == (60, 2)
    members = [
        {"name": "own", "estimator": Nested(f"{OWN}.Nearest", {"power": 1.0})},
        {"name": "linear", "estimator": Nested("sklearn.linear_model.LogisticRegression", {})},
    ]
    for path in ("VotingClassifier", "StackingClassifier"):
        together = build(f"sklearn.ensemble.{path}", {"estimators": members}, 0, "classification").fit(X, Y)
        assert (together.predict(X) == Y).mean() > 0.8
    two = np.column_stack([Y, Y[::-1]])
    both = build(f"{OWN}.Nearest", {}, 0, "classification", ("a", "b")).fit(X, two)
    assert both.predict(X).shape == (60, 2)


def test_defaults_are_those_of_the_class() -> None:
    assert defaults_of(f"{OWN}.Nearest") == {"power": 2.0}
    assert wrong_values(f"{OWN}.Nearest", {"powre": 1.0}) == [
        (("powre",), f"{OWN}.Nearest has no parameter 'powre'. Did you mean 'power'?")
    ]


@pytest.mark.parametrize(
    ("name", "task", "words"),
    [
        ("NoKind", "regression", "does not say whether it is a classifier or a regressor"),
        ("Plain", "regression", "has no fit, predict"),
        ("build", "regression", "is no class"),
        ("Absent", "regression", "has no class 'Absent'"),
        ("Mean", "classification", "is no estimator for classification"),
        ("NoSelf", "regression", "fit gave NoneType; it must return self"),
        ("NoClasses", "classification", "has no classes_ after fit"),
        ("OneRow", "regression", "predict gave shape (1,); expected (60,)"),
        ("Failing", "regression", "fit failed: LookupError: no such table"),
    ],
)
def test_what_is_no_estimator_is_told_in_one_line(name: str, task: str, words: str) -> None:
    y = Y if task == "classification" else X[:, 0]
    with pytest.raises(ValueError, match=OWN) as caught:
        build(f"{OWN}.{name}", {}, 0, task).fit(X, y).predict(X)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_class_of_a_module_that_is_not_allowed_is_not_imported() -> None:
    allow(())
    with pytest.raises(ValueError, match=r"not allowed: only estimators of .* the operator trusts"):
        build(f"{OWN}.Mean", {}, 0, "regression")
    with pytest.raises(OwnError):
        from ml_assets.estimators.own import own_class

        own_class(f"{OWN}.Mean")


@pytest.mark.parametrize("model", [LinearRegression(), DecisionTreeClassifier(random_state=0)])
def test_own_estimator_of_several_targets(model: Any) -> None:
    """A regressor that takes them at once is asked at once; a classifier has classes of its own for each."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 3))
    y = rows[:, :2] * [1.0, -2.0] if hasattr(model, "positive") else np.where(rows[:, :2] > 0, "yes", "no")
    fitted = SeveralTargets(OwnEstimator(model, "shop.models.Own"), ("one", "two")).fit(rows, y)
    found = fitted.predict(rows)
    assert found.shape == (40, 2)
    assert np.allclose(found, y) if hasattr(model, "positive") else (found == y).all()
