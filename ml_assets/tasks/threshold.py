"""From which share of the positive class on a row is taken for it: the best for a metric of labels, or for costs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.recipe.schema import Threshold
from ml_assets.records import Positive
from ml_assets.tasks.base import PREDICTION, PROBABILITY, Floats
from ml_assets.tasks.classification import probability_classes
from ml_assets.tasks.metrics import metric_named, score

DIGITS = 17
"""Digits that tell any two numbers of 64 bits apart."""


class Cut(NamedTuple):
    """A threshold, and whether what must hold at least does hold there."""

    threshold: float
    met: bool


def best_cut(shares: Floats, positive: NDArray[np.bool_], wanted: Threshold | float) -> Cut:
    """Choose the threshold that is best on rows whose class is known.

    Every threshold that parts the rows otherwise is looked at. It lies between two shares, with as few digits as part
    them, so that no row is on it; of equally good ones it is the one nearest to 0.5. Where no threshold reaches what
    is wanted at least, the one that comes nearest.

    Parameters
    ----------
    shares : ndarray of shape (n_rows,)
        Of the positive class.
    positive : ndarray of shape (n_rows,)
        Whether a row is of it.
    wanted : Threshold or float
        A number is the threshold itself.

    >>> best_cut(np.array([0.2, 0.4, 0.7, 0.9]), np.array([False, True, False, True]), Threshold(metric="recall"))
    Cut(threshold=0.3, met=True)
    """
    if isinstance(wanted, float):
        return Cut(wanted, True)
    order = np.argsort(-shares, kind="stable")
    ranked = shares[order]
    ends = np.flatnonzero(np.r_[np.diff(ranked) != 0, True])
    hits = np.r_[0.0, np.cumsum(positive[order])[ends]]
    called = np.r_[0.0, ends + 1.0]
    values = np.r_[ranked[ends], -np.inf]
    above = np.r_[np.inf, ranked[ends]]
    figures = _figures(hits, called, float(positive.sum()), float(len(positive)))
    if wanted.costs is not None:
        lost = wanted.costs.false_negative * (hits[-1] - hits)
        gain = -(wanted.costs.false_positive * (called - hits) + lost)
    else:
        gain = figures[wanted.metric]
    slack = np.min(
        [figures[name] - least for name, least in wanted.at_least.items()] or [np.zeros_like(gain)], axis=0
    )
    met = bool((slack >= 0).any())
    worth = np.where(slack >= 0, gain, -np.inf) if met else slack
    found = np.flatnonzero(np.isclose(worth, worth.max(), rtol=0.0, atol=1e-12))
    between = [_between(values[k], above[k]) for k in found]
    return Cut(min(between, key=lambda threshold: (abs(threshold - 0.5), threshold)), met)


def _figures(hits: Floats, called: Floats, yes: float, rows: float) -> dict[str, Floats]:
    """Metrics of the labels, of each number of rows that are called positive."""
    no = rows - yes
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {
            "accuracy": (hits + no - (called - hits)) / rows,
            "precision": hits / called,
            "recall": hits / yes,
            "f1": 2 * hits / (called + yes),
        }
    return {name: np.nan_to_num(values) for name, values in found.items()}


def _between(below: float, above: float) -> float:
    """A number above the first and at most the second, of few digits; beyond all shares it is below 0 or above 1.

    >>> _between(0.31249, 0.3162), _between(0.5, np.inf), _between(-np.inf, 0.0)
    (0.314, 1.0, 0.0)
    """
    low, high = max(below, 0.0), min(above, 1.0)
    if np.isposinf(above):
        return 1.0 if low < 1.0 else float(np.nextafter(1.0, 2.0))
    if np.isneginf(below):
        return 0.0
    middle = low + (high - low) / 2
    for digits in range(1, DIGITS):
        rounded = round(middle, digits)
        if low < rounded < high:
            return float(rounded)
    return float(above)


def parted(predictions: pd.DataFrame, positive: Positive, threshold: float) -> pd.DataFrame:
    """Label predictions of two classes by a threshold.

    Parameters
    ----------
    predictions : DataFrame of shape (n_rows, 3)
        As `evaluation.predict` gives them.
    positive : str
    threshold : float

    Returns
    -------
    DataFrame of shape (n_rows, 3)
    """
    shares = shares_of(predictions, positive)
    (other,) = [name for name in probability_classes(predictions) if name != positive]
    return predictions.assign(
        **{PREDICTION: np.where(shares >= threshold, str(positive), other).astype(object)}
    )


def shares_of(predictions: pd.DataFrame, positive: Positive) -> Floats:
    """Shares of the positive class, of shape (n_rows,).

    Raises
    ------
    ValueError
        If there is no such class, or there are no shares.
    """
    if not isinstance(positive, str):
        raise ValueError("model.threshold: is for two classes, and the target has more. Leave it out.")
    if len(probability_classes(predictions)) != 2:
        raise ValueError(
            "model.threshold: this estimator gives no probabilities. Leave it out, or take another estimator."
        )
    return predictions[PROBABILITY + positive].to_numpy(np.float64)


def score_at_best(
    metric: str, y: Any, predictions: pd.DataFrame, positive: Positive, wanted: Threshold | float | None
) -> float:
    """Score predictions as a threshold would label them that is chosen on them: what is compared in a search.

    Metrics of probabilities, and predictions without `wanted`, are scored as they are.
    """
    if wanted is not None and metric_named(metric).needs == "prediction":
        cut = best_cut(shares_of(predictions, positive), (y.astype(str) == positive).to_numpy(), wanted)
        predictions = parted(predictions, positive, cut.threshold)
    return score(metric, y, predictions, positive)
