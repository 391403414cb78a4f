"""What makes an evaluation doubtful: predictions that are no numbers, and scores that cross-validation had promised."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from ml_assets.records import Evaluation, TrainingResult
from ml_assets.shown import figure
from ml_assets.tasks.over_folds import over_folds

SURE = 2.58
"""Standard errors beyond which a fall is told: 1 % on both sides of a normal distribution."""
WIDTH = 3.92
"""Standard errors in an interval of 95 %."""


def unsound(training: TrainingResult, evaluation: Evaluation, predictions: pd.DataFrame) -> tuple[str, ...]:
    """Say what is doubtful, a sentence each.

    Parameters
    ----------
    training : TrainingResult
    evaluation : Evaluation
        On the hold-out.
    predictions : DataFrame of shape (n_rows, n_outputs)
        For the hold-out.
    """
    return tuple(text for text in (_no_numbers(predictions), overfitted(training, evaluation)) if text)


def not_converged(training: TrainingResult) -> tuple[str, ...]:
    """Notes of a fit that it ended before it had converged."""
    return tuple(note for note in training.notes if note.startswith("did not converge"))


def _no_numbers(predictions: pd.DataFrame) -> str:
    numbers = predictions.select_dtypes("number")
    wrong = int((~np.isfinite(numbers.to_numpy(np.float64))).any(axis=1).sum())
    return f"{wrong:,} of {len(predictions):,} predictions are no number" if wrong else ""


def overfitted(training: TrainingResult, evaluation: Evaluation) -> str:
    """Say whether the hold-out is surely worse than the folds of the same rows; empty where it is not."""
    folds, score = over_folds(training.cv_scores), evaluation.scores.get(evaluation.metric)
    if folds is None or score is None or training.metric != evaluation.metric:
        return ""
    promised = folds.mean
    error = math.hypot(folds.error, (score.high - score.low) / WIDTH)
    fall = (promised - score.value) * (1 if evaluation.direction == "maximize" else -1)
    if not fall > SURE * error:
        return ""
    return (
        f"{evaluation.metric} is {figure(score.value)} on the hold-out, and {figure(promised)} in cross-validation, "
        f"{figure(fall / error, 2)} standard errors better: over-fitted, rows that are there twice, or another time"
    )
