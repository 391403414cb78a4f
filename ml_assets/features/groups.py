"""Values of rows that come in groups."""

from __future__ import annotations

from typing import Any

import numpy as np

TINY = 1e-20
"""Variance of a constant."""


def by_group(centred: Any, group: Any) -> float:
    """Design effect of the mean: its variance when whole groups are drawn over that of as many single rows.

    Cochran (1977), Sampling Techniques, ch. 9.

    Parameters
    ----------
    centred : array of shape (n_rows,)
        Values, less their mean.
    group : array of int of shape (n_rows,)
        Groups, numbered from 0; two or more.

    >>> by_group(np.array([1.0, 1.0, -1.0, -1.0]), np.array([0, 0, 1, 1]))
    4.0
    """
    squares = float(centred @ centred)
    if squares < TINY * len(centred):
        return 1.0
    sums = np.bincount(group, centred)
    return float(sums @ sums) / squares * len(sums) / (len(sums) - 1)
