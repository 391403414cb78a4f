"""How well one column alone tells a target: of classes, or of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FEWEST_OF_A_CLASS = 5
"""Rows of a class, or of a value that cuts a number into ranges, from which it counts."""
ALMOST_CLASSES = 0.998
"""Area under the curve from which a column is too good; of real ones the light in a room came next, .9954, by which
people are told to be there."""
ALMOST_NUMBERS = 0.995
"""Share of the variance of ranks; of real ones next came a felt temperature by the true one, .980."""
MOST_RANGES = 50
"""Values of a column that may cut a number into ranges, or stand for a class each."""
MOST_ORDERED = 10
"""Classes that may lie in the order of a column."""
ROWS_OF_A_VALUE = 5
"""Rows for each value of a column that may stand for a class, at least."""
CLOSE = 0.02
"""Distance of two ranks, as a share of the rows, within which one value is a copy of the other."""

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
    too_good = ALMOST_CLASSES

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

    def ordered(self, values: Floats) -> float:
        """The same by the order of values alone, of the neighbours told worst: exact where thresholds part the classes.

        >>> Classes(pd.Series(list("aaaaabbbbbccccc"))).ordered(np.arange(15.0) // 5)
        1.0
        """
        if not 2 <= len(self.asked) <= MOST_ORDERED:
            return 0.0
        levels, codes = np.unique(values, return_inverse=True)
        table = self._table(codes.astype(np.intp), self.codes, len(levels))[:, self.asked]
        table = table[:, np.argsort(np.arange(len(levels)) @ table / table.sum(axis=0), kind="stable")]
        areas = (_area(levels, above, below) for below, above in zip(table.T[:-1], table.T[1:], strict=True))
        return max(0.0, min(areas))

    def changes_told(self, codes: Codes, count: int, values: Floats | None, follows: Mask) -> float:
        """Share of the rows with another class than the row before whose own class the column makes the likelier."""
        changed = np.flatnonzero(follows & (np.diff(self.codes) != 0)) + 1
        if len(changed) < FEWEST_OF_A_CLASS:
            return 0.0
        chance = self._chance(codes, self.codes, count)
        now, before = (chance[codes[changed], self.codes[changed - lag]] for lag in (0, 1))
        return float(np.mean(now > before))

    def mapped(self, codes: Codes, count: int) -> float:
        """Share of the rows of a class whose value stands for it, each class counting the same.

        A value stands for the class that has most of it, each class counting the same; 0 where a class has none, or
        with too many values.

        >>> Classes(pd.Series(list("aaaaabbbbb"))).mapped(np.array([0] * 4 + [1] * 6), 2)
        0.9
        """
        if len(self.asked) < 2 or count > min(MOST_RANGES, len(codes) // ROWS_OF_A_VALUE):
            return 0.0
        table = self._table(codes, self.codes, count)[:, self.asked]
        shares = table / table.sum(axis=0)
        stands = shares.argmax(axis=1)
        told = [float(shares[stands == k, k].sum()) for k in range(len(self.asked))]
        return float(np.mean(told)) if min(told) > 1 / 2 else 0.0

    def beside(self, values: Floats) -> float:
        """How much rarer than by chance the class changes from one row to the next in the order of the values."""
        codes = self.codes[np.argsort(values, kind="stable")]
        shares = np.bincount(codes) / len(codes)
        return float(1 - np.mean(codes[1:] != codes[:-1]) / max(1 - (shares**2).sum(), 1e-12))

    @property
    def values(self) -> Codes:
        """What a model learns."""
        return self.codes

    def mixed(self, rows: Codes) -> Codes:
        """Order rows so that the classes take turns: the first of them have enough of a rare one.

        >>> Classes(pd.Series(list("aaaab"))).mixed(np.arange(5)).tolist()
        [0, 4, 1, 2, 3]
        """
        turn = pd.Series(self.codes[rows]).groupby(self.codes[rows]).cumcount().to_numpy()
        return np.asarray(rows[np.argsort(turn, kind="stable")])

    def forest(self, trees: int) -> Any:
        """A small model of these values."""
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(trees, min_samples_leaf=2, random_state=0, n_jobs=1)

    def judged(self, model: Any, X: Floats, rows: Codes) -> tuple[float, float]:
        """Area under the curve of the class told worst, and share of rows told right, each class counting the same."""
        shares, truth = np.zeros((len(X), self.count)), self.codes[rows]
        shares[:, model.classes_] = model.predict_proba(X)
        known = [k for k in self.asked if 0 < np.count_nonzero(truth == k) < len(truth)]
        if len(known) < 2:
            return 0.0, 0.0
        area = min(_area(shares[:, k], (truth == k) * 1.0, (truth != k) * 1.0) for k in known)
        priors = np.bincount(truth, minlength=self.count) / len(truth)
        told = (shares / np.maximum(priors, 1e-12))[:, known].argmax(axis=1)
        return float(area), float(np.mean([np.mean(told[truth == k] == n) for n, k in enumerate(known)]))

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
    too_good = ALMOST_NUMBERS

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

    def ordered(self, values: Floats) -> float:
        """The same by the order of values alone: Spearman's correlation, squared."""
        return _explained(ranks(values), self.ranks)

    def changes_told(self, codes: Codes, count: int, values: Floats | None, follows: Mask) -> float:
        """Share of the variance of its changes from row to row which those of the column explain."""
        expected = [self._means(codes, self.ranks, count)[codes]]
        expected += [ranks(values)] if values is not None else []
        changes = np.diff(self.ranks)[follows]
        return max(_explained(np.diff(each)[follows], changes) for each in expected)

    def close(self, values: Floats, follows: Mask | None) -> float:
        """Share of the rows whose value has the rank of the target's, or the opposite: exceptions are left out.

        Rows in which both have their most frequent value say nothing. Where rows follow one another the changes are
        asked, and count where they are less than a fifth apart.
        """
        theirs = ranks(values)
        asked = ~(_usual(theirs) & _usual(self.ranks))
        limits: Floats | float = CLOSE * len(theirs)
        ours, both = self.ranks, (theirs, len(theirs) - 1 - theirs)
        if follows is not None:
            ours, both = np.diff(ours), (np.diff(both[0]), np.diff(both[1]))
            asked, limits = follows & (ours != 0), np.abs(ours) / 5
        if asked.sum() < FEWEST_OF_A_CLASS:
            return 0.0
        return max(float(np.mean((np.abs(each - ours) <= limits)[asked])) for each in both)

    def beside(self, values: Floats) -> float:
        """How much nearer than by chance the next row is in the order of the values."""
        steps, spread = np.diff(self.ranks[np.argsort(values, kind="stable")]), self.ranks.var()
        return float(1 - np.mean(steps**2) / (2 * spread)) if spread > 0 else 0.0

    @property
    def values(self) -> Floats:
        """What a model learns."""
        return self.ranks

    def mixed(self, rows: Codes) -> Codes:
        """Rows as they are: any of them will do."""
        return rows

    def forest(self, trees: int) -> Any:
        """A small model of these values."""
        from sklearn.ensemble import RandomForestRegressor

        return RandomForestRegressor(trees, min_samples_leaf=2, max_features=1 / 3, random_state=0, n_jobs=1)

    def judged(self, model: Any, X: Floats, rows: Codes) -> tuple[float, float]:
        """Share of the variance of these rows that a model explains, twice."""
        spread = self.ranks[rows].var()
        left = self.ranks[rows] - model.predict(X)
        score = float(1 - np.mean(left**2) / spread) if spread > 0 else 0.0
        return score, score

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


def _usual(ranked: Floats) -> Mask:
    """Rows with the most frequent value, where it is a frequent one."""
    _, codes, counts = np.unique(ranked, return_inverse=True, return_counts=True)
    return np.asarray(codes == counts.argmax()) & bool(counts.max() > len(ranked) / 10)


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
