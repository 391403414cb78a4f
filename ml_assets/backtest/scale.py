"""The metric of served predictions with intervals that draw whole batches, the same draws for every policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.backtest.stream import Stream
from ml_assets.names import BATCH
from ml_assets.records import Positive, Record
from ml_assets.tasks.all import TASKS
from ml_assets.tasks.base import Floats
from ml_assets.tasks.metrics import evaluate_counts, labelled, metric_named, score, score_batches

RESAMPLES = 200
CELLS_AT_ONCE = 2_000_000  # rows times resamples in memory


class Interval(Record):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Scale:
    """The rows that count, drawn batch by batch; the same draws for every policy, so that they pair.

    Parameters
    ----------
    stream : Stream
    metric : str
    batches : tuple of str
        Batches that are scored.
    positive : str or None
        Positive class of two.
    """

    stream: Stream
    metric: str
    batches: tuple[str, ...]
    positive: Positive

    @property
    def sign(self) -> int:
        """1 where more is better."""
        return 1 if metric_named(self.metric).direction == "maximize" else -1

    @cached_property
    def _picks(self) -> Floats:
        """How often each batch is drawn: first once each, then at random."""
        count = len(self.batches)
        generator = np.random.default_rng(self.stream.recipe.random_state)
        drawn = generator.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
        return np.vstack([np.ones((1, count)), drawn]).astype(np.float64)

    def draws(self, predictions: pd.DataFrame) -> Floats:
        """The metric of each draw of the batches; the first is that of all their rows."""
        ours = self.stream.rows.loc[predictions.index, BATCH].isin(self.batches).to_numpy()
        predictions = predictions[ours]
        y = self.stream.rows.loc[predictions.index, self.stream.recipe.target]
        rows = labelled(y, predictions, metric_named(self.metric).task, self.positive)
        starts = np.array([self.stream.spans[batch][0] for batch in self.batches])
        block = np.searchsorted(starts, predictions.index.to_numpy(), side="right") - 1
        if TASKS[metric_named(self.metric).task].by_batch:
            return self._means(y, predictions, block)
        at_once = max(1, CELLS_AT_ONCE // max(len(y), 1))
        parts = [
            evaluate_counts(metric_named(self.metric), rows, self._picks[first : first + at_once][:, block])
            for first in range(0, len(self._picks), at_once)
        ]
        return np.concatenate(parts)

    def half(self, predictions: pd.DataFrame, batches: Sequence[str]) -> float:
        """The metric on some batches."""
        kept = self.stream.rows.loc[predictions.index, BATCH].isin(batches).to_numpy()
        some = predictions[kept]
        y = self.stream.rows.loc[some.index, self.stream.recipe.target]
        return score_batches(self.metric, y, some, self.positive, self.stream.rows.loc[some.index, BATCH])

    def _means(self, y: pd.Series[Any], predictions: pd.DataFrame, block: NDArray[np.intp]) -> Floats:
        """The mean of the batches' own scores on each draw, by their rows."""
        found = {
            k: score(self.metric, y[block == k], predictions[block == k], self.positive)
            for k in np.unique(block)
        }
        there = [k for k, value in found.items() if np.isfinite(value)]
        if not there:
            return np.full(len(self._picks), np.nan)
        rows = self._picks[:, there] * np.bincount(block)[there]
        total = rows.sum(axis=1)
        sums = rows @ np.array([found[k] for k in there])
        return np.asarray(np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0))

    def gain(self, ours: Floats, theirs: Floats) -> Interval:
        """Gain of one policy over another, positive is better."""
        return interval_of(self.sign * (ours - theirs))


def interval_of(draws: Floats) -> Interval:
    """The first draw is the value, the others tell its interval."""
    usable = draws[1:][np.isfinite(draws[1:])]
    value = float(draws[0])
    if not len(usable):
        return Interval(value=value, low=value, high=value)
    low, high = (float(bound) for bound in np.percentile(usable, (2.5, 97.5)))
    return Interval(value=value, low=min(low, value), high=max(high, value))
