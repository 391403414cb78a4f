"""What batches of a size can show, and when: said before anything is watched."""

from __future__ import annotations

import math

from ml_assets.monitoring.sequential import allowance, threshold
from ml_assets.monitoring.verdict import SHARES, SIGNIFICANCE
from ml_assets.records import LossSummary

POWER = 0.8
RISE = 0.3
"""Standard deviations of a row's loss: 12 points of an accuracy of 80 %."""


def smallest_shift(rows: int, reference_rows: int, columns: int) -> float:
    """Shift of one column of several, in its standard deviations, that so many rows show in four of five cases.

    The two-sample z-test at the significance that a report has for each column; the tests by ranks need about 5 % more
    rows.

    >>> round(smallest_shift(400, 1_000_000, 8), 2)
    0.21
    """
    from scipy.special import ndtri

    alpha = SIGNIFICANCE * SHARES["columns"] / columns
    needed = -ndtri(alpha / 2) + ndtri(POWER)
    return float(needed * math.sqrt(1 / rows + 1 / reference_rows))


def batches_until_told(rows: int, holdout_rows: int, rise: float = RISE) -> int | None:
    """Batches after which the sequential test tells of a rise of the loss; None: never, the hold-out is too small.

    Parameters
    ----------
    rows : int
        Of a batch.
    holdout_rows : int
        Of the hold-out.
    rise : float
        In standard deviations of a row's loss.

    >>> batches_until_told(100, 10_000), batches_until_told(100, 50)
    (4, None)
    """
    holdout = LossSummary(kind="", mean=0.0, std=1.0, rows=holdout_rows, cap=1.0)
    each = rows * (rise - allowance(holdout))
    return None if each <= 0 else max(1, math.ceil(threshold(holdout, rows) / each))


def small_batches(rows: int, known_rows: int, holdout_rows: int, columns: int, min_rows: int, k: int) -> str:
    """Say how batches that are too small alone are judged, what they can show together, and when.

    Parameters
    ----------
    rows : int
        Of a usual batch.
    known_rows, holdout_rows : int
        Of all batches now, and of the hold-out of a training on them.
    columns : int
        Features.
    min_rows, k : int
        `monitoring.min_rows` and `retraining.breaches.k`.
    """
    pool = math.ceil(min_rows / max(rows, 1))
    shift = smallest_shift(pool * rows, known_rows, max(columns, 1))
    told = batches_until_told(rows, max(holdout_rows, 1))
    loss = (
        f"a rise of the loss by {RISE:g} standard deviations of a row's is told after some {told} batches"
        if told is not None
        else f"a rise of the loss by {RISE:g} standard deviations of a row's is not told: the hold-out is too small"
    )
    return (
        f"batches have {rows:,} rows (the middle one), fewer than monitoring.min_rows {min_rows:,}: {pool:,} are "
        f"judged together, which shows a shift of {shift:.2g} standard deviations of a column, and {k * pool:,} "
        f"can ask for a training; {loss}"
    )
