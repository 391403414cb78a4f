"""Predictions of a fitted model, and what they are worth on rows it has not seen."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.estimators.several import SeveralTargets
from ml_assets.evaluation.classes import class_intervals, per_class
from ml_assets.evaluation.clusters import clusters
from ml_assets.evaluation.curves import curves
from ml_assets.evaluation.mistakes import confusions, recent, residuals
from ml_assets.evaluation.parts import rows_of, scored_parts
from ml_assets.names import POINT
from ml_assets.recipe.quantiles import level_of
from ml_assets.recipe.schema import Recipe
from ml_assets.records import Evaluation, PartScore, Positive, Score
from ml_assets.shown import figure, listed
from ml_assets.tasks.all import task_of
from ml_assets.tasks.base import DISTANCE, KNOWN, NAIVE, PREDICTION, PROBABILITY, Labels, Task
from ml_assets.tasks.intervals import in_range, intervals, once, widened
from ml_assets.tasks.metrics import labelled, metric_named, undefined
from ml_assets.tasks.several import (
    Labelled,
    Several,
    column_of,
    each_positive,
    has_labels,
    most_classes,
    parts_of,
    positives,
    target_names,
)


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
        `prediction` and, for classification, `probability_<class>`, of two classes the positive one last; of a time
        series `naive`, the naive forecast; of a clustering `distance` to the centre of its cluster; the index of
        `frame`; of a recommendation the items and their `scores` as JSON, and whether the row's item was `known`. Of
        several targets these columns for each, `prediction_<target>` and so on.

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
    found = predictions_frame(model, frame[features], frame.index, getattr(model, "positive_class_", None))
    if POINT in frame.columns:
        found = with_known(found, model, frame[POINT])
    naive = getattr(model, "naive_column_", None)
    return found if naive is None else found.assign(**{NAIVE: frame[naive].to_numpy(np.float64)})


def predictions_frame(
    model: Any, features: Any, index: pd.Index[Any], positive: Positive = None
) -> pd.DataFrame:
    """Lay a scikit-learn model's predictions out as `predict` returns them."""
    if (last := recommender(model)) is not None:
        lists: pd.DataFrame = last.recommended(_prepared(model, features), index)
        return lists
    targets = targets_of(model)
    classes = getattr(model, "classes_", None)
    several, empty = len(targets), not len(index)
    # Prepared once, for labels, shares and distances.
    last, prepared = (model, features) if empty else (_last(model), _prepared(model, features))
    values = np.empty((0, several)) if empty else np.asarray(last.predict(prepared), dtype=object)
    shares = None
    if classes is not None and hasattr(last, "predict_proba"):
        none = [np.empty((0, len(each))) for each in (classes if several else [classes])]
        shares = (none if several else none[0]) if empty else last.predict_proba(prepared)
    if not several:
        laid_out = _laid_out(values.ravel(), index, classes, shares, positive)
        return laid_out if empty else laid_out.assign(**_distances(last, prepared))
    found = [
        _laid_out(
            values[:, k],
            index,
            None if classes is None else classes[k],
            None if shares is None else shares[k],
            each,
        ).rename(columns=partial(column_of, target=target))
        for k, (target, each) in enumerate(zip(targets, each_positive(positive, several), strict=True))
    ]
    return pd.concat(found, axis=1)


def with_known(predictions: pd.DataFrame, model: Any, y: pd.Series[Any]) -> pd.DataFrame:
    """Mark the rows whose item a model that recommends has learned of the user; predictions of others stay.

    Parameters
    ----------
    predictions : DataFrame of shape (n_rows, n_outputs)
    model : Pipeline or estimator
    y : Series of shape (n_rows,)
        What the rows are measured by (`names.POINT`).
    """
    if (last := recommender(model)) is None:
        return predictions
    there = y.notna().to_numpy()
    known = np.zeros(len(y), dtype=bool)
    known[there] = last.known(y[there])
    return predictions.assign(**{KNOWN: known})


