"""Classification: a row is of one of some classes; of two, one is the positive one.

With two classes the positive class is the last probability column: `evaluate.predict` puts it there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.shown import listed
from ml_assets.tasks.base import PROBABILITY, Floats, Labels, Metric, Task, mean, nothing
from ml_assets.tasks.several import one_class

POSITIVE_LABELS = ("1", "1.0", "true", "yes", "y", "t", "positive", "pos")
NO_POSITIVE = "no row of the positive class"
ONE_CLASS = "labels of one class only"
LEAST_PROBABILITY = 0.01
"""A surer mistake costs no more: one row of 300 must not decide whether the loss of rows has risen."""
GREATEST_LOSSES = {"log loss": -math.log(LEAST_PROBABILITY), "error": 1.0}
"""Most that a row can cost."""


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
            raise ValueError(f"positive_class: {wanted!r} is not a label (found {listed(classes)}).")
        return str(same[0])
    saying_yes = [c for c in classes if c.lower() in POSITIVE_LABELS]
    if len(saying_yes) == 1:
        return str(saying_yes[0])
    return str(min(classes[::-1], key=lambda c: int(counts[c])))


def class_names(y: pd.Series[Any], positive: str | None) -> tuple[str, ...]:
    """Return the labels in sorting order, but the positive one last.

    >>> class_names(pd.Series(["b", "a", "a"]), "a")
    ('b', 'a')
    """
    return tuple(sorted(map(str, y.unique()), key=lambda label: (label == positive, label)))


def probability_classes(predictions: pd.DataFrame) -> list[str]:
    """Return the classes that have a probability, in the order of their columns."""
    names = map(str, predictions.columns)
    return [name.removeprefix(PROBABILITY) for name in names if name.startswith(PROBABILITY)]


def labelled(y: pd.Series[Any], predictions: pd.DataFrame, positive: str | None) -> Labels:
    """Put true and predicted classes, row by row, into arrays of codes.

    Without probabilities only `positive` says that there are two classes and which of them counts: the classes
    that happen to be in these rows say neither.
    """
    there = y.notna().to_numpy()
    truth, true_names = _coded(y if there.all() else y[there])
    predicted, guessed_names = _coded(predictions["prediction"])
    found = {*true_names, *(guessed_names if there.all() else guessed_names[np.unique(predicted[there])])}
    given = known = probability_classes(predictions)
    if len(given) == 2:
        positive = positive if positive in given else given[1]
    elif given:
        positive = None
    elif positive is not None:
        known = [*sorted(found - {positive}), positive]
    classes = (*known, *sorted(found - set(known)))
    code = pd.Index(classes, dtype=object)
    probability = None
    if given:
        probability = np.zeros((len(truth), len(classes)))
        probability[:, : len(known)] = predictions[[PROBABILITY + c for c in known]].to_numpy(np.float64)[
            there
        ]
    return Labels(
        classes=classes,
        positive=None if positive is None else classes.index(positive),
        truth=code.get_indexer(true_names)[truth],
        predicted=code.get_indexer(guessed_names)[predicted[there]],
        probability=probability,
    )


def _coded(values: pd.Series[Any]) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    """Number of each value's text, and the texts."""
    written = values.to_numpy(dtype=object)
    if pd.api.types.infer_dtype(written, skipna=False) != "string":
        written = values.astype(str).to_numpy(dtype=object)
    codes, texts = pd.factorize(written)
    return codes, texts


def confusion(rows: Labels, counts: Floats) -> tuple[Floats, Floats, Floats]:
    """Return hits, predicted and true rows of each class, each of shape (n_resamples, n_classes)."""
    one_hot = np.eye(len(rows.classes))
    truth, predicted = one_hot[rows.truth], one_hot[rows.predicted]
    return counts @ (truth * predicted), counts @ predicted, counts @ truth


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _averaged(rows: Labels, per_class: Floats, support: Floats) -> Floats:
    """Take the positive class of two, the mean weighted by true rows of more; undefined without true rows."""
    if rows.positive is not None:
        return np.where(support[:, rows.positive] > 0, per_class[:, rows.positive], np.nan)
    return np.asarray((per_class * support).sum(axis=1) / support.sum(axis=1))


def _right(rows: Labels) -> Floats:
    return np.asarray(rows.truth == rows.predicted, dtype=np.float64)


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
    ordered = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    drawn = counts.take(order, axis=1)  # row by row in memory: sums are in one order, with ties and without
    positives = drawn * positive[order]
    if len(starts) < len(order):
        positives, drawn = (np.add.reduceat(each, starts, axis=1) for each in (positives, drawn))
    return positives, drawn - positives


