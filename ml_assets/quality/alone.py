"""How well one column alone tells a target: of classes, or of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    pass

FEWEST_OF_A_CLASS = 5
"""Rows of a class, or of a value that cuts a number into ranges, from which it counts."""
ALMOST_CLASSES = 0.998
"""Area under the curve from which a column is too good; of real ones the light in a room came next, .9954, by which
people are told to be there."""
ALMOST_CODES = 0.98
"""The same of a column with one value for each class, or fewer, and perhaps missing ones: a copy with exceptions."""
ALMOST_NUMBERS = 0.995
"""Share of the variance of ranks; of real ones next came a felt temperature by the true one, .980."""
MOST_RANGES = 50
"""Values of a column that may cut a number into ranges."""

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Mask = NDArray[np.bool_]


class Classes:
    """A target of classes; those with too few rows are not asked for.

    Parameters
    ----------
    y : Series of shape (n_rows,)
        A label in each row.
    """

    measure = "area under the curve of the class told worst"

    def __init__(self, y: pd.Series[Any]) -> None:
        self.codes, names = pd.factorize(y)
        self.count = len(names)
        self.asked = np.flatnonzero(np.bincount(self.codes, minlength=self.count) >= FEWEST_OF_A_CLASS)

    def decides(self, levels: Codes, count: int) -> str:
        """Whether the column is a function of the class, in words; empty: no."""
        rows = np.isin(self.codes, self.asked)
        if count > len(self.asked) + np.count_nonzero(~rows):
            return ""
        pairs = np.unique(self.codes[rows] * count + levels[rows])
        values = len(np.unique(pairs % count))
        if len(pairs) != len(self.asked) or values < 2:
            return ""
        return (
            "each class has a value of its own" if values == len(pairs) else "each class has one value only"
        )

    def told(self, codes: Codes, count: int, fitted: Mask) -> float:
        """Area under the curve on the rows that are not fitted, of the class told worst.

        >>> y = Classes(pd.Series(list("aaaaabbbbb") * 2))
        >>> y.told(np.array([0] * 5 + [1] * 5 + [0] * 5 + [1] * 5), 2, np.arange(20) < 10)
        1.0
        """
        if len(self.asked) < 2:
            return 0.0
        chance = self._chance(codes[fitted], self.codes[fitted], count)
        judged = self._table(codes[~fitted], self.codes[~fitted], count)
        areas = [_area(chance[:, k], judged[:, k], judged.sum(axis=1) - judged[:, k]) for k in self.asked]
        return float(np.nanmin(areas))

    def almost(self, values: int) -> float:
        """From when a column of so many values is too good."""
        return ALMOST_CODES if values <= self.count + 1 else ALMOST_CLASSES

    def ordered(self, values: Floats) -> float:
        """The same by the order of values alone: exact where one threshold parts two classes."""
        if len(self.asked) != 2:
            return 0.0
        levels, codes = np.unique(values, return_inverse=True)
        table = self._table(codes.astype(np.intp), self.codes, len(levels))
        area = _area(levels, *(table[:, k] for k in self.asked))
        return max(area, 1 - area)

    def changes_told(self, codes: Codes, count: int, values: Floats | None, follows: Mask) -> float:
        """Share of the rows with another class than the row before whose own class the column makes the likelier."""
        changed = np.flatnonzero(follows & (np.diff(self.codes) != 0)) + 1
        if len(changed) < FEWEST_OF_A_CLASS:
            return 0.0
        chance = self._chance(codes, self.codes, count)
        now, before = (chance[codes[changed], self.codes[changed - lag]] for lag in (0, 1))
        return float(np.mean(now > before))

    def _chance(self, codes: Codes, classes: Codes, count: int) -> Floats:
        """Share of each class in each code, drawn a little towards its share of all rows."""
        table = self._table(codes, classes, count)
        prior = table.sum(axis=0) / table.sum()
        return np.asarray((table + prior) / (table.sum(axis=1, keepdims=True) + 1))

    def _table(self, codes: Codes, classes: Codes, count: int) -> Floats:
        flat = np.bincount(codes * self.count + classes, minlength=count * self.count)
        return flat.reshape(count, self.count).astype(float)


class Numbers:
    """A target of numbers, by its ranks: one extreme row must not speak for all.

    Parameters
    ----------
    y : Series of shape (n_rows,)
        A number in each row.
    """

    measure = "share of the variance of its ranks"

    def __init__(self, y: pd.Series[Any]) -> None:
        self.ranks = ranks(y.to_numpy(dtype="float64"))

    def decides(self, levels: Codes, count: int) -> str:
        """Whether the values of the column cut the target into ranges, in words; empty: no."""
        if count > MOST_RANGES:
            return ""
        order = np.lexsort((levels, self.ranks))
        starts = np.flatnonzero(np.r_[True, np.diff(levels[order]) != 0])
        if len(starts) != count:
            return ""
        parts = np.split(self.ranks[order], starts[1:])
        wide = sum(len(part) >= FEWEST_OF_A_CLASS and part[0] < part[-1] for part in parts)
        return "its values part the target into ranges that do not overlap" if wide > 1 else ""

    def told(self, codes: Codes, count: int, fitted: Mask) -> float:
        """Share of the variance of the rows that are not fitted which the mean of their code explains."""
        means = self._means(codes[fitted], self.ranks[fitted], count)
        left = self.ranks[~fitted] - means[codes[~fitted]]
        spread = self.ranks[~fitted].var()
        return float(1 - np.mean(left**2) / spread) if spread > 0 else 0.0

    def almost(self, values: int) -> float:
        """From when a column is too good."""
        return ALMOST_NUMBERS

    def ordered(self, values: Floats) -> float:
        """The same by the order of values alone: Spearman's correlation, squared."""
        return _explained(ranks(values), self.ranks)

    def changes_told(self, codes: Codes, count: int, values: Floats | None, follows: Mask) -> float:
        """Share of the variance of its changes from row to row which those of the column explain."""
        expected = [self._means(codes, self.ranks, count)[codes]]
        expected += [ranks(values)] if values is not None else []
        changes = np.diff(self.ranks)[follows]
        return max(_explained(np.diff(each)[follows], changes) for each in expected)

    def _means(self, codes: Codes, values: Floats, count: int) -> Floats:
        rows = np.bincount(codes, minlength=count)
        sums = np.bincount(codes, weights=values, minlength=count)
        return np.asarray((sums + values.mean()) / (rows + 1))


def ranks(values: Floats) -> Floats:
    """Ranks from 0, equal values sharing the middle of theirs.

    >>> ranks(np.array([7.0, 5.0, 7.0])).tolist()
    [1.5, 0.0, 1.5]
    """
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts + 1) / 2)[codes])


def _explained(one: Floats, other: Floats) -> float:
    """Correlation, squared; 0 where one of the two does not vary."""
    if len(one) < 2 or one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1] ** 2)


def _area(score: Floats, hits: Floats, others: Floats) -> float:
    """Area under the curve of scores by code, from the rows of a class and of all others; nan without either.

    >>> _area(np.array([0.1, 0.9]), np.array([1.0, 3.0]), np.array([4.0, 0.0]))
    0.875
    """
    if not hits.sum() or not others.sum():
        return float("nan")
    _, codes = np.unique(score, return_inverse=True)
    hit, other = (np.bincount(codes, weights=part) for part in (hits, others))
    below = np.cumsum(other) - other
    return float(hit @ (below + other / 2) / (hit.sum() * other.sum()))
