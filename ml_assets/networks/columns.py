"""From rows to what a network takes: numbers of one size, and categories as whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FARTHEST = 10.0
"""Standard deviations beyond which a number counts as that far."""


@dataclass(frozen=True)
class Columns:
    """What is known of the columns of the training rows.

    Parameters
    ----------
    numbers, categories : tuple of int
        Places of the columns of each kind.
    levels : tuple of int
        Levels of each category, with one for what no training row had: 0.
    mean, scale : ndarray of shape (n_numbers,)
    gaps : tuple of int
        Numbers, by their place among the numbers, that some training rows miss: each has a column that says so.
    """

    numbers: tuple[int, ...]
    categories: tuple[int, ...]
    levels: tuple[int, ...]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    gaps: tuple[int, ...]

    @property
    def width(self) -> int:
        """Columns of numbers that come out."""
        return len(self.numbers) + len(self.gaps)


def learned(X: Any, *, alike: bool) -> Columns:
    """Look at training rows X of shape (n_rows, n_columns), a frame with categories or an array.

    `alike`: whether all numbers are of one kind (the pixels of an image), so that one scale is theirs; then a number
    that is missing gets no column of its own either.
    """
    kinds = [kind == "category" for kind in X.dtypes] if isinstance(X, pd.DataFrame) else [False] * X.shape[1]
    numbers = tuple(k for k, category in enumerate(kinds) if not category)
    categories = tuple(k for k, category in enumerate(kinds) if category)
    levels = tuple(len(X.iloc[:, k].cat.categories) for k in categories)
    values = _numbers(X, numbers)
    there = np.isfinite(values)
    known = np.where(there, values, 0.0)
    counts = there.sum(axis=0)
    if alike:
        known, counts = known.reshape(-1, 1), np.asarray([counts.sum()])
    mean = known.sum(axis=0) / np.maximum(counts, 1)
    spread = np.where(there.reshape(known.shape), known - mean, 0.0)
    scale = np.sqrt(np.square(spread).sum(axis=0) / np.maximum(counts, 1))
    smallest = 1e-12 * np.maximum(1.0, np.abs(mean))
    scale = np.where(scale > smallest, scale, 1.0)
    gaps = () if alike else tuple(int(k) for k in np.flatnonzero(~there.all(axis=0)))
    return Columns(
        numbers,
        categories,
        levels,
        np.broadcast_to(mean, (len(numbers),)).copy(),
        np.broadcast_to(scale, (len(numbers),)).copy(),
        gaps,
    )


def taken(X: Any, columns: Columns) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return numbers of shape (n_rows, columns.width), about 0 and of size 1, and codes of the categories."""
    values = _numbers(X, columns.numbers)
    missing = ~np.isfinite(values)
    sized = np.clip((values - columns.mean) / columns.scale, -FARTHEST, FARTHEST)
    sized = np.where(missing, 0.0, sized)
    numbers = np.concatenate([sized, missing[:, list(columns.gaps)]], axis=1).astype(np.float32)
    codes = np.zeros((len(values), len(columns.categories)), dtype=np.int64)
    for place, (column, levels) in enumerate(zip(columns.categories, columns.levels, strict=True)):
        found = X.iloc[:, column].cat.codes.to_numpy()
        codes[:, place] = np.where((found < 0) | (found >= levels), 0, found)
    return numbers, codes


def _numbers(X: Any, places: tuple[int, ...]) -> NDArray[np.float64]:
    if isinstance(X, pd.DataFrame):
        if not places:
            return np.zeros((len(X), 0))
        return X.iloc[:, list(places)].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(X, dtype=np.float64)
