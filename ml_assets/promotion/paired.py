"""Two models on the same rows: the difference of a metric, and how surely it is one.

The standard error comes from the influence of each row on the metric where that has a formula (means, the
root of a mean, the area under the curve), which is what a bootstrap of many resamples converges to and costs
a thousandth of it; else from a jackknife. Rows of one block count together, and few rows of a class know little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.tasks.influence import FEWEST, distinct, rarest, spread
from ml_assets.tasks.metrics import evaluate_counts, labelled, metric_named
from ml_assets.tasks.recommendation import on_equal_terms
from ml_assets.tasks.several import Labelled, answer_columns, has_labels

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.records import Positive


@dataclass(frozen=True)
class Paired:
    """Scores of two models on the same rows; a positive `gain` says that the second is better.

    `differing` counts the blocks in which the two answer differently: blocks in which they do not say nothing
    about the spread. `freedom` are the degrees of freedom of the error, from the blocks of each class that differ
    (Student's t; a normal or percentile interval is too narrow where few rows differ: Efron & Tibshirani 1993,
    ch. 12). `few` names the class of which there are too few rows to compare anything, in words.
    """

    first: float
    second: float
    gain: float
    error: float
    rows: int
    differing: int
    freedom: float
    few: str = ""
    rows_needed: int | None = None

    def half(self, alpha: float) -> float:
        """Half the interval whose either end is passed with probability `alpha`."""
        from scipy.stats import t

        return float(t.isf(alpha, self.freedom)) * self.error if self.differing else 0.0

    def p_worse(self) -> float:
        """One-sided p-value of "the second is not worse"."""
        from scipy.stats import t

        if not self.differing or self.gain == 0:
            return 1.0 if not self.differing else 0.5
        return float(t.cdf(self.gain / self.error, self.freedom)) if self.error > 0 else float(self.gain > 0)


def compare(
    y: Any,
    first: pd.DataFrame,
    second: pd.DataFrame,
    metric: str,
    *,
    positive: Positive,
    blocks: Any | None = None,
    random_state: int = 0,
) -> Paired | None:
    """Compare two models on the labelled rows.

    Parameters
    ----------
    y : Series of shape (n_rows,) or DataFrame of shape (n_rows, n_targets)
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
        Seed of the jackknife's parts, where there is no formula.

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
    there = has_labels(y)
    known = slice(None) if there.all() else there
    before, after = on_equal_terms(first[known], second[known])
    truth = y[known]
    groups = numbered(blocks, there)
    sides = [labelled(truth, predictions, chosen.task, positive) for predictions in (before, after)]
    scores = [float(evaluate_counts(chosen, side, np.ones((1, len(truth))))[0]) for side in sides]
    if not np.isfinite(scores).all():
        return None
    tells = differ(before, after)
    answers = tells if chosen.needs == "probability" else _answer_otherwise(before, after)
    found = spread(chosen, sides, groups, answers, random_state)
    if found is None:
        return None
    few, needed = too_few(sides[0]) if chosen.by_class else ("", None)
    return Paired(
        first=scores[0],
        second=scores[1],
        gain=(1 if chosen.direction == "maximize" else -1) * (scores[1] - scores[0]),
        error=found.error,
        rows=len(truth),
        differing=distinct(groups[tells]),
        freedom=found.freedom,
        few=few,
        rows_needed=needed,
    )


def _answer_otherwise(first: pd.DataFrame, second: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows on which the predictions differ, which are what a metric without probabilities looks at."""
    return differ(first[answer_columns(first)], second[answer_columns(second)])


def too_few(rows: Labelled) -> tuple[str, int | None]:
    """Name a class that has too few rows, and how many rows would have enough of it."""
    found = rarest(rows)
    if found is None:
        return "", None
    name, count = found
    total = len(rows.truth)
    if count >= FEWEST:
        return "", None
    needed = -(-total * FEWEST // max(count, 1))
    words = (
        f"of {total:,} rows only {count:,} are of the class {name!r}: too few to compare two models by, "
        f"{FEWEST} are needed"
    )
    return words, needed


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


def differ(first: pd.DataFrame, second: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows on which the two models answer differently."""
    different = np.zeros(len(first), dtype=bool)
    for name in second.columns:
        if name in first.columns:
            different |= second[name].to_numpy() != first[name].to_numpy()
        else:
            different[:] = True
    return different
