"""A factorisation that recommends: it finds what a user likes, alike each time, and alone as among others."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD

from ml_assets.estimators.build import build
from ml_assets.estimators.recommender import factors
from ml_assets.evaluation.evaluate import with_known
from ml_assets.recipe.catalogue import ESTIMATORS
from ml_assets.tasks.metrics import score
from ml_assets.tasks.popular import PopularItems
from ml_assets_tests.support.shop import interactions, points

CLASSES = ["sklearn.decomposition.NMF", "sklearn.decomposition.TruncatedSVD"]


def fitted(class_path: str, frame: pd.DataFrame, n_components: int = 4) -> Any:
    params = {"n_components": n_components}
    return build(class_path, params, 0, "recommendation").fit(None, points(frame))


def scored(model: Any, frame: pd.DataFrame) -> float:
    y = points(frame)
    found = model.recommended(frame[["user"]], frame.index)
    return score("ndcg", y, with_known(found, model, y), None)


@pytest.mark.parametrize("class_path", CLASSES)
def test_it_recommends_better_than_what_is_popular(class_path: str) -> None:
    frame, later = interactions(items=150), interactions(800, items=150, seed=1)
    popular = PopularItems().fit(None, points(frame))
    assert scored(fitted(class_path, frame), later) > 1.2 * scored(popular, later)


@pytest.mark.parametrize("class_path", CLASSES)
def test_the_same_rows_give_the_same_answers_in_any_order_and_company(class_path: str) -> None:
    frame = interactions()
    model, again = fitted(class_path, frame), fitted(class_path, frame.sample(frac=1, random_state=3))
    users = np.array([[user] for user in [*model.users_, "new"]], dtype=object)
    answers = model.recommended(users, pd.RangeIndex(len(users)))
    pd.testing.assert_frame_equal(again.recommended(users, pd.RangeIndex(len(users))), answers)
    alone = [model.recommended(user[None], pd.RangeIndex(1)).iloc[0].tolist() for user in users]
    assert alone == answers.to_numpy().tolist()
    assert answers["prediction"].iloc[-1] == PopularItems().fit(None, points(frame)).predict([["new"]])[0]


def test_as_many_factors_as_items_give_back_what_each_user_had() -> None:
    gains = csr_array(np.array([[5.0, 0, 1], [1, 0, 0], [2, 3, 0], [1, 0, 4]]))
    users, items = factors(TruncatedSVD(3, random_state=0), gains)
    found, had = users @ items.T, gains.toarray()
    lengths = [np.linalg.norm(each, axis=1, keepdims=True) for each in (found, had)]
    assert found / lengths[0] == pytest.approx(had / lengths[1], abs=1e-9)


LIBRARY = [path for path in ESTIMATORS if path.startswith("implicit.")]


@pytest.mark.extras
@pytest.mark.parametrize("class_path", LIBRARY)
def test_implicit_s_lists_are_its_own_and_need_it_no_more_once_fitted(class_path: str) -> None:
    import pickle

    from scipy.sparse import csr_matrix

    frame, later = interactions(items=150), interactions(800, items=150, seed=1)
    few = {"factors": 8, "iterations": 200, "K": 20}
    params = {name: value for name, value in few.items() if name in ESTIMATORS[class_path].parameters}
    model = build(class_path, params, 0, "recommendation").fit(None, points(frame))
    assert scored(model, later) > scored(PopularItems().fit(None, points(frame)), later)
    assert b"implicit." not in pickle.dumps(model).replace(class_path.encode(), b"")
    again = build(class_path, params, 0, "recommendation").fit(None, points(frame))
    users = np.array([[user] for user in model.users_], dtype=object)
    answers = model.recommended(users, pd.RangeIndex(len(users)))
    pd.testing.assert_frame_equal(again.recommended(users, pd.RangeIndex(len(users))), answers)
    theirs, gains = model.estimator.made(), csr_matrix(model._learn(points(frame))).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(gains, show_progress=False)
    ids, _ = theirs.recommend(np.arange(len(users)), gains, N=3)
    ours = [[model.place_[item] for item in model.best(user)[0][:3]] for user in model.users_]
    assert np.mean(np.asarray(ours) == ids) > 0.97  # the others are as good as alike


def test_more_factors_than_users_or_items_are_refused_with_how_many_there_may_be() -> None:
    with pytest.raises(
        ValueError, match="n_components: 61 factors of 80 users and 60 items: ask for 60 at most"
    ):
        fitted(CLASSES[1], interactions(4_000), 61)


def test_what_has_no_factors_cannot_recommend() -> None:
    from sklearn.linear_model import Ridge

    from ml_assets.estimators.recommender import Recommender

    with pytest.raises(ValueError, match="Ridge has no factors of users and items"):
        Recommender(Ridge()).fit(None, points(interactions(50)))