def _distances(last: Any, prepared: Any) -> dict[str, Any]:
    """How far rows are from the centres of their clusters, where the last step of a model has clusters."""
    return {DISTANCE: last.distances(prepared)} if hasattr(last, "distances") else {}


def recommender(model: Any) -> Any | None:
    """What recommends items, of a model or of the last step of a Pipeline; None where they predict something else."""
    last = _last(model)
    return last if hasattr(last, "recommended") else None


def _last(model: Any) -> Any:
    return model[-1] if hasattr(model, "steps") else model


def _prepared(model: Any, features: Any) -> Any:
    return model[:-1].transform(features) if hasattr(model, "steps") and len(model) > 1 else features


def targets_of(model: Any) -> tuple[str, ...]:
    """Names of the targets of a model, or of the last step of a Pipeline, that predicts several."""
    return tuple(getattr(_last(model), "targets", ()))


def _laid_out(values: Any, index: pd.Index[Any], classes: Any, shares: Any, positive: Any) -> pd.DataFrame:
    """Predictions of one target: numbers where there are no classes."""
    if classes is None:
        return pd.DataFrame({PREDICTION: values.astype(np.float64)}, index=index)
    names = [str(c) for c in classes]
    labels = values.astype(object)
    frame = pd.DataFrame({PREDICTION: pd.Series(labels, index=index, dtype=object).astype(str)}, index=index)
    if shares is None:
        return frame
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
    y: Any,
    predictions: pd.DataFrame,
    y_train: Any,
    metric: str | None = None,
    *,
    seen: tuple[pd.DataFrame, tuple[str, ...]] | None = None,
) -> Evaluation:
    """Score predictions, with 95 % intervals, beside a baseline that looks at no feature, or the naive forecast.

    Parameters
    ----------
    recipe : Recipe
        Names the task, the metrics and the targets.
    y : Series of shape (n_rows,) or DataFrame of shape (n_rows, n_targets)
        True values in the order of `predictions`; rows that miss one are left out.
    predictions : DataFrame of shape (n_rows, 1 + n_classes)
        From `predict`.
    y_train : Series of shape (n_training_rows,) or DataFrame of shape (n_training_rows, n_targets)
        What the baseline learns: the most frequent class and the class shares, or the mean.
    metric : str, optional
        The metric that decides; default: the tuned one, as the recipe and `y_train` say.
    seen : tuple of DataFrame and tuple of str, optional
        The rows and the features of the model, for scores of parts of the rows. Default: none are told.

    Returns
    -------
    Evaluation
        A metric that is undefined on these rows (roc_auc of one class, mape with a true 0) is left out.
    """
    task = task_of(recipe)
    positive = positives(task, y_train, recipe.model.data_interface.positive_class)
    if metric is None:
        metric = recipe.hyperparameter_tuning.metric or task.default_metric(most_classes(y_train))
    rows = labelled(y, predictions, task.name, positive)
    names = _names(recipe, metric, rows)
    scores = intervals(rows, names, recipe.random_state)
    simple = _baseline(y, y_train, task, positive, level_of(metric))
    if NAIVE in predictions:  # where it knows nothing, what is learned of the labels alone
        simple = simple.assign(
            prediction=predictions[NAIVE].fillna(simple[PREDICTION]), naive=predictions[NAIVE]
        )
    baseline_rows = labelled(y, simple, task.name, positive)
    baseline = {name: value for name in names if np.isfinite(value := once(name, baseline_rows))}
    return Evaluation(
        metric=metric,
        direction=metric_named(metric).direction,
        rows=len(rows.truth),
        scores=scores,
        baseline=baseline,
        baseline_is=task.baseline_is,
        clusters=() if seen is None else clusters(rows, seen[0][list(seen[1])], predictions),
        curves=curves(rows),
        confusions=confusions(rows),
        residuals=residuals(rows),
        recent=recent(y, predictions),
        per_class=per_class(rows),
        class_intervals=class_intervals(rows, recipe.random_state, scores),
        parts=() if seen is None else _parts(recipe, seen, y, predictions, (metric, positive)),
        per_target=_per_target(rows, list(scores)),
        targets_missed=tuple(_missed(recipe.evaluation.targets, scores, len(rows.truth))),
    )


