"""The most popular items, those left out that a user had; what is new gets them, never an error."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.tasks.interactions import written
from ml_assets.tasks.popular import PopularItems
from ml_assets_tests.support.shop import interactions, points


def fitted(rows: list[tuple[str, str, float]], top_k: int = 10) -> PopularItems:
    return PopularItems().fit(None, [written(*row, top_k=top_k) for row in rows])


ROWS = [("ann", "tea", 1.0), ("bob", "tea", 1.0), ("bob", "rum", 1.0), ("cid", "tea", 0.0), ("cid", "gin", 1.0),
        ("dot", "rum", 1.0), ("dot", "rum", 1.0), ("dot", "rum", 1.0), ("eve", "tea", 1.0)]  # fmt: skip


def test_items_come_by_the_number_of_users_who_liked_them() -> None:
    model = fitted(ROWS)
    assert model.best("nobody") == (["tea", "rum", "gin"], [3.0, 2.0, 1.0])
    assert model.best("ann")[0] == ["rum", "gin"]
    # One that was not liked is not recommended again, either.
    assert model.best("cid")[0] == ["rum"]
    assert model.best("ann", frozenset({"rum", "what is not sold"}))[0] == ["gin"]
    assert fitted(ROWS, top_k=1).best("nobody")[0] == ["tea"]


def test_each_row_leaves_out_its_own_items() -> None:
    model = fitted(ROWS)
    users = np.array([["ann"], ["ann"], ["nobody"]], dtype=object)
    without = [frozenset[str](), frozenset({"rum"}), frozenset({"tea", "rum"})]
    assert [json.loads(text) for text in model.predict(users, without)] == [["rum", "gin"], ["gin"], ["gin"]]
    assert [json.loads(text) for text in model.predict(users)][1] == ["rum", "gin"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 99), st.integers(1, 12))
def test_nothing_is_recommended_that_the_user_had_nor_twice(seed: int, top_k: int) -> None:
    frame = interactions(60, 8, 10, seed=seed)
    model = PopularItems().fit(None, points(frame, top_k=top_k))
    had = frame.groupby("user")["item"].agg(lambda items: set(map(str, items)))
    for user, own in had.items():
        items, scores = model.best(user)
        assert len(set(items)) == len(items) == len(scores) <= top_k
        assert not own & set(items)
        assert scores == sorted(scores, reverse=True)
        assert len(items) == min(top_k, len(model.items_) - len(own))


def test_an_answer_does_not_depend_on_who_else_asks() -> None:
    frame = interactions()
    model = PopularItems().fit(None, points(frame))
    users = np.array([[user] for user in [*frame["user"].unique(), "new", "new"]], dtype=object)
    together = model.recommended(users, pd.RangeIndex(len(users)))
    for place, user in enumerate(users):
        alone = model.recommended(user[None], pd.RangeIndex(1))
        assert alone.iloc[0].tolist() == together.iloc[place].tolist()
    assert json.loads(together["prediction"].iloc[-1]) == model.best("new")[0]
    assert model.recommended(users[:0], pd.RangeIndex(0)).empty


def test_a_row_is_known_where_the_user_had_the_item() -> None:
    model = fitted(ROWS)
    asked = [("ann", "tea"), ("ann", "rum"), ("cid", "tea"), ("new", "tea"), ("ann", "new")]
    assert model.known([written(*each, 1.0) for each in asked]).tolist() == [True, False, True, False, False]
    assert model.known([]).tolist() == []


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_rows_is_no_matter(seed: int) -> None:
    frame = interactions(300)
    shuffled = frame.sample(frac=1, random_state=seed)
    first, second = (PopularItems().fit(None, points(each)) for each in (frame, shuffled))
    assert [first.best(user) for user in first.users_] == [second.best(user) for user in first.users_]
