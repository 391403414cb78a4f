"""What batches of a size can show, and when: said before anything is watched."""

from __future__ import annotations

import math

from ml_assets.monitoring.sequential import allowance, threshold
from ml_assets.monitoring.verdict import SHARES, SIGNIFICANCE
from ml_assets.records import LossSummary
from ml_assets.shown import figure
from ml_assets.tasks.influence import FEWEST

POWER = 0.8
RISE = 0.3
"""Standard deviations of a row's loss: 12 points of an accuracy of 80 %."""
AREA = 0.8
"""Area under the curve of a usable model."""
CERTAIN = 0.01
"""Of "live is no worse", one-sided: a breach."""


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


def area_error(area: float, positives: float, negatives: float) -> float:
    """Standard error of an area under the curve (Hanley and McNeil 1982, equation 2).

    >>> round(area_error(0.8, 10, 290), 3)
    0.085
    """
    pairs = area / (2 - area), 2 * area**2 / (1 + area)
    spread = [(n - 1) * (q - area**2) for n, q in zip((positives, negatives), pairs, strict=True)]
    return math.sqrt((area * (1 - area) + sum(spread)) / (positives * negatives))


def lowest_unnoticed(
    live: tuple[float, float], holdout: tuple[float, float], area: float = AREA
) -> float | None:
    """Area to which that of the hold-out must fall for a breach in four of five cases; None: not even to luck.

    Parameters
    ----------
    live, holdout : (positives, negatives)
        Rows of either.
    area : float
        The model's, where it learned.

    >>> round(lowest_unnoticed((20, 580), (60, 940)), 2), lowest_unnoticed((10, 290), (30, 970))
    (0.57, None)
    """
    from scipy.special import ndtri

    def noticed(low: float) -> bool:
        usual = math.hypot(area_error(area, *live), area_error(area, *holdout))
        fallen = math.hypot(area_error(low, *live), area_error(area, *holdout))
        return bool(area - low >= -ndtri(CERTAIN) * usual + ndtri(POWER) * fallen)

    low, high = 0.5, area
    if not noticed(low):
        return None
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if noticed(middle) else (low, middle)
    return low


def few_of_a_class(name: str, share: float, rows: int, holdout_rows: int, min_rows: int, k: int) -> str:
    """Say what batches with few rows of a class can show, and when, by a metric that speaks of classes.

    Parameters
    ----------
    name : str
        The rarer class.
    share : float
        Of the rows.
    rows : int
        Of a usual batch.
    holdout_rows : int
        Of the hold-out of a training.
    min_rows, k : int
        `monitoring.min_rows` and `retraining.breaches.k`.
    """
    pool = max(math.ceil(min_rows / rows), math.ceil(FEWEST / (share * rows)))
    judged, held = share * rows * pool, share * holdout_rows
    words = f"{share:.2g} of the rows are of the class {name!r}, some {figure(share * rows, 2)} of a usual batch: "
    words += "each batch is judged alone" if pool == 1 else f"{pool:,} batches are judged together"
    if held < FEWEST:
        return (
            f"{words}, but the hold-out has some {round(held):,} of them, and {FEWEST} are needed to compare live "
            "scores with it, or two models: hold more out (evaluation.validation.test_size), or decide by log_loss "
            "(hyperparameter_tuning.metric)"
        )
    low = lowest_unnoticed((judged, rows * pool - judged), (held, holdout_rows - held))
    shown = (
        f"which shows a fall of roc_auc from {AREA:g} to {low:.2g}"
        if low is not None
        else f"which does not even show a fall of roc_auc from {AREA:g} to .5 for sure"
    )
    return f"{words}, {shown}, and {k * pool:,} batches can ask for a training"
