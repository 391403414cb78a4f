"""The two sides of one column, reference and batch, counted and sorted once for every test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

from ml_assets.monitoring.design import PLAIN, Design

SAMPLE_ROWS = 20_000
STRANGE = (TypeError, OverflowError)  # what pandas raises for lists, and for numbers too large for a float
FEWEST_VALUES = 20  # below this a column has no distribution to speak of


def content_order(frame: pd.DataFrame, names: Sequence[str], random_state: int) -> Any:
    """Random order of the rows that depends on their content alone, of shape (n_rows,)."""
    there = sorted(name for name in names if name in frame.columns)
    numbers = [name for name in there if is_numeric_dtype(frame[name].dtype)]
    seed = np.uint64(random_state % 2**32 * 0xC2B2AE3D27D4EB4F % 2**64)
    for quick in [numbers[:1], numbers] if numbers else []:  # often one number tells all rows apart
        hashes = pd.util.hash_pandas_object(frame[quick], index=False)
        if not hashes.duplicated().any():
            return np.argsort(pd.util.hash_array(hashes.to_numpy() + seed), kind="stable")
    present = frame[there]
    try:
        content = pd.util.hash_pandas_object(present, index=False)
    except STRANGE:
        content = pd.util.hash_pandas_object(present.astype(str), index=False)
    # Equal rows get different keys, else a table of few distinct rows would be sampled whole rows at a time.
    repeat = content.groupby(content).cumcount().to_numpy().astype(np.uint64)
    mixed = content.to_numpy() + repeat * np.uint64(0x9E3779B97F4A7C15) + seed
    return np.argsort(pd.util.hash_array(mixed), kind="stable")


def sample(
    frame: pd.DataFrame, names: Sequence[str], random_state: int, rows: int = SAMPLE_ROWS
) -> pd.DataFrame:
    """At most `rows` rows, chosen by content, so that the order of rows and columns is no matter."""
    if len(frame) <= rows:
        return frame
    chosen: pd.DataFrame = frame.iloc[content_order(frame, names, random_state)[:rows]]
    return chosen


@dataclass(frozen=True)
class Numbers:
    """One side of a numeric column: finite values sorted; what else was there, counted."""

    values: Any
    rows: int
    infinite: int = 0
    words: int = 0
    """Values that are no numbers; `example` is one of them."""
    example: str = ""

    @property
    def nulls(self) -> int:
        """Rows without a usable value."""
        return self.rows - len(self.values)


@dataclass(frozen=True)
class Levels:
    """One side of a categorical column: rows of each level."""

    counts: dict[str, int]
    rows: int

    @cached_property
    def present(self) -> int:
        """Rows with a level."""
        return sum(self.counts.values())

    @property
    def nulls(self) -> int:
        """Rows without a level."""
        return self.rows - self.present


def numbers(column: pd.Series) -> Numbers:
    """Take the finite numbers of a column of any type.

    >>> side = numbers(pd.Series([2, "1", None, "x", float("inf")], dtype=object))
    >>> side.values.tolist(), side.nulls, side.infinite, side.words, side.example
    ([1.0, 2.0], 3, 1, 1, 'x')
    """
    values, words, example = _floats(column)
    infinite = int(np.isinf(values).sum())
    return Numbers(np.sort(values[np.isfinite(values)]), len(column), infinite, words, example)


def _floats(column: pd.Series) -> tuple[Any, int, str]:
    """Numbers of a column row by row, missing where there is none; how many are words, and one of them."""
    words, example = 0, ""
    if is_complex_dtype(column.dtype):
        values, words = np.full(len(column), np.nan), int(column.notna().sum())
    elif column.dtype == np.float64:
        values = column.to_numpy()
    elif is_numeric_dtype(column.dtype) or is_bool_dtype(column.dtype):
        values = column.to_numpy(dtype=float, na_value=np.nan)
    else:
        known = column.notna().to_numpy()
        there = column.dropna().astype(object)
        text = there.map(str) if pd.api.types.is_datetime64_any_dtype(column.dtype) else there
        try:
            parsed = pd.to_numeric(text, errors="coerce")
        except (*STRANGE, ValueError):
            parsed = pd.to_numeric(there.map(str), errors="coerce")
        if is_complex_dtype(parsed.dtype):
            parsed = pd.to_numeric(there.map(str), errors="coerce")
        found = parsed.to_numpy(dtype=float, na_value=np.nan)
        strange = np.isnan(found)
        words = int(strange.sum())
        example = str(there[strange].iloc[0]) if words else ""
        values = np.full(len(column), np.nan)
        values[known] = found
    return values, words, example


def levels(column: pd.Series) -> Levels:
    """Count the levels of a column of any type, as text: 1.0 as "1".

    >>> levels(pd.Series(["b", None, "a", "b"])).counts
    {'a': 1, 'b': 2}
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    try:
        counted = column.value_counts(sort=False)
    except STRANGE:
        counted = column.dropna().map(str).value_counts(sort=False)
    counts: dict[str, int] = {}
    for level, count in zip(counted.index, counted.to_numpy(), strict=True):
        name = f"{level:.15g}" if isinstance(level, float) else str(level)
        counts[name] = counts.get(name, 0) + int(count)
    return Levels(dict(sorted(counts.items())), len(column))


