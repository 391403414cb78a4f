"""What a model may cost, in bytes and in time: a trial that costs more fails, a blend loses a part."""

from __future__ import annotations

import math
import pickle
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from ml_assets.compiled.latency import of_estimator
from ml_assets.recipe.schema import Recipe
from ml_assets.shown import figure

TIMES = 5
"""Predictions of one row, of which the fastest counts: what else the machine does makes none faster."""


class Cost(NamedTuple):
    """Bytes of a fitted model, seconds of a prediction of one row, and of one as served; 0 where nobody asks."""

    size: int = 0
    seconds: float = 0.0
    served: float = 0.0


@dataclass(frozen=True)
class Limits:
    """The largest model, the longest prediction of one row, and the longest one as it is served."""

    size: float = math.inf
    seconds: float = math.inf
    served: float = math.inf

    def broken_by(self, *costs: Cost) -> str:
        """Say which limit models together break; empty where none is.

        >>> Limits(size=1e6).broken_by(Cost(size=600_000), Cost(size=700_000))
        'the model has 1.3 MB, more than 1 (promotion.max_size_mb)'
        >>> Limits(seconds=0.01).broken_by(Cost(seconds=0.008))
        ''
        """
        size, seconds, served = (sum(part) for part in zip(*costs, strict=True))
        if size > self.size:
            return f"the model has {figure(size / 1e6, 3)} MB, more than {self.size / 1e6:g} (promotion.max_size_mb)"
        if seconds > self.seconds:
            return (
                f"one prediction takes {figure(1000 * seconds, 3)} ms, more than {1000 * self.seconds:g} "
                "(hyperparameter_tuning.max_prediction_ms)"
            )
        if served > self.served:
            return (
                f"the estimator alone takes {figure(1000 * served, 3)} ms for one row, more than "
                f"{1000 * self.served:g} (promotion.max_latency_ms)"
            )
        return ""

    def cost(self, estimator: Any, row: Any) -> Cost:
        """Measure what is limited of a fitted estimator, on one row."""
        size = _size(estimator) if math.isfinite(self.size) else 0
        seconds = _seconds(estimator, row) if math.isfinite(self.seconds) else 0.0
        return Cost(size, seconds, of_estimator(estimator, row) if math.isfinite(self.served) else 0.0)


NO_COST, NO_LIMITS = Cost(), Limits()


def limits_of(recipe: Recipe) -> Limits:
    """Return the limits of a recipe."""
    promotion = recipe.promotion
    longest = (recipe.hyperparameter_tuning.max_prediction_ms, promotion.max_latency_ms)
    seconds, served = (math.inf if each is None else each / 1000 for each in longest)
    return Limits(promotion.max_size_mb * 1e6, seconds, served)


class _Counter:
    """A file that only counts what is written."""

    size = 0

    def write(self, part: Any) -> int:
        self.size += memoryview(part).nbytes
        return memoryview(part).nbytes


def _size(estimator: Any) -> int:
    counter = _Counter()
    try:
        pickle.dump(estimator, counter, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError):
        return 0  # one's own class that pickle does not take: the gate sees how large the model is
    return counter.size


def _seconds(estimator: Any, row: Any) -> float:
    predict = getattr(estimator, "predict_proba", estimator.predict)
    taken = []
    for _ in range(TIMES):
        started = time.perf_counter()
        predict(row)
        taken.append(time.perf_counter() - started)
    return min(taken)
