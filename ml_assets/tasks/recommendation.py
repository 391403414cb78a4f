"""Recommendation: the answer to a user are some items, and what the user then had tells how good they were.

A score is the mean over occasions, a user in a batch, so that it does not depend on how many batches are scored; rows
of one user are drawn together. What a user has had is not recommended again, so a row counts only where user and item
meet for the first time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.tasks.base import (
    KNOWN,
    NOT_FOR_THIS_TASK,
    PREDICTION,
    Floats,
    Metric,
    Rankings,
    Task,
)
from ml_assets.tasks.interactions import interactions, lacking, learned
from ml_assets.tasks.popular import PopularItems

NOBODY = "no user who liked an item that was new to this user"


def labelled(y: pd.Series[Any], predictions: pd.DataFrame, positive: str | None) -> Rankings:
    """Put interactions and what was recommended to their users into arrays."""
    found = interactions(y)
    lists = predictions[PREDICTION].astype(str).to_numpy(dtype=object)
    places = {
        text: {item: place for place, item in enumerate(json.loads(text)[: found.top_k], start=1)}
        for text in set(lists)
    }
    place = [places[text].get(str(item), 0) for text, item in zip(lists, found.items, strict=True)]
    known = predictions[KNOWN].to_numpy(bool) if KNOWN in predictions else np.zeros(len(lists), dtype=bool)
    user, items, batch = (_codes(each) for each in (found.users, found.items, found.batches))
    return Rankings(
        truth=found.gains,
        place=np.array(place, dtype=np.intp),
        user=user,
        occasion=_codes(user * (int(batch.max(initial=0)) + 1) + batch),
        items=items,
        counts=~(known | found.again),
        top_k=found.top_k,
    )


def _codes(values: NDArray[Any]) -> NDArray[np.intp]:
    return np.unique(values, return_inverse=True)[1].astype(np.intp)


def on_equal_terms(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Let rows count for neither of two models whose item either had learned of the user, so that both have the same.

    Parameters
    ----------
    first, second : DataFrame of shape (n_rows, n_outputs)
        Predictions of the same rows in the same order; those of other tasks stay as they are.
    """
    if KNOWN not in first or KNOWN not in second:
        return first, second
    either = first[KNOWN].to_numpy(bool) | second[KNOWN].to_numpy(bool)
    return first.assign(**{KNOWN: either}), second.assign(**{KNOWN: either})


