"""Predictions of a fitted model, and what they are worth on rows it has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ml_assets.evaluation.curves import curves
from ml_assets.recipe.schema import Recipe
from ml_assets.records import Evaluation, Score
from ml_assets.shown import figure, listed
from ml_assets.tasks.all import task_of
from ml_assets.tasks.base import PROBABILITY, Labels, Numbers, Task
from ml_assets.tasks.classification import confusion
from ml_assets.tasks.intervals import intervals, once
from ml_assets.tasks.metrics import METRICS, labelled, metric_named, undefined


def predict(model: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """Predict every row.

    Parameters
    ----------
    model : Pipeline
        As returned by `training.fit.fit`.
    frame : DataFrame of shape (n_rows, n_columns)
        Has at least the features; other columns are ignored.

    Returns
    -------
    DataFrame of shape (n_rows, 1 + n_classes)
        `prediction` and, for classification, `probability_<class>`, of two classes the positive one last; the
        index of `frame`.

    Raises
    ------
    ValueError
        If a feature is missing.
    """
    features = [str(c) for c in getattr(model, "feature_names_in_", frame.columns)]
    missing = [c for c in features if c not in frame.columns]
    if missing:
        raise ValueError(
            f"The rows lack {len(missing)} of {len(features)} features of the model: {listed(missing)} "
            f"(found {listed(frame.columns)})."
        )
    return predictions_frame(model, frame[features], frame.index, getattr(model, "positive_class_", None))


def predictions_frame(
    model: Any, features: Any, index: pd.Index[Any], positive: str | None = None
) -> pd.DataFrame:
    """Lay a scikit-learn model's predictions out as `predict` returns them."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        values = np.asarray(model.predict(features), dtype=np.float64).ravel() if len(index) else np.empty(0)
        return pd.DataFrame({"prediction": values}, index=index)
    names = [str(c) for c in classes]
    labels = np.asarray(model.predict(features), dtype=object).ravel() if len(index) else np.empty(0, object)
    frame = pd.DataFrame(
        {"prediction": pd.Series(labels, index=index, dtype=object).astype(str)}, index=index
    )
    if not hasattr(model, "predict_proba"):
        return frame
    shares = model.predict_proba(features) if len(index) else np.empty((0, len(names)))
    order = (
        sorted(range(len(names)), key=lambda k: names[k] == positive)
        if len(names) == 2
        else range(len(names))
    )
    for k in order:
        frame[PROBABILITY + names[k]] = np.asarray(shares[:, k], dtype=np.float64)
    return frame


def evaluate(
    recipe: Recipe,
    y: pd.Series[Any],
    predictions: pd.DataFrame,
    y_train: pd.Series[Any],
    metric: str | None = None,
) -> Evaluation:
    """Score predictions, with 95 % intervals, beside a baseline that looks at no feature.

    Parameters
    ----------
    recipe : Recipe
        Names the task, the metrics and the targets.
    y : Series of shape (n_rows,)
        True values in the order of `predictions`; missing ones are left out.
    predictions : DataFrame of shape (n_rows, 1 + n_classes)
        From `predict`.
    y_train : Series of shape (n_training_rows,)
        What the baseline learns: the most frequent class and the class shares, or the mean.
    metric : str, optional
        The metric that decides; default: the tuned one, as the recipe and `y_train` say.

    Returns
    -------
    Evaluation
        A metric that is undefined on these rows (roc_auc of one class, mape with a true 0) is left out.
    """
    task = task_of(recipe)
    wanted = recipe.model.data_interface.positive_class
    positive = task.positive(y_train, wanted) if task.positive is not None else None
    if metric is None:
        metric = recipe.hyperparameter_tuning.metric or task.default_metric(int(y_train.nunique()))
    rows = labelled(y, predictions, task.name, positive)
    names = _names(recipe, metric, rows)
    scores = intervals(rows, names, recipe.random_state)
    baseline_rows = labelled(y, _baseline(y, y_train, task, positive), task.name, positive)
    baseline = {name: value for name in names if np.isfinite(value := once(name, baseline_rows))}
    return Evaluation(
        metric=metric,
        direction=metric_named(metric).direction,
        rows=len(rows.truth),
        scores=scores,
        baseline=baseline,
        curves=curves(rows),
        per_class=_per_class(rows) if isinstance(rows, Labels) else {},
        targets_missed=tuple(_missed(recipe.evaluation.targets, scores, len(rows.truth))),
    )


def _names(recipe: Recipe, metric: str, rows: Labels | Numbers) -> list[str]:
    """Metrics to report: the recipe's, or all that these predictions allow; always the tuned one."""
    hard = isinstance(rows, Labels) and rows.probability is None
    wanted = recipe.evaluation.metrics or tuple(
        m.name for m in task_of(recipe).metrics if not (hard and m.needs == "probability")
    )
    return list(dict.fromkeys(metric_named(m).name for m in (metric, *wanted, *recipe.evaluation.targets)))


def _baseline(y: pd.Series[Any], y_train: pd.Series[Any], task: Task, positive: str | None) -> pd.DataFrame:
    known = y_train.dropna()
    model = task.baseline().fit(np.zeros((len(known), 1)), task.values(known))
    return predictions_frame(model, np.zeros((len(y), 1)), y.index, positive)


def _per_class(rows: Labels) -> dict[str, dict[str, float]]:
    hits, predicted, true = (part[0] for part in confusion(rows, np.ones((1, len(rows.truth)))))
    return {
        name: {
            "precision": float(hits[k] / predicted[k]) if predicted[k] else 0.0,
            "recall": float(hits[k] / true[k]) if true[k] else 0.0,
            "f1": float(2 * hits[k] / (predicted[k] + true[k])) if predicted[k] + true[k] else 0.0,
            "rows": float(true[k]),
        }
        for k, name in enumerate(rows.classes)
    }


def _missed(targets: dict[str, float], scores: dict[str, Score], n_rows: int) -> list[str]:
    messages = []
    for name, target in targets.items():
        if name not in scores:
            messages.append(f"{undefined(name, f'these {n_rows} rows')}; its target is {target:g}")
            continue
        value = scores[name].value
        if METRICS[name].direction == "maximize" and value < target:
            messages.append(f"{name} {figure(value)} is below its target {target:g}")
        if METRICS[name].direction == "minimize" and value > target:
            messages.append(f"{name} {figure(value)} is above its target {target:g}")
    return messages