def text(column: pd.Series) -> Any:
    """Levels of a column row by row, as `levels` names them; None where there is none."""
    codes, found = _codes(column)
    names = np.array([f"{each:.15g}" if isinstance(each, float) else str(each) for each in found] + [None])
    return names[codes]


def _codes(column: pd.Series) -> tuple[Any, Any]:
    values = column.astype(object)
    try:
        return pd.factorize(values)
    except STRANGE:
        return pd.factorize(values.map(str, na_action="ignore"))


@dataclass(frozen=True)
class NumberPair:
    """A numeric column on both sides."""

    reference: Numbers
    current: Numbers
    design: Design = PLAIN

    @property
    def effective(self) -> tuple[float, float]:
        """Values on both sides, as many as count."""
        ours, theirs = self.design.both
        return len(self.reference.values) / ours, len(self.current.values) / theirs

    @property
    def enough(self) -> bool:
        """Whether both sides have values enough for a distribution."""
        return min(len(self.reference.values), len(self.current.values)) >= FEWEST_VALUES

    @cached_property
    def _merged(self) -> tuple[Any, Any, Any]:
        """Distinct values of the pooled sample, and how often each occurs on either side."""
        pooled = np.concatenate([self.reference.values, self.current.values])
        order = np.argsort(pooled, kind="stable")  # merges the two sorted runs
        values = pooled[order]
        first = np.flatnonzero(np.concatenate([[True], values[1:] > values[:-1]]))
        ours = np.add.reduceat((order < len(self.reference.values)).astype(float), first)
        sizes = np.diff(np.append(first, len(values)))
        return values[first], ours, sizes - ours

    @cached_property
    def _gap(self) -> Any:
        """Difference of the two distribution functions at each distinct value."""
        _, ours, theirs = self._merged
        gap = np.cumsum(ours) / len(self.reference.values) - np.cumsum(theirs) / len(self.current.values)
        return np.abs(gap)

    @cached_property
    def ks_distance(self) -> float:
        """Greatest distance of the two distribution functions."""
        # sums of counts are exact, their quotients are not: a sample against itself must give 0
        return float(self._gap.max()) if self.enough and self._gap.max() > 1e-12 else 0.0

    @cached_property
    def wasserstein(self) -> float:
        """Wasserstein distance in standard deviations of the reference."""
        if not self.enough or not self.ks_distance:
            return 0.0
        values, ours, theirs = self._merged
        largest = float(np.abs(values[[0, -1]]).max()) or 1.0
        values = values / largest  # squares cannot overflow
        spread = _spread(values, ours) or _spread(values, ours + theirs)
        return float(self._gap[:-1] @ np.diff(values)) / spread if spread > 0 else 0.0

    @cached_property
    def scores(self) -> tuple[Any, Any, Any]:
        """Normal scores of the mid-ranks of the distinct values, and the counts on both sides."""
        from scipy.special import ndtri

        _, ours, theirs = self._merged
        ends = np.cumsum(ours + theirs)
        ranks = ends - (ours + theirs - 1) / 2
        return ndtri(ranks / (ends[-1] + 1)), ours, theirs

    def scores_of(self, column: pd.Series) -> Any:
        """Normal scores of the rows of either side, of shape (n_rows,); the mean where there is no number."""
        values = _floats(column)[0]
        there = np.isfinite(values)
        scores, known = np.zeros(len(values)), values[there]
        order = np.argsort(known)  # to look for values in their order is quicker by half
        places = np.empty(len(known), dtype=np.intp)
        places[order] = np.searchsorted(self._merged[0], known[order])
        scores[there] = self.scores[0][places]
        scores[~there] = scores[there].mean() if there.any() else 0.0
        return scores


