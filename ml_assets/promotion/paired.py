"""Two models on the same rows: the difference of a metric, and how surely it is one.

The standard error comes from the influence of each row on the metric where that has a formula (means, the
root of a mean, the area under the curve), which is what a bootstrap of many resamples converges to and costs
a thousandth of it; else from a paired bootstrap. Rows of one block count together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.tasks.base import Metric
from ml_assets.tasks.metrics import evaluate_counts, labelled, metric_named

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

RESAMPLES = 500  # the standard error of the gain is then known to 3 %
CELLS_AT_ONCE = 2_000_000  # rows times resamples in memory


@dataclass(frozen=True)
class Paired:
    """Scores of two models on the same rows; a positive `gain` says that the second is better.

    `differing` counts the blocks in which the two answer differently: blocks in which they do not say nothing
    about the spread, so the degrees of freedom are one less than it (Student's t; a normal or percentile
    interval is too narrow where few rows differ: Efron & Tibshirani 1993, ch. 12).
    """

    first: float
    second: float
    gain: float
    error: float
    rows: int
    differing: int

    @property
    def _freedom(self) -> int:
        return max(self.differing - 1, 1)

    def half(self, alpha: float) -> float:
        """Half the interval whose either end is passed with probability `alpha`."""
        from scipy.stats import t

        return float(t.isf(alpha, self._freedom)) * self.error if self.differing else 0.0

    def p_worse(self) -> float:
        """One-sided p-value of "the second is not worse"."""
        from scipy.stats import t

        if not self.differing or self.gain == 0:
            return 1.0 if not self.differing else 0.5
        return float(t.cdf(self.gain / self.error, self._freedom)) if self.error > 0 else float(self.gain > 0)


def compare(
    y: pd.Series[Any],
    first: pd.DataFrame,
    second: pd.DataFrame,
    metric: str,
    *,
    positive: str | None,
    blocks: Any | None = None,
    random_state: int = 0,
) -> Paired | None:
    """Compare two models on the labelled rows.

    Parameters
    ----------
    y : Series of shape (n_rows,)
        True values; rows without one are left out.
    first, second : DataFrame of shape (n_rows, 1 + n_classes)
        Predictions for the same rows in the same order.
    metric : str
        A name in `METRICS`.
    blocks : array of shape (n_rows,), optional
        Rows of one block are not independent. One single block says nothing about its spread and is ignored.
    positive : str or None
        Positive class of two.
    random_state : int
        Seed of the bootstrap, where one is needed.

    Returns
    -------
    Paired or None
        None where the metric is undefined on these rows.

    Raises
    ------
    ValueError
        If the metric is unknown or the rows of the two models differ.
    """
    chosen = metric_named(metric)
    if not first.index.equals(second.index):
        raise ValueError("champion and challenger must predict the same rows in the same order.")
    known = y.notna().to_numpy()
    truth, before, after = y[known], first[known], second[known]
    groups = numbered(blocks, known)
    sides = [labelled(truth, predictions, chosen.task, positive) for predictions in (before, after)]
    scores = [float(evaluate_counts(chosen, side, np.ones((1, len(truth))))[0]) for side in sides]
    if not np.isfinite(scores).all():
        return None
    influences = [chosen.influence(side) if chosen.influence is not None else None for side in sides]
    if influences[0] is None or influences[1] is None:
        error = _bootstrap(chosen, sides, groups, random_state)
    else:
        error = standard_error(influences[1] - influences[0], groups)
    if error is None:
        return None
    sign = 1 if chosen.direction == "maximize" else -1
    differing = len(np.unique(groups[differ(before, after)]))
    return Paired(scores[0], scores[1], sign * (scores[1] - scores[0]), error, len(truth), differing)


def numbered(blocks: Any | None, known: Any) -> NDArray[np.intp]:
    """Number the blocks of the known rows from 0; without blocks, or with one alone, each row is one.

    Raises
    ------
    ValueError
        If there are not as many blocks as rows.
    """
    rows = int(known.sum())
    if blocks is None:
        return np.arange(rows)
    if len(blocks) != len(known):
        raise ValueError(f"blocks: {len(blocks)} for {len(known)} rows.")
    groups = np.unique(np.asarray(blocks)[known], return_inverse=True)[1]
    return np.arange(rows) if rows == 0 or groups.max() == 0 else groups


def standard_error(values: Floats, groups: NDArray[np.intp]) -> float:
    """Standard error of the mean of `values` when whole groups are drawn (Cochran 1977, ch. 9).

    >>> round(standard_error(np.array([0.0, 2.0]), np.array([0, 1])), 3)
    1.0
    """
    sums = np.bincount(groups, weights=values - values.mean())
    n = len(sums)
    return float(np.sqrt(np.square(sums).sum() * n / max(n - 1, 1)) / len(values))


def _bootstrap(metric: Metric, sides: list[Any], groups: NDArray[np.intp], random_state: int) -> float | None:
    """Standard error of the difference from a paired bootstrap that draws whole groups."""
    n_rows, n_groups = len(groups), int(groups.max()) + 1
    generator = np.random.default_rng(random_state)
    at_once = max(1, CELLS_AT_ONCE // n_rows)
    drawn = []
    for first in range(0, RESAMPLES, at_once):
        size = min(at_once, RESAMPLES - first)
        picks = generator.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=size)
        counts = picks[:, groups].astype(np.float64)
        before, after = (evaluate_counts(metric, side, counts) for side in sides)
        drawn.append(after - before)
    gains = np.concatenate(drawn)
    gains = gains[np.isfinite(gains)]
    if len(gains) < RESAMPLES / 2:
        return None
    # A bootstrap of few blocks is too narrow by this factor.
    return float(gains.std() * np.sqrt(n_groups / max(n_groups - 1, 1)))


def differ(first: pd.DataFrame, second: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows on which the two models answer differently."""
    different = np.zeros(len(first), dtype=bool)
    for name in second.columns:
        if name in first.columns:
            different |= second[name].to_numpy() != first[name].to_numpy()
        else:
            different[:] = True
    return different


def holm(p_values: list[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[position] * (len(p_values) - rank)))
        corrected[position] = round(highest, 15)
    return corrected
