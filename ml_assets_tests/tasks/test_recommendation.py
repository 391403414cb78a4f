"""A recommendation is scored as scikit-learn does it, user by user, on what was new to the user."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from ml_assets.promotion.paired import compare
from ml_assets.tasks.interactions import written
from ml_assets.tasks.intervals import intervals
from ml_assets.tasks.metrics import labelled, score
from ml_assets.tasks.recommendation import RECOMMENDATION

NAMES = [metric.name for metric in RECOMMENDATION.metrics]
Had = list[tuple[str, str, float]]
"""User, item and what it was worth."""


def scored(
    had: Had, lists: dict[str, list[str]], top_k: int = 10, **more: Any
) -> tuple[pd.Series, pd.DataFrame]:
    y = pd.Series([written(*row, top_k=top_k, **more) for row in had], dtype=object)
    return y, pd.DataFrame({"prediction": [json.dumps(lists[user]) for user, *_ in had]})


@st.composite
def shops(draw: st.DrawFn) -> tuple[Had, dict[str, list[str]], int]:
    users, items = [f"u{k}" for k in range(draw(st.integers(1, 6)))], [f"i{k}" for k in range(12)]
    row = st.tuples(st.sampled_from(users), st.sampled_from(items), st.sampled_from([0.0, 1.0, 2.5, 5.0]))
    had = draw(st.lists(row, min_size=1, max_size=30, unique_by=lambda each: each[:2]))
    top_k = draw(st.integers(1, 8))
    order = st.permutations(items)
    return had, {user: draw(order)[: draw(st.integers(0, top_k))] for user in users}, top_k


def by_hand(metric: str, liked: dict[str, float], found: list[str], top_k: int) -> float:
    """Score of one user, from the definition."""
    places = [place for place, item in enumerate(found[:top_k], start=1) if item in liked]
    if metric == "hit_rate":
        return float(bool(places))
    if metric == "recall_at_k":
        return len(places) / len(liked)
    if metric == "map":
        precisions = [sum(other <= place for other in places) / place for place in places]
        return sum(precisions) / min(len(liked), top_k)
    # scikit-learn ranks all items: those that are found by their place, the others below them.
    others = [item for item in {*liked, "none of them"} if item not in found]
    ranked = [*found, *others, *(f"filler {k}" for k in range(top_k))]
    gains = [liked.get(item, 0.0) if k < len(found) else 0.0 for k, item in enumerate(ranked)]
    best = sorted(liked.values(), reverse=True)[:top_k]
    ideal = float(np.sum(np.array(best) / np.log2(np.arange(2, len(best) + 2))))
    if len(ranked) > 1 and all(item in found for item in liked):
        truth, said = np.array([gains]), np.array([np.arange(len(ranked), 0, -1.0)])
        return float(ndcg_score(truth, said, k=top_k))
    return float(np.sum(np.array(gains[:top_k]) / np.log2(np.arange(2, top_k + 2)))) / ideal


@settings(max_examples=150, deadline=None)
@given(shops(), st.sampled_from(NAMES))
def test_a_metric_is_the_mean_over_users_of_its_definition(
    shop: tuple[Had, dict[str, list[str]], int], metric: str
) -> None:
    had, lists, top_k = shop
    liked: dict[str, dict[str, float]] = {}
    for user, item, gain in had:
        if gain > 0:
            liked.setdefault(user, {})[item] = gain
    found = score(metric, *scored(had, lists, top_k), None)
    if not liked:
        assert np.isnan(found)
        return
    expected = [by_hand(metric, own, lists[user], top_k) for user, own in liked.items()]
    assert found == pytest.approx(np.mean(expected))


def test_ndcg_of_a_whole_order_is_scikit_learn_s() -> None:
    rng = np.random.default_rng(0)
    for top_k in (1, 3, 10):
        gains = rng.choice([0.0, 1.0, 2.0, 5.0], (20, 10))
        gains[:, 0] = 1.0
        said = rng.permuted(np.tile(np.arange(10.0), (20, 1)), axis=1)
        had = [(f"u{u}", f"i{i}", gains[u, i]) for u in range(20) for i in range(10)]
        lists = {f"u{u}": [f"i{i}" for i in np.argsort(-said[u])] for u in range(20)}
        assert score("ndcg", *scored(had, lists, top_k), None) == pytest.approx(
            ndcg_score(gains, said, k=top_k)
        )


SHOP: Had = [("ann", "tea", 1.0), ("ann", "rum", 1.0), ("bob", "tea", 1.0), ("cid", "gin", 1.0)]
LISTS = {"ann": ["tea", "gin"], "bob": ["rum", "tea"], "cid": ["tea", "rum"]}


def test_what_the_user_had_before_counts_for_nothing() -> None:
    y, found = scored(SHOP, LISTS)
    known = found.assign(known=[False, True, False, True])
    without = score("recall_at_k", y.iloc[[0, 2]], found.iloc[[0, 2]], None)
    assert score("recall_at_k", y, known, None) == without == 1.0
    again = pd.Series([written(*row, again=no in (1, 3)) for no, row in enumerate(SHOP)])
    assert score("recall_at_k", again, found, None) == without
    assert np.isnan(score("ndcg", y, found.assign(known=True), None))


@pytest.mark.parametrize("metric", NAMES)
def test_how_often_a_user_had_an_item_changes_nothing(metric: str) -> None:
    once, twice = scored(SHOP, LISTS), scored([*SHOP, *SHOP[:1], *SHOP], LISTS)
    assert score(metric, *twice, None) == pytest.approx(score(metric, *once, None))


@pytest.mark.parametrize("metric", NAMES)
def test_batches_together_score_the_mean_of_their_users(metric: str) -> None:
    first, second = scored(SHOP, LISTS, batch="1"), scored(SHOP[:1], {"ann": ["rum"]}, batch="2")
    both = (
        pd.concat([first[0], second[0]], ignore_index=True),
        pd.concat([first[1], second[1]], ignore_index=True),
    )
    parts = score(metric, *first, None), score(metric, *second, None)
    assert score(metric, *both, None) == pytest.approx((3 * parts[0] + parts[1]) / 4)


def many(users: int, seed: int, skill: float) -> tuple[pd.Series, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    had = [(f"u{u}", f"i{rng.integers(0, 30)}", 1.0) for u in range(users) for _ in range(4)]
    own = {user: [item for who, item, _ in had if who == user] for user, *_ in had}
    lists = {
        user: list(
            dict.fromkeys([*(item for item in items if rng.random() < skill), *(f"i{k}" for k in range(9))])
        )
        for user, items in own.items()
    }
    return scored(had, lists)


def test_intervals_are_of_users_not_of_rows() -> None:
    y, found = many(60, 0, 0.3)
    once = intervals(labelled(y, found, "recommendation", None), NAMES, 0)
    doubled = pd.concat([y, y], ignore_index=True), pd.concat([found, found], ignore_index=True)
    twice = intervals(labelled(*doubled, "recommendation", None), NAMES, 0)
    for name in NAMES:
        assert (twice[name].low, twice[name].high) == pytest.approx((once[name].low, once[name].high))


def test_two_models_are_compared_on_what_was_new_to_both() -> None:
    y, good = many(80, 1, 0.9)
    bad = many(80, 1, 0.1)[1]
    users = np.repeat(np.arange(80), 4)
    found = compare(y, bad, good, "ndcg", positive=None, blocks=users)
    assert found is not None and found.gain > 0 and found.p_worse() > 0.999 and found.differing <= 80
    mine, theirs = (np.random.default_rng(seed).random(len(y)) < 0.3 for seed in (2, 3))
    first = compare(y, bad.assign(known=mine), good.assign(known=theirs), "ndcg", positive=None, blocks=users)
    either = mine | theirs
    second = compare(y[~either], bad[~either], good[~either], "ndcg", positive=None, blocks=users[~either])
    assert first is not None and second is not None
    assert (first.first, first.second) == pytest.approx((second.first, second.second))


def test_the_loss_of_a_row_adds_up_to_what_ndcg_lacks() -> None:
    y, found = many(40, 4, 0.5)
    rows = labelled(y, found.assign(known=np.arange(len(y)) % 5 == 0), "recommendation", None)
    assert RECOMMENDATION.row_losses(rows).mean() == pytest.approx(
        1 - score("ndcg", y, found.assign(known=np.arange(len(y)) % 5 == 0), None)
    )