def normal_scores(values: Any) -> Any:
    """Normal scores (van der Waerden's) of the ranks of some numbers, of shape (n_rows,); equal ones share a rank.

    >>> [float(score) for score in normal_scores(np.array([5.0, 3.0, 4.0, 4.0])).round(3)]
    [0.842, -0.842, 0.0, 0.0]
    """
    from scipy.special import ndtri

    order = np.argsort(values)
    ordered, scores = values[order], np.empty(len(values))
    others = ordered[1:] != ordered[:-1]
    if others.all():
        scores[order] = _scores_of_ranks(len(values))
        return scores
    first = np.flatnonzero(np.concatenate([[True], others]))
    sizes = np.diff(first, append=len(values))
    scores[order] = np.repeat(ndtri((first + (sizes + 1) / 2) / (len(values) + 1)), sizes)
    return scores


@lru_cache(maxsize=16)
def _scores_of_ranks(count: int) -> Any:
    """Normal scores of the ranks of so many different numbers."""
    from scipy.special import ndtri

    return ndtri(np.arange(1.0, count + 1) / (count + 1))


def _spread(values: Any, counts: Any) -> float:
    total = counts.sum()
    mean = float(values @ counts) / total
    spread = float(np.sqrt((values - mean) ** 2 @ counts / total))
    return spread if spread > 1e-12 * abs(mean) else 0.0


@dataclass(frozen=True)
class LevelPair:
    """A categorical column on both sides."""

    reference: Levels
    current: Levels
    design: Design = PLAIN

    @property
    def enough(self) -> bool:
        """Whether both sides have values enough for a distribution."""
        return min(self.reference.present, self.current.present) >= FEWEST_VALUES

    @cached_property
    def names(self) -> list[str]:
        """Levels of the pooled sample, sorted."""
        return sorted({**self.reference.counts, **self.current.counts})

    @cached_property
    def table(self) -> Any:
        """Rows of each level of the pooled sample on each side, of shape (2, n_levels)."""
        return np.array(
            [[side.counts.get(name, 0) for name in self.names] for side in (self.reference, self.current)],
            dtype=float,
        ).reshape(2, -1)

    @cached_property
    def total_variation(self) -> float:
        """Share of rows that would have to change their level."""
        if not self.enough:
            return 0.0
        shares = self.table / self.table.sum(axis=1, keepdims=True)
        return float(np.abs(shares[0] - shares[1]).sum() / 2)

    @cached_property
    def unseen(self) -> float:
        """Share of the batch's rows with a level that the reference never had."""
        if not self.current.present:
            return 0.0
        return float(self.table[1][self.table[0] == 0].sum() / self.current.present)


Pair = NumberPair | LevelPair


def null_change(pair: Pair) -> float:
    """Null rate of the batch minus that of the reference."""
    reference, current = pair.reference, pair.current
    return current.nulls / current.rows - reference.nulls / reference.rows