def of_related(evaluation: Evaluation, design: float) -> Evaluation:
    """Widen all intervals to those of as many rows as count, within what a metric can be.

    Parameters
    ----------
    evaluation : Evaluation
        With intervals of independent rows.
    design : float
        How many rows count as one in the mean loss.
    """
    if design <= 1:
        return evaluation

    def ends(value: float, interval: tuple[float, float]) -> tuple[float, float]:
        found = widened(Score(value=value, low=interval[0], high=interval[1]), design)
        return max(found.low, 0.0), min(found.high, 1.0)

    return evaluation.model_copy(
        update={
            "design": design,
            "scores": {
                name: in_range(widened(score, design), name) for name, score in evaluation.scores.items()
            },
            "class_intervals": {
                label: {name: ends(evaluation.per_class[label][name], each) for name, each in found.items()}
                for label, found in evaluation.class_intervals.items()
            },
            "parts": tuple(
                part
                if part.score is None
                else part.model_copy(
                    update={"score": in_range(widened(part.score, design), evaluation.metric)}
                )
                for part in evaluation.parts
            ),
        }
    )


def _names(recipe: Recipe, metric: str, rows: Labelled) -> list[str]:
    """Metrics to report: the recipe's, or all that these predictions allow; always the tuned one."""
    hard = any(isinstance(part, Labels) and part.probability is None for part in parts_of(rows))
    wanted = recipe.evaluation.metrics or tuple(
        m.name for m in task_of(recipe).metrics if not (hard and m.needs == "probability")
    )
    return list(
        dict.fromkeys(
            metric_named(m).name for m in (metric, *wanted, *recipe.own_metrics, *recipe.evaluation.targets)
        )
    )


def _baseline(y: Any, y_train: Any, task: Task, positive: Positive, level: float | None) -> pd.DataFrame:
    """What a model that looks at no feature predicts: where a quantile is wanted, that of all rows."""
    from sklearn.dummy import DummyRegressor

    there = y_train[has_labels(y_train)]
    names = target_names(y, task)
    one = task.baseline() if level is None else DummyRegressor(strategy="quantile", quantile=level)
    model = SeveralTargets(one, names) if names else one
    model.fit(task.baseline_sees(there), task.values(there))
    sees = task.baseline_sees(y)
    return with_known(predictions_frame(model, sees, y.index, positive), model, y)


def _parts(
    recipe: Recipe,
    seen: tuple[pd.DataFrame, tuple[str, ...]],
    y: Any,
    predictions: pd.DataFrame,
    by: tuple[str, Positive],
) -> tuple[PartScore, ...]:
    frame, features = seen
    if not has_labels(y).any():
        return ()
    return scored_parts(recipe, rows_of(recipe, frame, predictions, by[1]), features, *by)


def _per_target(rows: Labelled, names: list[str]) -> dict[str, dict[str, float]]:
    if not isinstance(rows, Several):
        return {}
    return {
        target: {name: once(name, part) for name in names}
        for target, part in zip(rows.names, rows.parts, strict=True)
    }


def _missed(targets: dict[str, float], scores: dict[str, Score], n_rows: int) -> list[str]:
    messages = []
    for name, target in targets.items():
        if name not in scores:
            messages.append(f"{undefined(name, f'these {n_rows} rows')}; its target is {target:g}")
            continue
        value = scores[name].value
        if metric_named(name).direction == "maximize" and value < target:
            messages.append(f"{name} {figure(value)} is below its target {target:g}")
        if metric_named(name).direction == "minimize" and value > target:
            messages.append(f"{name} {figure(value)} is above its target {target:g}")
    return messages
