"""Metrics of a person's own: functions of true and predicted values, by import path."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from ml_assets.recipe.own import Declared, OwnError, declared, failure, imported
from ml_assets.shown import figure
from ml_assets.tasks.base import Floats, Labels, Metric, Numbers

WEIGHTS, SHARES = "sample_weight", "y_prob"
"""Parameters that a function may have beside the true and the predicted values."""
TWICE = 0.2
"""By what part the score of all rows taken twice may differ from that of all rows: more, and it is a sum."""
KEY = "evaluation.own_metrics"


def own_metric(path: str) -> Metric:
    """Return the metric that a function makes.

    The function is given arrays: `y_true` and `y_pred`, of a classification text, and, where it has parameters so
    named, `y_prob`, the probability of the positive class of two, else of each class in sorting order, and
    `sample_weight`, how often each row counts.

    Raises
    ------
    OwnError
        If it is not declared, may not be imported, or cannot be called so.
    """
    return _metric(path, imported(path, KEY), declared(path))


@cache
def _metric(path: str, function: Callable[..., Any], said: Declared) -> Metric:
    try:
        signature = inspect.signature(function)
        names = [name for name in (SHARES, WEIGHTS) if name in signature.parameters]
        signature.bind(None, None, **dict.fromkeys(names))
    except (TypeError, ValueError):
        raise OwnError(
            f"{KEY}: {path} cannot be called with (y_true, y_pred): give it these two parameters and, where it wants "
            f"them, {SHARES} and {WEIGHTS}"
        ) from None
    weighted = WEIGHTS in names
    return Metric(
        path,
        "probability" if SHARES in names else "prediction",
        partial(_scores, path, function, tuple(names)),
        undefined=f"what {path} gives no number for",
        of=said,
        weighted=weighted,
    )


def _scores(
    path: str, function: Callable[..., Any], names: tuple[str, ...], rows: Labels | Numbers, counts: Floats
) -> Floats:
    """Score each resample: with weights where the function takes them, else rows as often as they count.

    Rows that count in parts count once: only those of a jackknife do, where all that are left count alike.
    """
    truth, predicted = _values(rows, rows.truth), _values(rows, rows.predicted)
    shares = _shares(rows) if SHARES in names else None

    def once(which: Any, weights: Floats | None) -> float:
        given: dict[str, Any] = {} if shares is None else {SHARES: shares[which]}
        if weights is not None:
            given[WEIGHTS] = weights
        try:
            return float(function(truth[which], predicted[which], **given))
        except Exception as error:  # noqa: BLE001 - a person's own code may raise anything: it is told with its name
            raise OwnError(f"{KEY}: {path} failed: {failure(error)}") from None

    found = []
    for each in counts:
        there = np.flatnonzero(each)
        if WEIGHTS in names:
            found.append(once(there, each[there]))
        else:
            whole = bool((each == np.floor(each)).all())
            which = np.repeat(there, each[there].astype(int)) if whole else there
            found.append(once(which, None))
            if whole and (each == 1).all():
                _no_sum(path, found[-1], once(np.repeat(which, 2), None))
    return np.asarray(found, dtype=np.float64)


def _no_sum(path: str, score: float, of_twice: float) -> None:
    """Refuse a sum over rows: scores of few and of many rows are compared."""
    if np.isfinite([score, of_twice]).all() and abs(of_twice - score) > TWICE * abs(score) + 1e-9:
        raise OwnError(
            f"{KEY}: {path} gives {figure(score)} for some rows and {figure(of_twice)} for the same rows twice. Scores "
            "of few and of many rows are compared: give a mean per row, not a sum"
        )


def _values(rows: Labels | Numbers, values: Any) -> Any:
    return np.asarray(rows.classes, dtype=object)[values].astype(str) if isinstance(rows, Labels) else values


def _shares(rows: Labels | Numbers) -> Floats:
    assert isinstance(rows, Labels) and rows.probability is not None
    return rows.probability if rows.positive is None else rows.probability[:, rows.positive]
