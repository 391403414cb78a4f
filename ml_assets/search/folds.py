"""A fold, prepared once for all trials, and how a set of parameters does on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ml_assets.estimators.build import build
from ml_assets.evaluation.evaluate import predictions_frame
from ml_assets.records import Positive
from ml_assets.tasks.metrics import score


@dataclass(frozen=True)
class FoldData:
    """One fold, preprocessed once for all trials; X is what the candidate's `input` says."""

    X_train: Any
    y_train: NDArray[Any]
    X_validation: Any
    y_validation: Any


@dataclass(frozen=True)
class Goal:
    """What a set of parameters is judged by."""

    task: str
    metric: str
    positive: Positive
    random_state: int
    targets: tuple[str, ...] = ()
    """Names of the targets, where there are several."""


def fold_score(class_path: str, params: Mapping[str, Any], fold: FoldData, goal: Goal) -> float:
    """Fit on the training part of a fold and score the validation part."""
    estimator = build(class_path, params, goal.random_state, goal.task, goal.targets)
    estimator.fit(fold.X_train, fold.y_train)
    predictions = predictions_frame(estimator, fold.X_validation, fold.y_validation.index, goal.positive)
    return score(goal.metric, fold.y_validation, predictions, goal.positive)
