"""Figures of windows of earlier values, of each entity by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

STATISTICS: dict[str, Callable[[Any], Any]] = {
    "mean": lambda window: window.mean(),
    "std": lambda window: window.std(),
    "min": lambda window: window.min(),
    "max": lambda window: window.max(),
    "sum": lambda window: window.sum(),
    "count": lambda window: window.count(),
}
"""From a window of earlier values to a figure."""
ANEW: dict[str, Callable[[NDArray[np.float64]], float]] = {
    "mean": lambda known: float(known.mean()),
    "std": lambda known: float(known.std(ddof=1)) if len(known) > 1 else np.nan,
    "sum": lambda known: float(known.sum()),
}
"""From the known values of one window to those figures that pandas takes from the window before."""
ROUNDED = {"mean": 1e-9, "std": 1e-5, "sum": 1e-9}
"""A spread below this share of all that the entity has spanned, or values below this share of its largest, may be lost
in the rounding of what has left the window."""


def figures_of(
    values: pd.Series[Any],
    who: NDArray[Any],
    window: int | timedelta,
    which: str,
    closed: Literal["left", "right"] | None = None,
) -> NDArray[np.float64]:
    """A figure of the window that ends at each value, or just before it.

    pandas takes a value out of a running figure again when it leaves the window. A far larger one leaves something
    behind, or has swallowed others, so where that could be, the windows are looked at by themselves.

    Parameters
    ----------
    values : Series of shape (n_values,)
        By entity, then by time, which is its index where the window is a stretch of time.
    who : ndarray of shape (n_values,)
        Entity of each.
    window : int or timedelta
    which : str
        A name in `STATISTICS`.
    closed : {"left", "right"}, optional
        As pandas has it.

    >>> prices = pd.Series([1e9, 1.0, 2.0, 4.0, 6.0])
    >>> figures_of(prices, np.zeros(5), 2, "std").round(3).tolist()[2:]
    [0.707, 1.414, 1.414]
    """
    each = values.groupby(who, sort=True)
    windows = each.rolling(window, closed=closed, min_periods=1)
    found = np.array(STATISTICS[which](windows), dtype=np.float64)
    if which not in ANEW or not _spans_much(values):
        return found
    highest, lowest = (np.array(STATISTICS[name](windows)) for name in ("max", "min"))
    if which == "std":
        own, all_before = found, each.cummax() - each.cummin()
    else:
        own, all_before = np.fmax(np.abs(highest), np.abs(lowest)), values.abs().groupby(who).cummax()
    doubtful = own <= ROUNDED[which] * all_before.groupby(who).ffill().to_numpy(np.float64)
    doubtful &= highest > lowest  # pandas knows a window of one value
    if doubtful.any():
        anew = np.isin(who, who[doubtful])
        again = values[anew].groupby(who[anew], sort=True).rolling(window, closed=closed, min_periods=1)
        figure = again.apply(lambda part: ANEW[which](part[~np.isnan(part)]), raw=True)
        found[doubtful] = figure.to_numpy()[doubtful[anew]]
    return found


def _spans_much(values: pd.Series[Any]) -> bool:
    """Whether some of the distances between values are far smaller than others."""
    known = np.unique(values.dropna())
    steps = np.diff(np.r_[0.0, known])
    return len(known) > 1 and float(np.abs(steps[steps != 0]).min()) <= ROUNDED["std"] * float(np.ptp(known))
