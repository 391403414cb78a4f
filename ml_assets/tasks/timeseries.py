"""Time series: a row has a number, and is predicted from what was known a horizon before it.

The predictions have the naive forecast beside them, in the column `naive`: the newest value known then, or that of a
season before. It is the baseline, and what `mase` divides by.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ml_assets.tasks.base import Floats, Metric, Numbers
from ml_assets.tasks.regression import MAE, REGRESSION


def _errors(rows: Numbers) -> tuple[Floats, Floats]:
    """Errors of each row, and of its naive forecast; both 0 where that knows nothing."""
    naive = np.full(len(rows.truth), np.nan) if rows.naive is None else rows.naive
    known = np.isfinite(naive)
    off = np.where(known, np.abs(rows.truth - rows.predicted), 0.0)
    return off, np.where(known, np.abs(rows.truth - np.where(known, naive, 0.0)), 0.0)


def _scaled(rows: Numbers, counts: Floats) -> Floats:
    """Error as a multiple of the naive forecast's on the same rows.

    After the mean absolute scaled error of Hyndman and Koehler (2006), who scale by the errors on the training rows:
    of two versions, which have learned different rows, both are scaled alike here.
    """
    off, naive = _errors(rows)
    of_naive = counts @ naive
    return np.where(of_naive > 0, (counts @ off) / np.where(of_naive > 0, of_naive, 1.0), np.nan)


def _scaled_influence(rows: Numbers) -> Floats:
    """A ratio of means moves as its linearisation (Cochran 1977, ch. 6)."""
    off, naive = _errors(rows)
    of_naive = float(naive.mean()) if len(naive) else 0.0
    if not of_naive > 0:
        return np.full(len(off), np.nan)
    return np.asarray((off - off.mean() / of_naive * naive) / of_naive)


MASE = Metric(
    "mase",
    "prediction",
    _scaled,
    influence=_scaled_influence,
    undefined="no row on which the naive forecast errs",
)

TIMESERIES = replace(
    REGRESSION,
    name="timeseries",
    metrics=(*REGRESSION.metrics, MASE),
    default_metric=lambda _n_classes: MAE.name,
    baseline_is="by the naive forecast",
    blocked_by="time",
    picture="forecast",
)
