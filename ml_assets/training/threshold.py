"""The threshold of a model: chosen on predictions for rows that the fits had not learned, never on the hold-out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import FixedThresholdClassifier

from ml_assets.recipe.schema import Threshold
from ml_assets.records import DecisionThreshold
from ml_assets.search.folds import Goal
from ml_assets.shown import figure, listed
from ml_assets.tasks.metrics import score
from ml_assets.tasks.threshold import best_cut, parted, shares_of
from ml_assets.training.folding import Part, finite

TOLD = ("precision", "recall", "f1", "accuracy")
"""Metrics that are told of a chosen threshold."""


def decide(
    parts: Sequence[Part], goal: Goal, wanted: Threshold | float
) -> tuple[DecisionThreshold, tuple[float, ...]]:
    """Choose the threshold on the predictions of all parts.

    Parameters
    ----------
    parts : sequence of (labels, predictions)
        Of rows that the fits had not learned: one part for each fold, two at least.
    goal : Goal
    wanted : Threshold or float

    Returns
    -------
    threshold : DecisionThreshold
    scores : tuple of float
        The goal's metric on each part, labelled at the threshold that the other parts choose.

    Raises
    ------
    ValueError
        If there are more than two classes, or the estimator gives no probabilities.
    """
    cut = best_cut(*_pooled(parts, goal), wanted)
    labelled = [
        (y, parted(each, goal.positive, best_cut(*_pooled(_others(parts, k), goal), wanted).threshold))
        for k, (y, each) in enumerate(parts)
    ]
    y, predictions = pd.concat([y for y, _ in labelled]), pd.concat([each for _, each in labelled])
    return (
        DecisionThreshold(
            positive=str(goal.positive),
            value=cut.threshold,
            rows=0 if isinstance(wanted, float) else len(y),
            scores={name: score(name, y, predictions, goal.positive) for name in TOLD},
            met=cut.met,
        ),
        finite(score(goal.metric, y, each, goal.positive) for y, each in labelled),
    )


def _pooled(parts: Sequence[Part], goal: Goal) -> tuple[Any, Any]:
    """Shares of the positive class, and whether a row is of it, of all parts."""
    shares = np.concatenate([shares_of(each, goal.positive) for _, each in parts])
    return shares, np.concatenate([(y.astype(str) == goal.positive).to_numpy() for y, _ in parts])


def _others(parts: Sequence[Part], k: int) -> list[Part]:
    return [part for place, part in enumerate(parts) if place != k]


def told(threshold: DecisionThreshold, wanted: Threshold | float) -> str:
    """Say which threshold it is, and how it came about.

    >>> told(DecisionThreshold(positive="yes", value=0.3), 0.3)
    "threshold 0.3 for 'yes', as the recipe says"
    """
    said = f"threshold {figure(threshold.value)} for {threshold.positive!r}"
    if isinstance(wanted, float):
        return f"{said}, as the recipe says"
    least = listed(f"{name} of at least {figure(value)}" for name, value in wanted.at_least.items())
    scores = ", ".join(f"{name} {figure(value)}" for name, value in threshold.scores.items())
    bound = f" with {least}" if least else ""
    return (
        f"{said}, chosen for {wanted.metric}{bound} on {threshold.rows:,} rows that the fits had not learned; "
        f"by the threshold of other rows these have {scores}"
        + ("" if threshold.met else f"; no threshold reaches {least}: the nearest was taken")
    )


def at(estimator: Any, threshold: DecisionThreshold | None) -> Any:
    """Have an estimator label rows by a threshold; without one it stays as it is."""
    if threshold is None:
        return estimator
    return FixedThresholdClassifier(
        estimator,
        threshold=threshold.value,
        pos_label=threshold.positive,
        response_method="predict_proba",
    )