def liked(rows: Rankings) -> tuple[NDArray[np.intp], Floats, NDArray[np.intp]]:
    """Occasion, gain and place of each item that was liked there, which counts once however often it came."""
    there = np.flatnonzero(rows.counts & (rows.truth > 0))
    order = there[np.lexsort((-rows.truth[there], rows.items[there], rows.occasion[there]))]
    pairs = np.column_stack([rows.occasion[order], rows.items[order]])
    first = np.ones(len(order), dtype=bool)
    first[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    order = order[first]
    return rows.occasion[order], rows.truth[order], rows.place[order]


def ndcg(rows: Rankings) -> Floats:
    """Gain of the items found, less the later they come, over the most there was (Järvelin and Kekäläinen 2002)."""
    occasion, gain, place = liked(rows)
    found = _sums(rows, occasion, np.where(place > 0, gain / np.log2(np.maximum(place, 1) + 1.0), 0.0))
    order = np.lexsort((-gain, occasion))
    ranks = _ranks(occasion[order])
    best = np.where(ranks <= rows.top_k, gain[order] / np.log2(ranks + 1.0), 0.0)
    return _share(found, _sums(rows, occasion[order], best))


def average_precision(rows: Rankings) -> Floats:
    """Mean over the liked items of the share of liked ones down to each one found, 0 for one that is not."""
    occasion, _, place = liked(rows)
    hits = np.flatnonzero(place > 0)
    hits = hits[np.lexsort((place[hits], occasion[hits]))]
    precision = _ranks(occasion[hits]) / place[hits]
    wanted = np.minimum(_sums(rows, occasion, np.ones(len(occasion))), rows.top_k)
    return _share(_sums(rows, occasion[hits], precision), wanted)


def recall(rows: Rankings) -> Floats:
    """Share of the liked items that are found."""
    occasion, _, place = liked(rows)
    return _share(_sums(rows, occasion, place > 0), _sums(rows, occasion, np.ones(len(occasion))))


def hit(rows: Rankings) -> Floats:
    """Whether an item that was liked is found."""
    occasion, _, place = liked(rows)
    return np.minimum(_sums(rows, occasion, place > 0), 1.0)


def _sums(rows: Rankings, occasion: Any, values: Any) -> Floats:
    return np.bincount(occasion, weights=values, minlength=rows.occasions).astype(np.float64)


def _ranks(occasion: Any) -> Floats:
    """Number the rows of each occasion from 1; they lie together."""
    if not len(occasion):
        return np.zeros(0)
    starts = np.flatnonzero(np.r_[True, occasion[1:] != occasion[:-1]])
    lengths = np.diff(np.r_[starts, len(occasion)])
    return np.asarray(np.arange(len(occasion)) - np.repeat(starts, lengths) + 1.0, dtype=np.float64)


def _share(found: Floats, most: Floats) -> Floats:
    return np.divide(found, most, out=np.zeros_like(found), where=most > 0)


def weights(rows: Rankings) -> Floats:
    """How much each row counts, so that every occasion on which something was liked counts alike: 1 over its rows."""
    liking = np.zeros(rows.occasions, dtype=bool)
    liking[liked(rows)[0]] = True
    each = np.bincount(rows.occasion, weights=rows.counts, minlength=rows.occasions)
    counting = rows.counts & liking[rows.occasion]
    return np.where(counting, 1.0 / np.maximum(each, 1.0)[rows.occasion], 0.0)


def _mean(name: str, of_occasions: Callable[[Rankings], Floats]) -> Metric:
    """A metric that is a mean over occasions."""

    def function(rows: Rankings, counts: Floats) -> Floats:
        weight, values = rows.kept(weights), rows.kept(of_occasions)[rows.occasion]
        return np.asarray(counts @ (weight * values) / (counts @ weight))

    def influence(rows: Rankings) -> Floats | None:
        weight, values = rows.kept(weights), rows.kept(of_occasions)[rows.occasion]
        if not weight.sum() > 0:
            return None
        mean = float(weight @ values / weight.sum())
        return np.asarray(mean + weight * (values - mean) / weight.mean())

    return Metric(name, "prediction", function, influence=influence, undefined=NOBODY)


def _losses(rows: Rankings) -> Floats:
    """What each row adds to the mean over occasions of 1 - NDCG."""
    weight = rows.kept(weights)
    mean = float(weight.mean()) if len(weight) else 0.0
    values = weight * (1.0 - rows.kept(ndcg)[rows.occasion])
    return values / mean if mean > 0 else values


def users(y: Any) -> Any:
    """Users of some rows, of shape (n_rows, 1)."""
    return interactions(y).users[:, None]


RECOMMENDATION = Task(
    name="recommendation",
    metrics=(
        _mean("ndcg", ndcg),
        _mean("map", average_precision),
        _mean("recall_at_k", recall),
        _mean("hit_rate", hit),
    ),
    default_metric=lambda _n_classes: "ndcg",
    classes=False,
    joint=False,
    by_batch=False,
    lacks=lacking,
    strata=lambda y: pd.Series(interactions(y).users, index=y.index),
    positive=NOT_FOR_THIS_TASK,
    class_names=NOT_FOR_THIS_TASK,
    values=learned,
    labelled=labelled,
    baseline=PopularItems,
    baseline_sees=users,
    baseline_is="of the most popular items",
    loss_kind=lambda _predictions: "1 - ndcg",
    row_losses=_losses,
    encoded_target=NOT_FOR_THIS_TASK,
    target_check=NOT_FOR_THIS_TASK,
    target_pair=NOT_FOR_THIS_TASK,
    estimated_by=NOT_FOR_THIS_TASK,
    blocked_by="user",
    picture="places",
)
