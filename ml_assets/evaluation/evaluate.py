"""Predictions of a fitted model, and what they are worth on rows it has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ml_assets.evaluation import metrics as _metrics
from ml_assets.evaluation.metrics import METRICS, PROBABILITY, Floats, Labels, Numbers
from ml_assets.names import Z_95
from ml_assets.recipe.schema import Recipe
from ml_assets.records import Evaluation, Score

RESAMPLES = 500
"""Bootstrap resamples; percentile intervals of 95 % want at least 200 (Efron and Tibshirani 1993, ch. 13)."""
RESAMPLES_OF_MANY_ROWS = 200
MANY_ROWS = 10_000
CELLS_AT_ONCE = 2_000_000
"""Rows times resamples held in memory at once (16 MB an array)."""


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
            f"The rows lack {len(missing)} of {len(features)} features of the model: {', '.join(missing)} "
            f"(found {', '.join(map(str, frame.columns))})."
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
    task = recipe.task
    positive = None
    if task == "classification":
        positive = _metrics.positive_class(y_train, recipe.model.data_interface.positive_class)
    if metric is None:
        metric = recipe.hyperparameter_tuning.metric or _metrics.default_metric(task, int(y_train.nunique()))
    rows = _metrics.labelled(y, predictions, task, positive)
    names = _names(recipe, metric, rows)
    scores = intervals(rows, names, recipe.random_state)
    baseline_rows = _metrics.labelled(y, _baseline(y, y_train, task, positive), task, positive)
    baseline = {name: value for name in names if np.isfinite(value := _once(name, baseline_rows))}
    return Evaluation(
        metric=metric,
        direction=_metrics.metric_named(metric).direction,
        rows=len(rows.truth),
        scores=scores,
        baseline=baseline,
        per_class=_per_class(rows) if isinstance(rows, Labels) else {},
        targets_missed=tuple(_missed(recipe.evaluation.targets, scores, len(rows.truth))),
    )


def intervals(
    rows: Labels | Numbers, names: list[str], random_state: int, resamples: int | None = None
) -> dict[str, Score]:
    """Return each metric with its percentile bootstrap interval of 95 % (Efron and Tibshirani 1993, ch. 13).

    Rows are drawn with replacement, all metrics on the same draws. Accuracy, a share of rows, has Wilson's
    interval. An interval always contains its value.
    """
    n = len(rows.truth)
    values = {name: value for name in names if np.isfinite(value := _once(name, rows))}
    if not values:
        return {}
    total = resamples or (RESAMPLES if n <= MANY_ROWS else RESAMPLES_OF_MANY_ROWS)
    at_once = max(1, CELLS_AT_ONCE // n)
    generator = np.random.default_rng(random_state)
    drawn: dict[str, list[Floats]] = {name: [] for name in values}
    for first in range(0, total, at_once):
        counts = np.stack(
            [
                np.bincount(generator.integers(0, n, n), minlength=n)
                for _ in range(min(at_once, total - first))
            ]
        ).astype(np.float64)
        for name, parts in drawn.items():
            parts.append(_metrics.evaluate_counts(METRICS[name], rows, counts))
    result = {}
    for name, value in values.items():
        figures = np.concatenate(drawn[name])
        if name == "accuracy":
            low, high = wilson(value, n)
        elif np.isfinite(figures).any():
            low, high = np.percentile(figures[np.isfinite(figures)], (2.5, 97.5))
        else:
            low = high = value
        result[name] = Score(value=value, low=min(float(low), value), high=max(float(high), value))
    return result


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of n rows (Wilson 1927); it is no point even at 0 and 1.

    >>> [round(bound, 3) for bound in wilson(1.0, 30)]
    [0.886, 1.0]
    """
    z2 = Z_95**2 / n
    centre = (share + z2 / 2) / (1 + z2)
    half = np.sqrt(z2 * share * (1 - share) + z2**2 / 4) / (1 + z2)
    return float(centre - half), float(min(centre + half, 1.0))


def _once(name: str, rows: Labels | Numbers) -> float:
    return float(_metrics.evaluate_counts(METRICS[name], rows, np.ones((1, len(rows.truth))))[0])


def _names(recipe: Recipe, metric: str, rows: Labels | Numbers) -> list[str]:
    """Metrics to report: the recipe's, or all that these predictions allow; always the tuned one."""
    hard = isinstance(rows, Labels) and rows.probability is None
    wanted = recipe.evaluation.metrics or tuple(
        m.name for m in METRICS.values() if recipe.task in m.tasks and not (hard and m.needs == "probability")
    )
    return list(
        dict.fromkeys(_metrics.metric_named(m).name for m in (metric, *wanted, *recipe.evaluation.targets))
    )


def _baseline(y: pd.Series[Any], y_train: pd.Series[Any], task: str, positive: str | None) -> pd.DataFrame:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    known = y_train.dropna()
    model: Any
    if task == "regression":
        model = DummyRegressor(strategy="mean").fit(np.zeros((len(known), 1)), known.to_numpy(np.float64))
    else:
        model = DummyClassifier(strategy="prior").fit(
            np.zeros((len(known), 1)), known.astype(str).to_numpy(dtype=object)
        )
    return predictions_frame(model, np.zeros((len(y), 1)), y.index, positive)


def _per_class(rows: Labels) -> dict[str, dict[str, float]]:
    hits, predicted, true = (part[0] for part in _metrics.confusion(rows, np.ones((1, len(rows.truth)))))
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
            messages.append(f"{name} is undefined on these {n_rows} rows; its target is {target:g}")
            continue
        value = scores[name].value
        if METRICS[name].direction == "maximize" and value < target:
            messages.append(f"{name} {value:.4g} is below its target {target:g}")
        if METRICS[name].direction == "minimize" and value > target:
            messages.append(f"{name} {value:.4g} is above its target {target:g}")
    return messages
