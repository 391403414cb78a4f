"""XGBoost by the workers of a cluster: an ordinary model, the same each time, and about as good as one fitted here."""

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ml_assets.estimators.build import build
from ml_assets.estimators.partitioned import FEWEST_ROWS, partitioned, worker_count
from ml_assets.search.cluster import connected

pytestmark = pytest.mark.extras

MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "two classes": ("classification", "XGBClassifier", {}),
    "weighted": ("classification", "XGBClassifier", {"class_weight": {"b": 3.0}}),
    "dart": ("classification", "XGBClassifier", {"booster": "dart"}),
    "forest": ("classification", "XGBRFClassifier", {}),
    "approximate": ("classification", "XGBClassifier", {"tree_method": "approx"}),
    "three classes": ("classification", "XGBClassifier", {"subsample": 0.7}),
    "numbers": ("regression", "XGBRegressor", {"colsample_bytree": 0.5}),
    "a forest of numbers": ("regression", "XGBRFRegressor", {}),
    "categories": ("classification", "XGBClassifier", {"enable_categorical": True}),
}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with connected("dask", None) as found:
        yield found


def rows_of(name: str, n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(n, 5))
    X[rng.random(n) < 0.1, 2] = np.nan
    value = X[:, 0] + X[:, 1] ** 2 + rng.normal(0, 0.5, n)
    classes = pd.cut(value, [-np.inf, 0, 1, np.inf], labels=["a", "b", "c"]).astype(str)
    y: Any = value if "numbers" in name else np.where(value > 1, "b", "a")
    if name == "three classes":
        y = np.asarray(classes)
    if name != "categories":
        return X, y
    frame = pd.DataFrame(X, columns=list("vwxyz"))
    return frame.assign(v=pd.cut(X[:, 0], 4, labels=list("klmn"))), y


def fitted(name: str, X: Any, y: Any, client: Any) -> Any:
    task, class_name, params = MODELS[name]
    estimator = build(f"xgboost.{class_name}", {"n_estimators": 12, "max_depth": 4} | params, 3, task)
    with partitioned(estimator, client) as made:
        made.fit(X, y)
    return made


def answers(model: Any, X: Any) -> Any:
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def within(model: Any) -> Any:
    return getattr(model, "estimator_", model)


@pytest.mark.parametrize("name", MODELS)
def test_on_one_worker_it_is_what_is_fitted_here(client: Any, name: str) -> None:
    X, y = rows_of(name, FEWEST_ROWS)
    here, there = fitted(name, X, y, None), fitted(name, X, y, client)
    np.testing.assert_array_equal(answers(there, X), answers(here, X))
    assert type(within(there)) is type(within(here))
    assert {**within(there).get_params(), "missing": 0} == {**within(here).get_params(), "missing": 0}
    assert vars(within(there)).keys() == vars(within(here)).keys()


@pytest.mark.parametrize("name", MODELS)
def test_the_same_each_time_and_nothing_of_dask_in_it(client: Any, name: str) -> None:
    X, y = rows_of(name, 3 * FEWEST_ROWS)
    assert worker_count(client, len(X)) > 1
    model, again = fitted(name, X, y, client), fitted(name, X, y, client)
    np.testing.assert_array_equal(answers(model, X), answers(again, X))
    kept = pickle.dumps(model)
    assert b"dask" not in kept and b"distributed" not in kept and b"ByWorkers" not in kept
    np.testing.assert_array_equal(answers(pickle.loads(kept), X), answers(model, X))


def test_a_partition_may_lack_a_class(client: Any) -> None:
    X, y = rows_of("three classes", 2 * FEWEST_ROWS)
    order = np.argsort(y, kind="stable")
    model = fitted("three classes", X[order], y[order], client)
    assert list(model.classes_) == ["a", "b", "c"]
    assert (model.predict(X) == y).mean() > 0.7


def test_many_workers_are_about_as_good_as_one_place(client: Any) -> None:
    """The bins of a partition's columns are other ones: what is predicted differs a little, its worth hardly."""
    X, y = rows_of("two classes", 12_000)
    learned, judged = slice(0, 8_000), slice(8_000, None)
    here, there = (fitted("two classes", X[learned], y[learned], each) for each in (None, client))
    worth = [roc_auc_score(y[judged] == "b", answers(each, X[judged])[:, 1]) for each in (here, there)]
    assert abs(worth[0] - worth[1]) < 0.005
