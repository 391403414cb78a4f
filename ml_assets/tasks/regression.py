"""Regression: a row has a number."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.recipe.own import Declared
from ml_assets.tasks.base import (
    NAIVE,
    NOT_FOR_THIS_TASK,
    PREDICTION,
    Floats,
    Metric,
    Numbers,
    Task,
    mean,
    nothing,
)


def labelled(y: pd.Series[Any], predictions: pd.DataFrame, positive: str | None) -> Numbers:
    """Put true and predicted numbers, row by row, into arrays; there is no positive class."""
    there = y.notna().to_numpy()
    return Numbers(
        pd.to_numeric(y[there]).to_numpy(np.float64),
        predictions[PREDICTION].to_numpy(np.float64)[there],
        predictions[NAIVE].to_numpy(np.float64)[there] if NAIVE in predictions else None,
    )


def _squared(rows: Numbers) -> Floats:
    return np.asarray(np.square(rows.truth - rows.predicted))


MSE = mean("mse", "prediction", _squared)


def _rmse(rows: Numbers, counts: Floats) -> Floats:
    return np.sqrt(MSE.function(rows, counts))


def _explained(squared: float, variance: float) -> float:
    return 1 - squared / variance if variance > 0 else math.nan


def _root_influence(rows: Numbers) -> Floats:
    squared = _squared(rows)
    root = float(np.sqrt(squared.mean()))
    return np.asarray(squared / (2 * root)) if root > 0 else np.zeros_like(squared)


def _absolute(rows: Numbers) -> Floats:
    return np.asarray(np.abs(rows.truth - rows.predicted))


def quantile_loss(level: float, name: str) -> Metric:
    """The mean loss of predictions of a quantile, also called pinball loss (Koenker and Bassett 1978).

    A truth above the prediction costs `level` for each unit, one below it `1 - level`; the quantile itself costs least.

    >>> rows = Numbers(truth=np.array([10.0, 10.0]), predicted=np.array([8.0, 12.0]))
    >>> quantile_loss(0.9, "quantile_loss_90").per_row(rows).round(9).tolist()
    [1.8, 0.2]
    """

    def losses(rows: Numbers) -> Floats:
        above = rows.truth - rows.predicted
        return np.asarray(np.maximum(level * above, (level - 1) * above))

    return replace(mean(name, "prediction", losses), of=Declared("regression", "minimize"))


def _r2(rows: Numbers, counts: Floats) -> Floats:
    centred = rows.truth - rows.truth.mean()
    n = counts.sum(axis=1)
    variance = counts @ np.square(centred) / n - np.square(counts @ centred / n)
    smallest = 1e-12 * max(float(np.square(centred).mean()), np.finfo(np.float64).tiny)
    return np.where(variance > smallest, 1 - MSE.function(rows, counts) / variance, np.nan)


def _relative(rows: Numbers) -> Floats:
    """One label of 0 leaves the whole undefined."""
    if (rows.truth == 0).any():
        return np.full(len(rows.truth), np.nan)
    return np.asarray(np.abs((rows.truth - rows.predicted) / rows.truth))


def _symmetric(rows: Numbers) -> Floats:
    """0 to 2: twice the error over the sum of both sizes (Makridakis 1993); nothing is off where both are 0."""
    sizes = np.abs(rows.truth) + np.abs(rows.predicted)
    off = 2 * np.abs(rows.truth - rows.predicted)
    return np.asarray(np.divide(off, sizes, out=np.zeros_like(off), where=sizes > 0))


MAE = mean("mae", "prediction", _absolute)


def _baseline() -> Any:
    from sklearn.dummy import DummyRegressor

    return DummyRegressor(strategy="mean")


def _values(y: pd.Series[Any]) -> NDArray[Any]:
    return y.to_numpy(np.float64)


REGRESSION = Task(
    name="regression",
    metrics=(
        MSE,
        Metric(
            "rmse",
            "prediction",
            _rmse,
            influence=_root_influence,
            from_squared=lambda squared, _variance: math.sqrt(squared),
        ),
        MAE,
        Metric("r2", "prediction", _r2, undefined="labels that are all the same", from_squared=_explained),
        mean("mape", "prediction", _relative, undefined="labels of 0, of which no percentage can be taken"),
        mean("smape", "prediction", _symmetric),
    ),
    default_metric=lambda _n_classes: "rmse",
    classes=False,
    joint=False,
    by_batch=False,
    lacks=lambda _y: None,
    strata=NOT_FOR_THIS_TASK,
    positive=NOT_FOR_THIS_TASK,
    class_names=NOT_FOR_THIS_TASK,
    values=_values,
    labelled=labelled,
    baseline=_baseline,
    baseline_sees=nothing,
    baseline_is="without looking at the features",
    loss_kind=lambda _predictions: "squared error",
    row_losses=_squared,
    encoded_target="continuous",
    target_check="numbers",
    target_pair="numbers",
    estimated_by="losses",
    blocked_by="entity",
    picture="residuals",
)
