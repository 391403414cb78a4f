"""A fold, prepared once for all trials, and how a set of parameters does on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_assets.estimators.build import build
from ml_assets.estimators.candidate import Candidate
from ml_assets.estimators.stopping import EarlyStopped
from ml_assets.evaluation.evaluate import predictions_frame, with_known
from ml_assets.recipe.schema import Threshold
from ml_assets.records import Positive
from ml_assets.search.limits import NO_COST, NO_LIMITS, Cost, Limits
from ml_assets.tasks.base import NAIVE
from ml_assets.tasks.threshold import score_at_best


@dataclass(frozen=True)
class FoldData:
    """One fold, preprocessed once for all trials; X is what the candidate's `input` says."""

    X_train: Any
    y_train: NDArray[Any]
    X_validation: Any
    y_validation: Any
    naive: NDArray[np.float64] | None = None
    """Naive forecast of the validation part of a time series."""


@dataclass(frozen=True)
class Goal:
    """What a set of parameters is judged by."""

    task: str
    metric: str
    positive: Positive
    random_state: int
    targets: tuple[str, ...] = ()
    """Names of the targets, where there are several."""
    by_time: bool = False
    """Whether the rows of a fold are in the order of time, the newest last."""
    threshold: Threshold | float | None = None
    """What labels are decided by: a metric of labels is taken where it is best so."""
    limits: Limits = NO_LIMITS
    """What a model may cost."""


@dataclass(frozen=True)
class FoldResult:
    """How a set of parameters did on a fold; `trees` is how many it wanted, where boosting was stopped early."""

    score: float
    predictions: pd.DataFrame
    trees: int | None = None
    cost: Cost = NO_COST


def fold_result(
    candidate: Candidate, params: Mapping[str, Any], fold: FoldData, goal: Goal, ends: float = math.inf
) -> FoldResult:
    """Fit on the training part of a fold, predict the validation part and score it.

    Parameters
    ----------
    candidate : Candidate
        Its boosting is stopped early, on a part of the training part, if it says so.
    params : mapping of str to value
    fold : FoldData
    goal : Goal
    ends : float
        Time (`time.monotonic`) at which boosting is given up.

    Raises
    ------
    OutOfTime
        If boosting was given up.
    """
    estimator = build(candidate.class_path, params, goal.random_state, goal.task, goal.targets, goal.positive)
    if candidate.rounds is not None and not goal.targets:
        estimator = EarlyStopped(
            getattr(estimator, "estimator", estimator),
            candidate.rounds,
            ordered=goal.by_time,
            random_state=goal.random_state,
            ends=ends,
        )
    estimator.fit(fold.X_train, fold.y_train)
    predictions = predictions_frame(estimator, fold.X_validation, fold.y_validation.index, goal.positive)
    predictions = with_known(predictions, estimator, fold.y_validation)
    if fold.naive is not None:
        predictions = predictions.assign(**{NAIVE: fold.naive})
    found = score_at_best(goal.metric, fold.y_validation, predictions, goal.positive, goal.threshold)
    cost = goal.limits.cost(getattr(estimator, "estimator_", estimator), fold.X_validation[:1])
    return FoldResult(found, predictions, getattr(estimator, "trees_", None), cost)
