"""Regression: a row has a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.tasks.base import NOT_FOR_THIS_TASK, Floats, Metric, Numbers, Task


def labelled(y: pd.Series[Any], predictions: pd.DataFrame, positive: str | None) -> Numbers:
    """Put true and predicted numbers, row by row, into arrays; there is no positive class."""
    there = y.notna().to_numpy()
    return Numbers(
        pd.to_numeric(y[there]).to_numpy(np.float64), predictions["prediction"].to_numpy(np.float64)[there]
    )


def _mse(rows: Numbers, counts: Floats) -> Floats:
    return np.asarray(counts @ np.square(rows.truth - rows.predicted) / counts.sum(axis=1))


def _rmse(rows: Numbers, counts: Floats) -> Floats:
    return np.sqrt(_mse(rows, counts))


def _mae(rows: Numbers, counts: Floats) -> Floats:
    return np.asarray(counts @ np.abs(rows.truth - rows.predicted) / counts.sum(axis=1))


def _r2(rows: Numbers, counts: Floats) -> Floats:
    centred = rows.truth - rows.truth.mean()
    n = counts.sum(axis=1)
    variance = counts @ np.square(centred) / n - np.square(counts @ centred / n)
    smallest = 1e-12 * max(float(np.square(centred).mean()), np.finfo(np.float64).tiny)
    return np.where(variance > smallest, 1 - _mse(rows, counts) / variance, np.nan)


def _mape(rows: Numbers, counts: Floats) -> Floats:
    if (rows.truth == 0).any():
        return np.full(len(counts), np.nan)
    return np.asarray(counts @ np.abs((rows.truth - rows.predicted) / rows.truth) / counts.sum(axis=1))


def _baseline() -> Any:
    from sklearn.dummy import DummyRegressor

    return DummyRegressor(strategy="mean")


def _values(y: pd.Series[Any]) -> NDArray[Any]:
    return y.to_numpy(np.float64)


def _row_losses(rows: Numbers) -> Floats:
    return np.asarray(np.square(rows.truth - rows.predicted))


REGRESSION = Task(
    name="regression",
    metrics=(
        Metric("mse", "prediction", _mse),
        Metric("rmse", "prediction", _rmse),
        Metric("mae", "prediction", _mae),
        Metric("r2", "prediction", _r2),
        Metric("mape", "prediction", _mape),
    ),
    default_metric=lambda _n_classes: "rmse",
    classes=False,
    positive=NOT_FOR_THIS_TASK,
    class_names=NOT_FOR_THIS_TASK,
    values=_values,
    labelled=labelled,
    baseline=_baseline,
    loss_kind=lambda _predictions: "squared error",
    row_losses=_row_losses,
    estimator="Regressor",
    encoded_target="continuous",
    target_check="numbers",
    target_pair="numbers",
    estimated_by="losses",
    picture="residuals",
)
