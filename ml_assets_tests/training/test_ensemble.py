"""Ensembles by name: what they weigh, what answers are learned from, and that they go with the model."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ml_assets.estimators.ensembles import StackedClassifier, StackedRegressor, VotedClassifier
from ml_assets.evaluation.evaluate import predict
from ml_assets.recipe.schema import Recipe
from ml_assets.records import TrainingResult
from ml_assets.training.fit import fit, refit
from ml_assets_tests.support.training_examples import mixed_rows

LOGISTIC = "sklearn.linear_model.LogisticRegression"
BAYES = "sklearn.naive_bayes.GaussianNB"
XGBOOST = {"class_path": "xgboost.XGBClassifier", "hyperparameters": {"n_estimators": 10, "max_depth": 3}}
METHODS = ("averaging", "voting", "stacking", "blending")


def recipe(method: str, first: dict[str, Any], *others: dict[str, Any], **sections: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "example",
            "model": {
                **first,
                "ensemble": {"method": method, "estimators": list(others)},
                "loader": {"source_uri": "rows.csv"},
                "data_interface": {"task_type": "classification", "target_col": "target"},
            },
            "hyperparameter_tuning": {"metric": "accuracy"} | sections.pop("tuning", {}),
            **sections,
        }
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_ensemble_learns_and_is_the_same_again_to_the_bit(method: str) -> None:
    frame = mixed_rows(300)
    asked = recipe(method, {"class_path": LOGISTIC}, XGBOOST)
    model, result = fit(frame, asked)
    found = predict(model, frame)
    assert (found["prediction"] == frame["target"]).mean() > 0.75
    assert np.allclose(found.filter(like="probability_").sum(axis=1), 1.0)
    read = TrainingResult.model_validate_json(result.model_dump_json())
    assert [each["name"] for each in read.params["estimators"]] == ["1_LogisticRegression", "2_XGBClassifier"]
    for again in (refit(frame, asked, read), fit(frame.sample(frac=1, random_state=1), asked)[0]):
        pd.testing.assert_frame_equal(predict(again, frame), found, check_exact=True)


def test_weights_count() -> None:
    frame = mixed_rows(300)
    shares = []
    for members in (
        [{"class_path": BAYES}, {"class_path": LOGISTIC, "weight": 1e9}],
        [{"class_path": BAYES}, {"class_path": LOGISTIC, "weight": 3}],
        [{"class_path": BAYES}, {"class_path": LOGISTIC, "weight": 1e-9}],
    ):
        model, _ = fit(frame, recipe("averaging", *members))
        shares.append(predict(model, frame)["probability_yes"].to_numpy())
    np.testing.assert_allclose(shares[1], 0.75 * shares[0] + 0.25 * shares[2], atol=1e-6)


def test_spaces_of_all_are_searched_together() -> None:
    space = {"C": {"type": "float", "low": 0.01, "high": 10.0, "log": True}}
    depth = {"n_estimators": 5, "max_depth": {"type": "int", "low": 1, "high": 3}}
    members = {"class_path": LOGISTIC, "hyperparameters": space}, XGBOOST | {"hyperparameters": depth}
    _, result = fit(mixed_rows(200), recipe("stacking", *members, tuning={"n_trials": 3}))
    assert result.tuning is not None and result.choice is None
    searched = {key.rpartition(".")[2] for key in result.tuning.best_params}
    assert searched == {"C", "max_depth"} and result.tuning.total_trials == 3


class ByHeart(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Right on every row that it has learned, and on no other surer than a coin."""

    def fit(self, X: Any, y: Any) -> "ByHeart":
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.known_ = {row.tobytes(): code for row, code in zip(np.asarray(X), codes, strict=True)}
        return self

    def predict_proba(self, X: Any) -> Any:
        rows = [self.known_.get(row.tobytes()) for row in np.asarray(X)]
        return np.array([[0.5, 0.5] if code is None else np.eye(2)[code] for code in rows])

    def predict(self, X: Any) -> Any:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("ordered", [False, True])
def test_one_that_knows_its_rows_by_heart_is_not_leaned_on(held: bool, ordered: bool) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2))
    y = np.where(X[:, 0] + 0.5 * rng.normal(size=600) > 0, "yes", "no")
    members = [("heart", ByHeart()), ("linear", LogisticRegression())]
    stack = StackedClassifier(members, held=held, ordered=ordered).fit(X[:400], y[:400])
    assert abs(stack.final_.coef_[0, 0]) < 1e-6 < 0.5 < stack.final_.coef_[0, 1]
    alone = LogisticRegression().fit(X[:400], y[:400])
    assert stack.score(X[400:], y[400:]) > alone.score(X[400:], y[400:]) - 0.02


class Told(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Notes the newest row that it learned and the oldest that it is asked about."""

    asked: tuple[tuple[float, float], ...] = ()

    def fit(self, X: Any, y: Any) -> "Told":
        self.newest_ = float(np.asarray(X)[:, 0].max())
        return self

    def predict(self, X: Any) -> Any:
        type(self).asked = (*type(self).asked, (self.newest_, float(np.asarray(X)[:, 0].min())))
        return np.asarray(X)[:, 0]


@pytest.mark.parametrize("held", [False, True])
def test_by_time_answers_are_for_newer_rows(held: bool) -> None:
    Told.asked = ()
    X = np.arange(100.0).reshape(-1, 1)
    StackedRegressor([("told", Told()), ("tree", DecisionTreeRegressor())], held=held, ordered=True).fit(
        X, X[:, 0]
    )
    assert len(Told.asked) == (1 if held else 5) and all(newest < oldest for newest, oldest in Told.asked)


def test_a_stack_of_numbers_finds_the_better_and_no_weight_is_negative() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    y = 1e6 + 5e4 * X[:, 0] + 1e4 * rng.normal(size=500)
    stack = StackedRegressor(
        [("linear", LinearRegression()), ("tree", DecisionTreeRegressor(random_state=0))]
    )
    stack.fit(X[:300], y[:300])
    assert (stack.final_.coef_ >= 0).all() and stack.final_.coef_[0] > 0.8
    assert stack.score(X[300:], y[300:]) > 0.94


def test_votes_are_counted() -> None:
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    y = np.array(["a", "a", "b", "b"])
    members = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier()), ("linear", LogisticRegression())]
    voted = VotedClassifier(members, [1, 1, 2]).fit(X, y)
    assert voted.predict_proba(X[:1]).tolist() == [[1.0, 0.0]]
    assert set(np.unique(voted.predict_proba(np.linspace(1.2, 1.8, 40).reshape(-1, 1)))) <= {
        0.0,
        0.25,
        0.5,
        0.75,
        1.0,
    }


def test_classes_that_a_fold_lacks_have_their_place() -> None:
    """By time: the third class comes late."""
    rng = np.random.default_rng(0)
    y = np.array(["a", "b"] * 50 + ["c", "a", "b"] * 20)
    X = np.column_stack(
        [(y == "a") + 0.3 * rng.normal(size=len(y)), (y == "c") + 0.3 * rng.normal(size=len(y))]
    )
    stack = StackedClassifier([("bayes", GaussianNB()), ("linear", LogisticRegression())], ordered=True).fit(
        X, y
    )
    assert stack.predict_proba(X).shape == (160, 3) and stack.score(X, y) > 0.7
