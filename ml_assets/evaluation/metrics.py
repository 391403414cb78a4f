"""Metrics that count every row as often as it was drawn, so that one formula gives a score and its bootstrap.

Each function takes the labelled predictions and `counts`, an array of shape (n_resamples, n_rows), and
returns one figure per resample; NaN says that the metric is undefined there. With two classes the
positive class is the last probability column: `evaluate.predict` puts it there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.records import Direction

Floats = NDArray[np.float64]

POSITIVE_LABELS = ("1", "1.0", "true", "yes", "y", "t", "positive", "pos")
PROBABILITY = "probability_"


@dataclass(frozen=True)
class Labels:
    """Labelled predictions of a classifier, as codes of `classes`; the positive one of two is last."""

    classes: tuple[str, ...]
    known: int
    truth: NDArray[np.intp]
    predicted: NDArray[np.intp]
    probability: Floats | None

    @property
    def binary(self) -> bool:
        """Whether the model knows two classes."""
        return self.known == 2


@dataclass(frozen=True)
class Numbers:
    """Labelled predictions of a regressor."""

    truth: Floats
    predicted: Floats


@dataclass(frozen=True)
class Metric:
    """A metric: which way is better, for which task, from what, and how."""

    name: str
    direction: Direction
    tasks: tuple[str, ...]
    needs: Literal["prediction", "probability"]
    function: Callable[[Any, Floats], Floats]


def positive_class(labels: pd.Series[Any], wanted: str | int | bool | None = None) -> str | None:
    """Return the class that precision and recall speak of; None unless there are two.

    The recipe's `positive_class`, else a label that says yes (1, True, yes …), else the rarer one (a tie: the
    last in sorting order).

    Raises
    ------
    ValueError
        If the wanted class is not among the two labels.
    """
    counts = labels.dropna().astype(str).value_counts()
    if len(counts) != 2:
        return None
    classes = sorted(counts.index)
    if wanted is not None:
        same = [c for c in classes if c == str(wanted)] or [
            c
            for c in classes
            if c.lower() == str(wanted).lower() or (wanted is True and c.lower() in POSITIVE_LABELS)
        ]
        if len(same) != 1:
            raise ValueError(f"positive_class: {wanted!r} is not a label (found {', '.join(classes)}).")
        return str(same[0])
    saying_yes = [c for c in classes if c.lower() in POSITIVE_LABELS]
    if len(saying_yes) == 1:
        return str(saying_yes[0])
    return str(min(classes[::-1], key=lambda c: int(counts[c])))


def default_metric(task: str, n_classes: int | None = None) -> str:
    """Return roc_auc for two classes, f1 for more, rmse for numbers.

    >>> default_metric("classification", 2), default_metric("classification", 3), default_metric("regression")
    ('roc_auc', 'f1', 'rmse')
    """
    if task == "regression":
        return "rmse"
    return "roc_auc" if n_classes is None or n_classes <= 2 else "f1"


def labelled(
    y: pd.Series[Any], predictions: pd.DataFrame, task: str, positive: str | None = None
) -> Labels | Numbers:
    """Put true values and predictions, row by row, into arrays; unlabelled rows are left out.

    Raises
    ------
    ValueError
        If the two have different lengths.
    """
    if len(y) != len(predictions):
        raise ValueError(f"{len(y)} true values but {len(predictions)} predictions.")
    there = y.notna().to_numpy()
    if task == "regression":
        return Numbers(
            pd.to_numeric(y[there]).to_numpy(np.float64),
            predictions["prediction"].to_numpy(np.float64)[there],
        )
    truth = y[there].astype(str).to_numpy(dtype=object)
    predicted = predictions["prediction"].astype(str).to_numpy(dtype=object)[there]
    names = [str(c) for c in predictions.columns if str(c).startswith(PROBABILITY)]
    known = [name.removeprefix(PROBABILITY) for name in names]
    if not known:
        known = sorted({*truth, *predicted})
        positive = positive or positive_class(pd.Series(truth, dtype=object))
    if len(known) == 2 and positive in known:
        known = [*(c for c in known if c != positive), str(positive)]
    classes = (*known, *sorted({*truth, *predicted} - set(known)))
    code = pd.Index(classes)
    probability = None
    if names:
        probability = np.zeros((len(truth), len(classes)))
        probability[:, : len(known)] = predictions[[PROBABILITY + c for c in known]].to_numpy(np.float64)[
            there
        ]
    return Labels(classes, len(known), code.get_indexer(truth), code.get_indexer(predicted), probability)


def score(metric: str, y: pd.Series[Any], predictions: pd.DataFrame, positive: str | None = None) -> float:
    """Score predictions; NaN where the metric is undefined, e.g. roc_auc of rows of one class.

    Parameters
    ----------
    metric : str
        A name in `METRICS`.
    y : Series of shape (n_rows,)
        True values, in the order of the predictions; missing ones are left out.
    predictions : DataFrame of shape (n_rows, 1 + n_classes)
        `prediction` and, for classification, `probability_<class>`.
    positive : str, optional
        Positive class of two; default: the last probability column.

    Raises
    ------
    ValueError
        If there is no such metric, or it needs probabilities and there are none.

    >>> score("mae", pd.Series([1.0, 2.0]), pd.DataFrame({"prediction": [1.0, 4.0]}))
    1.0
    """
    chosen = metric_named(metric)
    rows = labelled(y, predictions, chosen.tasks[0], positive)
    return float(evaluate_counts(chosen, rows, np.ones((1, len(rows.truth))))[0])


def metric_named(name: str) -> Metric:
    """Return the metric, or raise ValueError with the accepted names."""
    if name not in METRICS:
        raise ValueError(f"metric: {name!r} is not known (accepted: {', '.join(METRICS)}).")
    return METRICS[name]


def evaluate_counts(metric: Metric, rows: Labels | Numbers, counts: Floats) -> Floats:
    """Score each resample; NaN where it is undefined."""
    if not len(rows.truth):
        return np.full(len(counts), np.nan)
    if metric.needs == "probability" and isinstance(rows, Labels) and rows.probability is None:
        raise ValueError(
            f"metric: {metric.name!r} needs probabilities and this estimator gives none. "
            "Use accuracy, precision, recall or f1, or another estimator."
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(metric.function(rows, counts), dtype=np.float64)


def confusion(rows: Labels, counts: Floats) -> tuple[Floats, Floats, Floats]:
    """Return hits, predicted and true rows of each class, each of shape (n_resamples, n_classes)."""
    one_hot = np.eye(len(rows.classes))
    truth, predicted = one_hot[rows.truth], one_hot[rows.predicted]
    return counts @ (truth * predicted), counts @ predicted, counts @ truth


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _averaged(rows: Labels, per_class: Floats, support: Floats) -> Floats:
    """Take the positive class of two, the mean weighted by true rows of more; undefined without true rows."""
    if rows.binary:
        return np.where(support[:, 1] > 0, per_class[:, 1], np.nan)
    return np.asarray((per_class * support).sum(axis=1) / support.sum(axis=1))


def _accuracy(rows: Labels, counts: Floats) -> Floats:
    return np.asarray(counts @ (rows.truth == rows.predicted) / counts.sum(axis=1))


def _precision(rows: Labels, counts: Floats) -> Floats:
    hits, predicted, true = confusion(rows, counts)
    return _averaged(rows, _ratio(hits, predicted), true)


def _recall(rows: Labels, counts: Floats) -> Floats:
    hits, _, true = confusion(rows, counts)
    return _averaged(rows, _ratio(hits, true), true)


def _f1(rows: Labels, counts: Floats) -> Floats:
    hits, predicted, true = confusion(rows, counts)
    return _averaged(rows, _ratio(2 * hits, predicted + true), true)


def _by_score(scores: Floats, positive: NDArray[np.bool_], counts: Floats) -> tuple[Floats, Floats]:
    """Return positive and negative rows at each distinct score, best first: (n_resamples, n_scores) each."""
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) != 0])
    drawn = counts[:, order]
    positives = np.add.reduceat(drawn * positive[order], starts, axis=1)
    return positives, np.add.reduceat(drawn, starts, axis=1) - positives


def _auc(scores: Floats, positive: NDArray[np.bool_], counts: Floats) -> Floats:
    """Share of (positive, negative) pairs in the right order, ties half (Mann and Whitney 1947)."""
    positives, negatives = _by_score(scores, positive, counts)
    below = negatives.sum(axis=1, keepdims=True) - negatives.cumsum(axis=1)
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    return np.asarray((positives * (below + negatives / 2)).sum(axis=1) / pairs)


def _average_precision(scores: Floats, positive: NDArray[np.bool_], counts: Floats) -> Floats:
    """Precision at each distinct score, weighted by the recall it adds."""
    positives, negatives = _by_score(scores, positive, counts)
    found = positives.cumsum(axis=1)
    precision = _ratio(found, found + negatives.cumsum(axis=1))
    return np.asarray((positives * precision).sum(axis=1) / positives.sum(axis=1))


def _one_versus_rest(
    rows: Labels, counts: Floats, curve: Callable[[Floats, NDArray[np.bool_], Floats], Floats]
) -> Floats:
    assert rows.probability is not None
    if rows.binary:
        return curve(rows.probability[:, 1], rows.truth == 1, counts)
    total = np.zeros(len(counts))
    present = np.unique(rows.truth)
    if len(present) < 2:
        return np.full(len(counts), np.nan)
    for k in present:
        positive = rows.truth == k
        share = counts @ positive / counts.sum(axis=1)
        total += np.where(share > 0, share * curve(rows.probability[:, k], positive, counts), 0.0)
    return total


def _roc_auc(rows: Labels, counts: Floats) -> Floats:
    return _one_versus_rest(rows, counts, _auc)


def _pr_auc(rows: Labels, counts: Floats) -> Floats:
    return _one_versus_rest(rows, counts, _average_precision)


def _log_loss(rows: Labels, counts: Floats) -> Floats:
    assert rows.probability is not None
    given = rows.probability[np.arange(len(rows.truth)), rows.truth]
    epsilon = np.finfo(np.float64).eps
    return np.asarray(counts @ -np.log(np.clip(given, epsilon, 1 - epsilon)) / counts.sum(axis=1))


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


_CLASSES = ("classification",)
_NUMBERS = ("regression",)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "maximize", _CLASSES, "prediction", _accuracy),
        Metric("precision", "maximize", _CLASSES, "prediction", _precision),
        Metric("recall", "maximize", _CLASSES, "prediction", _recall),
        Metric("f1", "maximize", _CLASSES, "prediction", _f1),
        Metric("roc_auc", "maximize", _CLASSES, "probability", _roc_auc),
        Metric("pr_auc", "maximize", _CLASSES, "probability", _pr_auc),
        Metric("log_loss", "minimize", _CLASSES, "probability", _log_loss),
        Metric("mse", "minimize", _NUMBERS, "prediction", _mse),
        Metric("rmse", "minimize", _NUMBERS, "prediction", _rmse),
        Metric("mae", "minimize", _NUMBERS, "prediction", _mae),
        Metric("r2", "maximize", _NUMBERS, "prediction", _r2),
        Metric("mape", "minimize", _NUMBERS, "prediction", _mape),
    )
}
