"""What the scores of the folds say together: mean, standard deviation, and an interval of the mean."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from ml_assets.records import OverFolds, Score
from ml_assets.shown import counted, figure
from ml_assets.tasks.intervals import in_range

CONFIDENCE = 0.95


def folds_words(told: OverFolds) -> str:
    """Say it for people.

    >>> folds_words(over_folds([0.80, 0.82, 0.84]))
    '0.82 ± 0.02 (standard deviation) over 3 folds; 95 % interval of the mean 0.7414 to 0.8986'
    """
    return (
        f"{figure(told.mean)} ± {figure(told.deviation, 2)} (standard deviation) over {counted(told.folds, 'fold')}; "
        f"95 % interval of the mean {figure(told.low)} to {figure(told.high)}"
    )


def over_folds(scores: Sequence[float], metric: str | None = None) -> OverFolds | None:
    """Sum the scores of k folds up; None where fewer than two say anything.

    Training parts overlap, so the error of the mean is the standard deviation times the root of `1/k + 1/(k - 1)`, the
    rows of a fold over those that it learns (Nadeau and Bengio 2003, Machine Learning 52); the interval is Student's,
    and ends where its `metric` does, as a share at 0 and 1.

    >>> over_folds([0.7, 0.9], "roc_auc").high, over_folds([0.7, 0.9], "rmse").high > 2
    (1.0, True)
    """
    k = len(scores)
    if k < 2 or not all(math.isfinite(score) for score in scores):
        return None
    from scipy.stats import t

    mean, deviation = statistics.fmean(scores), statistics.stdev(scores)
    error = deviation * math.sqrt(1 / k + 1 / (k - 1))
    half = float(t.isf((1 - CONFIDENCE) / 2, k - 1)) * error
    told = Score(value=mean, low=mean - half, high=mean + half)
    told = told if metric is None else in_range(told, metric)
    return OverFolds(folds=k, mean=mean, deviation=deviation, error=error, low=told.low, high=told.high)
