"""Metrics that count every row as often as it was drawn, so that one formula gives a score and its bootstrap.

Each function takes the labelled predictions and `counts`, an array of shape (n_resamples, n_rows), and
returns one figure per resample; NaN says that the metric is undefined there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ml_assets.recipe.own import is_own
from ml_assets.recipe.quantiles import level_of
from ml_assets.recipe.readable import either
from ml_assets.records import Positive
from ml_assets.tasks.all import TASKS
from ml_assets.tasks.base import Floats, Labels, Metric
from ml_assets.tasks.own import own_metric
from ml_assets.tasks.regression import quantile_loss
from ml_assets.tasks.several import Labelled, Several, each_positive, has_labels, of_each, target_names

METRICS: dict[str, Metric] = {metric.name: metric for task in TASKS.values() for metric in task.metrics}


def default_metric(task: str, n_classes: int | None = None) -> str:
    """Return roc_auc for two classes, f1 for more, rmse for numbers.

    >>> default_metric("classification", 2), default_metric("classification", 3), default_metric("regression")
    ('roc_auc', 'f1', 'rmse')
    """
    return TASKS[task].default_metric(n_classes)


def labelled(y: Any, predictions: pd.DataFrame, task: str, positive: Positive) -> Labelled:
    """Put true values and predictions, row by row, into arrays; rows that lack a label are left out.

    Parameters
    ----------
    y : Series of shape (n_rows,) or DataFrame of shape (n_rows, n_targets)
    predictions : DataFrame of shape (n_rows, n_outputs)
    task : str
    positive : str, tuple of str or None
        Positive class of two, of several targets of each.

    Raises
    ------
    ValueError
        If the two have different lengths.
    """
    if len(y) != len(predictions):
        raise ValueError(f"{len(y)} true values but {len(predictions)} predictions.")
    there = has_labels(y)
    if not there.all():
        y, predictions = y[there], predictions[there]
    if TASKS[task].joint:
        return TASKS[task].labelled(y, predictions, None)
    names = target_names(y)
    parts = [
        TASKS[task].labelled(labels, guesses, each)
        for (_, labels, guesses), each in zip(
            of_each(y, predictions), each_positive(positive, max(1, len(names))), strict=True
        )
    ]
    return Several(names, tuple(parts)) if names else parts[0]


def score(metric: str, y: Any, predictions: pd.DataFrame, positive: Positive) -> float:
    """Score predictions; NaN where the metric is undefined, e.g. roc_auc of rows of one class.

    Parameters
    ----------
    metric : str
        A name in `METRICS`.
    y : Series of shape (n_rows,) or DataFrame of shape (n_rows, n_targets)
        True values, in the order of the predictions; rows that miss one are left out. Of several targets the score is
        the mean of each one's.
    predictions : DataFrame of shape (n_rows, n_outputs)
        `prediction` and, for classification, `probability_<class>`; of several targets as `several.answers` says.
    positive : str, tuple of str or None
        Positive class of two, the champion's or the training's. None: the last of two probability columns; a model
        of two classes without probabilities has its classes averaged, so say it.

    Raises
    ------
    ValueError
        If there is no such metric, or it needs probabilities and there are none.

    >>> score("mae", pd.Series([1.0, 2.0]), pd.DataFrame({"prediction": [1.0, 4.0]}), None)
    1.0
    """
    chosen = metric_named(metric)
    rows = labelled(y, predictions, chosen.task, positive)
    return float(evaluate_counts(chosen, rows, np.ones((1, len(rows.truth))))[0])


def metric_named(name: str) -> Metric:
    """Return the metric, a person's own by its import path, or raise ValueError with the accepted names."""
    if is_own(name):
        return own_metric(name)
    if (level := level_of(name)) is not None:
        return quantile_loss(level, name)
    if name not in METRICS:
        raise ValueError(f"metric: {name!r} is not known (accepted: {', '.join(METRICS)}).")
    return METRICS[name]


def undefined(name: str, where: str) -> str:
    """Say that a metric is undefined on some rows, and why.

    >>> undefined("mape", "these 20 rows")
    'mape is undefined on these 20 rows: labels of 0, of which no percentage can be taken'
    """
    why = metric_named(name).undefined
    return f"{name} is undefined on {where}{f': {why}' if why else ''}"


def score_batches(metric: str, y: Any, predictions: pd.DataFrame, positive: Positive, batch: Any) -> float:
    """Score predictions of several batches; of a task that is judged by batch the mean of each one's, by its rows.

    `batch` has the batch of each row; the rest is as in `score`.
    """
    if not TASKS[metric_named(metric).task].by_batch:
        return score(metric, y, predictions, positive)
    places = pd.Series(np.arange(len(predictions))).groupby(np.asarray(batch)).indices.values()
    scores = [score(metric, y.iloc[each], predictions.iloc[each], positive) for each in places]
    return mean_of([len(each) for each in places], scores)


def mean_of(sizes: Any, scores: Any) -> float:
    """Mean of the scores of batches by their rows; one that is undefined counts no rows.

    >>> mean_of([1, 3, 7], [1.0, 3.0, float("nan")])
    2.5
    """
    known = np.isfinite(scores)
    return (
        float(np.average(np.asarray(scores)[known], weights=np.asarray(sizes)[known]))
        if known.any()
        else np.nan
    )


def evaluate_counts(metric: Metric, rows: Labelled, counts: Floats) -> Floats:
    """Score each resample; NaN where it is undefined, of several targets also where it is for one."""
    if isinstance(rows, Several):
        return np.asarray(np.mean([evaluate_counts(metric, part, counts) for part in rows.parts], axis=0))
    if not len(rows.truth):
        return np.full(len(counts), np.nan)
    if metric.needs == "probability" and isinstance(rows, Labels) and rows.probability is None:
        others = either(m.name for m in TASKS[metric.task].metrics if m.needs == "prediction")
        raise ValueError(
            f"metric: {metric.name!r} needs probabilities and this estimator gives none. "
            f"Use {others}, or another estimator."
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(metric.function(rows, counts), dtype=np.float64)
