"""Clustering: a row is one of some groups of like rows, which nobody has named.

There are no labels. What a row is judged by is the row itself, in the space of `tasks.space`, beside the other rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.tasks.base import NOT_FOR_THIS_TASK, PREDICTION, Floats, Metric, Points, Task, mean, nothing
from ml_assets.tasks.space import space

ONE_CLUSTER = "rows of one cluster only"
MOST_ROWS = 2_000
"""Rows with which each row is compared for its silhouette; of more, so many drawn at random, always the same."""
CELLS_AT_ONCE = 2_000_000
"""Distances held in memory at once (16 MB)."""


class TwoAtRandom:
    """Deals rows out to two clusters without looking at them, always alike: the baseline."""

    classes_ = np.array(["0", "1"], dtype=object)

    def fit(self, X: Any, y: Any = None) -> TwoAtRandom:
        """Learn nothing."""
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Give each row one of two clusters."""
        return np.asarray(self.classes_[np.random.default_rng(0).integers(0, 2, len(X))])


def labelled(y: pd.Series[Any], predictions: pd.DataFrame, positive: str | None) -> Points:
    """Put rows, as `names.POINT` has them, and their clusters into arrays."""
    there = y.notna().to_numpy()
    names = predictions[PREDICTION].astype(str).to_numpy(dtype=object)[there]
    classes = tuple(sorted(set(names), key=lambda name: (len(name), name)))
    return Points(classes, space(y[there]), pd.Index(classes).get_indexer(names))


def silhouettes(rows: Points) -> Floats:
    """How much nearer each row is to its own cluster than to the nearest other, -1 to 1 (Rousseeuw 1987).

    Mean distances are taken to `MOST_ROWS` rows at most. 0 for a row that is alone; missing where there is one cluster.
    """
    from scipy.spatial.distance import cdist

    count = len(rows.truth)
    if len(rows.classes) < 2:
        return np.full(count, np.nan)
    some = np.sort(np.random.default_rng(0).permutation(count)[:MOST_ROWS])
    member = np.eye(len(rows.classes))[rows.predicted[some]]
    sizes = member.sum(axis=0)
    itself = np.zeros(count)
    itself[some] = 1.0
    found = np.zeros(count)
    at_once = max(1, CELLS_AT_ONCE // len(some))
    for first in range(0, count, at_once):
        part = np.arange(first, min(first + at_once, count))
        sums = cdist(rows.truth[part], rows.truth[some]) @ member
        own, place = rows.predicted[part], np.arange(len(part))
        others = np.where(sizes > 0, sums / np.maximum(sizes, 1.0), np.inf)
        others[place, own] = np.inf
        nearest, beside = others.min(axis=1), sizes[own] - itself[part]
        within = sums[place, own] / np.maximum(beside, 1.0)
        larger = np.maximum(within, nearest)
        fits = (beside > 0) & np.isfinite(nearest) & (larger > 0)
        found[part] = np.divide(nearest - within, larger, out=np.zeros(len(part)), where=fits)
    return found


def _silhouette(rows: Points) -> Floats:
    return rows.kept(silhouettes)


def _sums(rows: Points, counts: Floats) -> tuple[Floats, Floats]:
    """Rows of each cluster and the sums of their coordinates, on each resample."""
    member = np.eye(len(rows.classes))[rows.predicted]
    away = rows.truth - rows.truth.mean(axis=0)
    parts = (member[:, :, None] * away[:, None, :]).reshape(len(away), -1)
    return counts @ member, (counts @ parts).reshape(len(counts), len(rows.classes), -1)


def _calinski_harabasz(rows: Points, counts: Floats) -> Floats:
    """Spread between the clusters over spread within them (Calinski and Harabasz 1974)."""
    sizes, sums = _sums(rows, counts)
    away, total, there = rows.truth - rows.truth.mean(axis=0), sizes.sum(axis=1), (sizes > 0).sum(axis=1)
    explained = np.divide(np.square(sums).sum(axis=2), sizes, out=np.zeros_like(sizes), where=sizes > 0).sum(
        axis=1
    )
    within = np.maximum(counts @ np.square(away).sum(axis=1) - explained, 0.0)
    between = np.maximum(explained - np.square(sums.sum(axis=1)).sum(axis=1) / total, 0.0)
    ratio = np.divide(
        between * (total - there),
        within * (there - 1),
        out=np.ones_like(within),
        where=within > 1e-12 * total,
    )
    return np.where((there > 1) & (total > there), ratio, np.nan)


def _davies_bouldin(rows: Points, counts: Floats) -> Floats:
    """Mean over the clusters of how far each runs into the one that it is most like (Davies and Bouldin 1979)."""
    sizes, sums = _sums(rows, counts)
    away = rows.truth - rows.truth.mean(axis=0)
    found = np.full(len(counts), np.nan)
    for k, (size, total, count) in enumerate(zip(sizes, sums, counts, strict=True)):
        there = np.flatnonzero(size > 0)
        if len(there) < 2:
            continue
        centres = np.divide(total, size[:, None], out=np.zeros_like(total), where=size[:, None] > 0)
        distances = np.linalg.norm(away - centres[rows.predicted], axis=1)
        spread = (
            np.bincount(rows.predicted, weights=count * distances, minlength=len(size))[there] / size[there]
        )
        apart = np.linalg.norm(centres[there][:, None] - centres[there][None], axis=2)
        both = spread[:, None] + spread[None]
        likeness = np.divide(both, apart, out=np.zeros_like(both), where=apart > 0)
        found[k] = likeness.max(axis=1).mean()
    return found


def _losses(rows: Points) -> Floats:
    """Loss of each row; where there is one cluster, none fits better or worse."""
    return np.asarray(1.0 - np.nan_to_num(_silhouette(rows), nan=0.0))


CLUSTERING = Task(
    name="clustering",
    metrics=(
        mean("silhouette", "prediction", _silhouette, undefined=ONE_CLUSTER),
        Metric("calinski_harabasz", "prediction", _calinski_harabasz, undefined=ONE_CLUSTER),
        Metric("davies_bouldin", "prediction", _davies_bouldin, undefined=ONE_CLUSTER),
    ),
    default_metric=lambda _n_classes: "silhouette",
    classes=False,
    joint=False,
    by_batch=True,
    lacks=lambda _y: None,
    strata=NOT_FOR_THIS_TASK,
    positive=NOT_FOR_THIS_TASK,
    class_names=NOT_FOR_THIS_TASK,
    values=lambda y: np.zeros(len(y)),
    labelled=labelled,
    baseline=TwoAtRandom,
    baseline_sees=nothing,
    baseline_is="of two clusters dealt out at random",
    loss_kind=lambda _predictions: "1 - silhouette",
    row_losses=_losses,
    encoded_target=NOT_FOR_THIS_TASK,
    target_check=NOT_FOR_THIS_TASK,
    target_pair=NOT_FOR_THIS_TASK,
    estimated_by=NOT_FOR_THIS_TASK,
    blocked_by="entity",
    picture="clusters",
)
