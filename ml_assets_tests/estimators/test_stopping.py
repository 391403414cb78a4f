"""Boosting that stops early takes as many trees as rows want that it has not learned."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.estimators.build import build
from ml_assets.estimators.stopping import FEW_TREES, EarlyStopped, OutOfTime
from ml_assets_tests.support.libraries import marks_of

PATHS = ["xgboost.XGB", "lightgbm.LGBM", "catboost.CatBoost"]
ROOM = {"xgboost": "n_estimators", "lightgbm": "n_estimators", "catboost": "iterations"}

every_library = pytest.mark.parametrize("path", [pytest.param(path, marks=marks_of(path)) for path in PATHS])
every_kind = pytest.mark.parametrize("kind", ["Classifier", "Regressor"])


def stopped(path: str, kind: str, **options: Any) -> EarlyStopped:
    task = "classification" if kind == "Classifier" else "regression"
    params = {ROOM[path.partition(".")[0]]: 800, "learning_rate": 0.3}
    built = build(f"{path}{kind}", params, 0, task)
    return EarlyStopped(getattr(built, "estimator", built), 10, **options)


def rows(kind: str, n: int = 400) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 3))
    value = X[:, 0] + X[:, 1] ** 2 + rng.normal(size=n)
    return X, np.where(value > 1, "yes", "no") if kind == "Classifier" else value


@every_library
@every_kind
def test_trees_end_long_before_the_room_does_and_the_same_fit_stops_at_the_same(path: str, kind: str) -> None:
    X, y = rows(kind)
    first, second = stopped(path, kind).fit(X, y), stopped(path, kind).fit(X, y)
    assert 1 <= first.trees_ < 200
    assert first.trees_ == second.trees_
    assert (first.predict(X) == second.predict(X)).all()
    if kind == "Classifier":
        assert list(first.classes_) == ["no", "yes"]
        assert (first.predict(X) == y).mean() > 0.7


@every_library
@every_kind
def test_few_rows_are_all_learned(path: str, kind: str) -> None:
    X, y = rows(kind, 40)
    assert stopped(path, kind).fit(X, y).trees_ == FEW_TREES


@every_library
@every_kind
def test_it_is_given_up_at_the_end_of_its_time(path: str, kind: str) -> None:
    X, y = rows(kind)
    with pytest.raises(OutOfTime):
        stopped(path, kind, ends=time.monotonic()).fit(X, y)


@pytest.mark.parametrize("ordered", [True, False])
def test_every_class_is_learned_however_rare(ordered: bool) -> None:
    X, _ = rows("Classifier")
    y = pd.Series(np.where(X[:, 0] > 0, "up", "down"))
    y.iloc[-1] = "once"
    model = stopped(PATHS[0], "Classifier", ordered=ordered).fit(X, y.to_numpy())
    assert list(model.classes_) == ["down", "once", "up"]
    assert model.predict_proba(X).shape == (400, 3)


@every_kind
def test_by_time_the_newest_rows_are_watched(kind: str) -> None:
    X, y = rows(kind)
    changed = y.copy()
    changed[-60:] = y[-60:][::-1]
    one, other = (stopped(PATHS[0], kind, ordered=True).fit(X, labels) for labels in (y, changed))
    # The same rows are learned, so the same trees are grown; only their number may differ.
    few = min(one.trees_, other.trees_)
    learned = [model.estimator_.predict(X, iteration_range=(0, few)) for model in (one, other)]
    assert (learned[0] == learned[1]).all()


@every_library
@every_kind
def test_time_that_is_plenty_changes_nothing(path: str, kind: str) -> None:
    X, y = rows(kind)
    timed = stopped(path, kind, ends=time.monotonic() + 1e6).fit(X, y)
    assert (timed.predict(X) == stopped(path, kind).fit(X, y).predict(X)).all()