def _auc(scores: Floats, positive: NDArray[np.bool_], counts: Floats) -> Floats:
    """Share of (positive, negative) pairs in the right order, ties half (Mann and Whitney 1947)."""
    scores = np.where(np.isnan(scores), -np.inf, scores)
    order = np.flatnonzero(~positive)
    order = order[np.argsort(scores[order], kind="stable")]
    below = np.zeros((len(counts), len(order) + 1))  # negative rows below each place among them
    np.cumsum(counts.take(order, axis=1), axis=1, out=below[:, 1:])
    ends = [np.searchsorted(scores[order], scores[positive], side) for side in ("left", "right")]
    beaten = (below.take(ends[0], axis=1) + below.take(ends[1], axis=1)) / 2
    drawn = counts[:, positive]
    return np.asarray((drawn * beaten).sum(axis=1) / (drawn.sum(axis=1) * below[:, -1]))


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
    if rows.positive is not None:
        return curve(rows.probability[:, rows.positive], rows.truth == rows.positive, counts)
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


def _area_influence(rows: Labels) -> Floats | None:
    if rows.positive is None or rows.probability is None or len(np.unique(rows.truth)) < 2:
        return None
    return placements(rows.probability[:, rows.positive], rows.truth == rows.positive)


def placements(scores: Floats, positive: NDArray[np.bool_]) -> Floats:
    """Influence of each row on the area under the curve: its placement (DeLong et al. 1988).

    >>> placements(np.array([0.1, 0.9]), np.array([False, True])).tolist()
    [0.0, 0.0]
    """
    from scipy.stats import rankdata

    n, yes = len(scores), int(positive.sum())
    no = n - yes
    ranks = rankdata(scores)
    placed = np.empty(n)
    placed[positive] = (ranks[positive] - rankdata(scores[positive])) / no
    placed[~positive] = 1 - (ranks[~positive] - rankdata(scores[~positive])) / yes
    area = placed[positive].mean()
    return np.asarray(np.where(positive, n / yes, n / no) * (placed - area))


def _pr_auc(rows: Labels, counts: Floats) -> Floats:
    return _one_versus_rest(rows, counts, _average_precision)


def _log_losses(rows: Labels) -> Floats:
    assert rows.probability is not None
    given = rows.probability[np.arange(len(rows.truth)), rows.truth]
    epsilon = np.finfo(np.float64).eps
    return np.asarray(-np.log(np.clip(given, epsilon, 1 - epsilon)))


def _default_metric(n_classes: int | None) -> str:
    return "roc_auc" if n_classes is None or n_classes <= 2 else "f1"


def _values(y: pd.Series[Any]) -> NDArray[Any]:
    return y.to_numpy(dtype=object).astype(str)


def _baseline() -> Any:
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")


def _loss_kind(predictions: pd.DataFrame) -> str:
    return "log loss" if probability_classes(predictions) else "error"


def _strata(y: Any) -> Any:
    """Class of each row; of several targets the classes together."""
    return y if y.ndim == 1 else y.agg(" ".join, axis=1)


def _row_losses(rows: Labels) -> Floats:
    if rows.probability is None:
        return np.asarray(rows.truth != rows.predicted, dtype=np.float64)
    given = rows.probability[np.arange(len(rows.truth)), rows.truth]
    return np.asarray(-np.log(np.clip(given, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)))


CLASSIFICATION = Task(
    name="classification",
    metrics=(
        mean("accuracy", "prediction", _right, share=True),
        Metric("precision", "prediction", _precision, undefined=NO_POSITIVE, by_class=True),
        Metric("recall", "prediction", _recall, undefined=NO_POSITIVE, by_class=True),
        Metric("f1", "prediction", _f1, undefined=NO_POSITIVE, by_class=True),
        Metric(
            "roc_auc", "probability", _roc_auc, influence=_area_influence, undefined=ONE_CLASS, by_class=True
        ),
        Metric("pr_auc", "probability", _pr_auc, undefined=ONE_CLASS, by_class=True),
        mean("log_loss", "probability", _log_losses),
    ),
    default_metric=_default_metric,
    classes=True,
    joint=False,
    by_batch=False,
    lacks=one_class,
    strata=_strata,
    positive=positive_class,
    class_names=class_names,
    values=_values,
    labelled=labelled,
    baseline=_baseline,
    baseline_sees=nothing,
    baseline_is="without looking at the features",
    loss_kind=_loss_kind,
    row_losses=_row_losses,
    encoded_target="auto",
    target_check="classes",
    target_pair="levels",
    estimated_by="probabilities",
    blocked_by="entity",
    picture="confusion_matrix",
)
