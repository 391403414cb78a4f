"""The space in which clusters are measured: the rows' own, so that no preparation is judged by itself.

Two models may prepare columns in different ways, and a distance in the one's space says nothing of the other's. So the
rows that are scored are measured in a space of their own: each number in standard deviations of these rows, each
category as one or none of its levels. A row carries what this needs as JSON in the column `names.POINT`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.tasks.base import Floats

if TYPE_CHECKING:
    import pandas as pd

CLIPPED = (1.0, 99.0)
"""Percentiles beyond which a number is taken as theirs: one wild value must not make all others alike."""
CLIPPED_ROWS = 20
"""Rows below which no number is."""
RAREST_LEVEL = 0.01
"""Share of the rows that a level needs to be one of its own, besides two rows; the others are one together."""
COUNTER_ROWS, COUNTER_SPREAD = 20, 20
"""A row counter: so many whole numbers or more, each once, in a range of so many times their number."""


def written(row: Mapping[str, Any]) -> str:
    """Write what a row is measured by; what is missing is left out.

    >>> written({"income": 1.5, "region": None, "plan": "a"})
    '{"income": 1.5, "plan": "a"}'
    """
    return json.dumps({name: value for name, value in row.items() if value is not None and value == value})


def space(points: pd.Series[Any]) -> Floats:
    """Bring rows to numbers whose distances can be compared.

    Parameters
    ----------
    points : Series of shape (n_rows,)
        From `written`.

    Returns
    -------
    array of shape (n_rows, n_coordinates)
        Numbers with mean 0 and standard deviation 1, a missing one at 0. Two rows of different levels of a category are
        1 apart in it. Constants, identifiers and row counters have no coordinate.

    >>> import pandas as pd
    >>> space(pd.Series(['{"a": 1.0}', '{"a": 3.0}'])).tolist()
    [[-1.0], [1.0]]
    """
    rows = [json.loads(point) for point in points]
    names = sorted({name for row in rows for name in row})
    found = [_coordinates([row.get(name) for row in rows]) for name in names]
    return np.column_stack([np.zeros((len(rows), 0)), *found])


def _coordinates(values: list[Any]) -> Floats:
    if any(isinstance(value, str) for value in values):
        return _levels(np.array([None if value is None else str(value) for value in values], dtype=object))
    return _number(np.array([np.nan if value is None else value for value in values], dtype=np.float64))


def _number(values: Floats) -> Floats:
    known = values[np.isfinite(values)]
    if not len(known) or _counts(known):
        return np.zeros((len(values), 0))
    low, high = known.min(), known.max()
    if (
        len(known) >= CLIPPED_ROWS
    ):  # between values that are there: of few rows a wild one would tell the percentile
        low = np.percentile(known, CLIPPED[0], method="higher")
        high = np.percentile(known, CLIPPED[1], method="lower")
    known = np.clip(known, low, high)
    spread = float(known.std())
    if not spread > 1e-12 * max(1.0, float(np.abs(known).max())):
        return np.zeros((len(values), 0))
    scaled = (np.clip(values, low, high) - known.mean()) / spread
    return np.asarray(np.nan_to_num(scaled, nan=0.0)[:, None])


def _counts(known: Floats) -> bool:
    """Whether numbers count rows."""
    return (
        len(known) >= COUNTER_ROWS
        and bool((known % 1 == 0).all())
        and len(np.unique(known)) == len(known)
        and float(np.ptp(known)) < COUNTER_SPREAD * len(known)
    )


def _levels(values: Any) -> Floats:
    known, codes = np.unique([value or "" for value in values], return_inverse=True)
    counts = np.bincount(codes)
    common = np.flatnonzero((counts >= RAREST_LEVEL * len(values)) & (counts > 1))
    one_of = np.zeros((len(values), len(common) + 1))
    place = np.full(len(known), len(common))
    place[common] = np.arange(len(common))
    one_of[np.arange(len(values)), place[codes]] = np.sqrt(0.5)
    varies = one_of.any(axis=0) & (one_of == 0).any(axis=0)
    return np.asarray(one_of[:, varies])
