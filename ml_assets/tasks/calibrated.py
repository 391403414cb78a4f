"""From an estimator's shares of classes to how often they come true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NEAREST = 1e-7
"""Shares are held this far from 0 and 1 before their odds are taken."""
SUREST = 8.0
"""Log odds of an answer in a stack, at most."""


def mapped(shares: Floats, by_class: Sequence[Mapping[str, Any] | None]) -> Floats:
    """Bring shares of classes to how often they come true.

    Parameters
    ----------
    shares : ndarray of shape (n_rows, n_classes)
    by_class : sequence of mapping or None, one for each class
        A map as in `records.ShareMap`; None: the share stays as it is. Of two classes one has a map, and the other
        class gets the rest; of more the shares are brought to a sum of 1 (Zadrozny and Elkan 2002).

    Returns
    -------
    ndarray of shape (n_rows, n_classes)

    >>> mapped(np.array([[0.2, 0.8]]), [None, {"slope": 0.0, "intercept": 0.0}]).tolist()
    [[0.5, 0.5]]
    """
    columns = [shares[:, k] if by is None else through(shares[:, k], by) for k, by in enumerate(by_class)]
    if len(columns) == 2:
        (k,) = [place for place, by in enumerate(by_class) if by is not None] or [1]
        columns[1 - k] = 1.0 - columns[k]
        return np.stack(columns, axis=1)
    found = np.stack(columns, axis=1)
    total = found.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(found, total, out=np.asarray(shares, np.float64).copy(), where=total > 0))


def through(shares: Floats, by: Mapping[str, Any]) -> Floats:
    """Bring the shares of one class through its map: straight lines between points, else a sigmoid of the log odds.

    >>> through(np.array([0.0, 0.25, 1.0]), {"given": [0.0, 0.5], "meant": [0.1, 0.3]}).tolist()
    [0.1, 0.2, 0.3]
    """
    if by.get("given"):
        return np.asarray(np.interp(shares, by["given"], by["meant"]), dtype=np.float64)
    if "platt" in by:  # a compiled CalibratedClassifierCV
        slope, intercept = by["platt"]
        return np.asarray(1.0 / (1.0 + np.exp(slope * shares + intercept)))
    return np.asarray(1.0 / (1.0 + np.exp(-(by["slope"] * log_odds(shares) + by["intercept"]))))


def held_odds(shares: Floats) -> Floats:
    """Log odds as a stack of estimators learns them: beyond `SUREST` one is surer than any number of rows could tell.

    >>> held_odds(np.array([0.5, 1.0])).tolist()
    [0.0, 8.0]
    """
    return np.clip(log_odds(shares), -SUREST, SUREST)


def log_odds(shares: Floats) -> Floats:
    """Logarithm of the odds, finite for shares of 0 and 1 too.

    >>> log_odds(np.array([0.5])).tolist()
    [0.0]
    """
    held = np.clip(np.asarray(shares, np.float64), NEAREST, 1.0 - NEAREST)
    return np.log(held / (1.0 - held))
