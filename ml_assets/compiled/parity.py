"""Rows that are hard to answer: without values, with levels never seen, at the bounds of trees, beyond all bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROWS = 1_200
GAP = 0.1
"""Share of the values of a column that are taken away."""
ODD = ("", "missing", "never seen before", "  ", "nan", "0", "été ☃")


def awkward(
    rows: pd.DataFrame,
    columns: Sequence[str],
    kinds: Mapping[str, str],
    levels: Mapping[str, Sequence[str]],
    bounds: NDArray[np.float64],
    seed: int = 0,
) -> list[tuple[Any, ...]]:
    """Values as a request would bring them, of shape (n_rows, n_columns).

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        Clean rows that were learned.
    columns : sequence of str
        Columns of the source.
    kinds : mapping of str to str
    levels : mapping of str to sequence of str
        What the model knows of the categories.
    bounds : ndarray
        Numbers where a model's trees part, if it has any.
    seed : int
    """
    rng = np.random.default_rng(seed)
    made = [
        _column(name, rows, kinds.get(name, "text"), levels.get(name, ()), bounds, rng) for name in columns
    ]
    return list(zip(*made, strict=True))


def frame_of(
    rows: Sequence[tuple[Any, ...]], columns: Sequence[str], kinds: Mapping[str, str]
) -> pd.DataFrame:
    """Rows of values as a frame that can be cleaned."""
    made = {}
    for k, name in enumerate(columns):
        values = [row[k] for row in rows]
        kind = kinds.get(name, "text")
        if kind == "time":
            made[name] = pd.to_datetime(pd.Series(values, dtype=object), format="ISO8601").astype(
                "datetime64[us]"
            )
        else:
            made[name] = pd.Series(values, dtype="float64" if kind == "number" else object)
    return pd.DataFrame(made)


def _column(
    name: str,
    rows: pd.DataFrame,
    kind: str,
    levels: Sequence[str],
    bounds: NDArray[np.float64],
    rng: np.random.Generator,
) -> list[Any]:
    known = rows[name].dropna()
    drawn = known.sample(ROWS, replace=True, random_state=int(rng.integers(2**31))) if len(known) else None
    values: list[Any] = [None] * ROWS if drawn is None else drawn.tolist()
    odd = rng.random(ROWS)
    if kind == "number":
        spread = float(known.abs().max()) if len(known) else 1.0
        far = np.array([0.0, -0.0, spread * 10, -spread * 10, 1e6, -1e6, 1e-12, 1e30, -1e30])
        for k in np.flatnonzero(odd < 0.3):
            values[k] = float(rng.choice(bounds if len(bounds) and odd[k] < 0.15 else far))
    elif kind == "time":
        values = [value.isoformat() if value is not None else None for value in values]
        for k in np.flatnonzero(odd < 0.2):
            values[k] = str(np.datetime64("1950-01-01") + np.timedelta64(int(rng.integers(40_000)), "D"))
    else:
        choices = [*ODD, *levels]
        for k in np.flatnonzero(odd < 0.3):
            values[k] = choices[int(rng.integers(len(choices)))]
    for k in np.flatnonzero(rng.random(ROWS) < GAP):
        values[k] = None
    if kind == "text":
        return [None if value is None or value == "" else str(value) for value in values]
    return values
