"""Boosted trees in their library's own format: slow to start for one row, fast for many."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FEW = (1, 4, 16, 64, 256)
"""Numbers of rows at which the two ways are timed."""
TIMES = 3


def xgboost(path: Path) -> Callable[[Array], Array]:
    """Load XGBoost's own bytes; from columns to sums of shape (n_rows, n_outputs)."""
    from xgboost import Booster

    booster = Booster(params={"nthread": 1})
    booster.load_model(str(path))

    def margins(X: Array) -> Array:
        sums = np.asarray(booster.inplace_predict(X.astype(np.float32, copy=False), predict_type="margin"))
        return sums.reshape(len(X), -1).astype(np.float64)

    return margins


LOADERS = {".ubj": xgboost}
"""By the end of a file's name."""


def fastest(
    path: Path, walked: Callable[[Array], Array], columns: int
) -> tuple[Callable[[Array], Array], int]:
    """Return the library's way, and up to how many rows the walk is faster than it, measured here and now.

    Both give the same sums.
    """
    margins = LOADERS[path.suffix](path)
    few = 0
    for rows in FEW:
        X = np.zeros((rows, columns))
        if _seconds(walked, X) > _seconds(margins, X):
            break
        few = rows
    return margins, few


def _seconds(predict: Callable[[Array], Array], X: Array) -> float:
    def once() -> float:
        began = time.perf_counter()
        predict(X)
        return time.perf_counter() - began

    return min(once() for _ in range(TIMES))
