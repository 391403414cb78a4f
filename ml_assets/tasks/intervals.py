"""Scores with intervals: how far a score would move with other rows of the same kind."""

from __future__ import annotations

import numpy as np

from ml_assets.names import Z_95
from ml_assets.recipe.quantiles import known_metric
from ml_assets.records import Score
from ml_assets.tasks.base import Floats, Rankings
from ml_assets.tasks.metrics import evaluate_counts, metric_named
from ml_assets.tasks.several import Labelled

RESAMPLES = 500
"""Bootstrap resamples; percentile intervals of 95 % want at least 200 (Efron and Tibshirani 1993, ch. 13)."""
RESAMPLES_OF_MANY_ROWS = 200
MANY_ROWS = 10_000
CELLS_AT_ONCE = 2_000_000
"""Rows times resamples held in memory at once (16 MB an array)."""


def intervals(
    rows: Labelled, names: list[str], random_state: int, resamples: int | None = None
) -> dict[str, Score]:
    """Return each metric with its percentile bootstrap interval of 95 % (Efron and Tibshirani 1993, ch. 13).

    Rows, of a recommendation users, are drawn with replacement, all metrics on the same draws. Accuracy, a share of
    rows, has Wilson's interval. An interval always contains its value.
    """
    n = len(rows.truth)
    values = {name: value for name in names if np.isfinite(value := once(name, rows))}
    if not values:
        return {}
    total = resamples or (RESAMPLES if n <= MANY_ROWS else RESAMPLES_OF_MANY_ROWS)
    at_once = max(1, CELLS_AT_ONCE // n)
    generator = np.random.default_rng(random_state)
    unit = rows.user if isinstance(rows, Rankings) else np.arange(n)
    units = int(unit.max()) + 1
    drawn: dict[str, list[Floats]] = {name: [] for name in values}
    for first in range(0, total, at_once):
        counts = _drawn(generator, units, min(at_once, total - first))
        counts = counts[:, unit] if isinstance(rows, Rankings) else counts
        for name, parts in drawn.items():
            parts.append(evaluate_counts(metric_named(name), rows, counts))
    result = {}
    for name, value in values.items():
        figures = np.concatenate(drawn[name])
        if metric_named(name).share:  # of several targets no narrower than it must be
            low, high = wilson(value, n)
        elif np.isfinite(figures).any():
            low, high = np.percentile(figures[np.isfinite(figures)], (2.5, 97.5))
        else:
            low = high = value
        result[name] = Score(value=value, low=min(float(low), value), high=max(float(high), value))
    return result


def _drawn(generator: np.random.Generator, units: int, resamples: int) -> Floats:
    """How often each unit is drawn in each resample, of shape (n_resamples, n_units)."""
    places = generator.integers(0, units, (resamples, units))
    places += units * np.arange(resamples)[:, None]
    counts = np.bincount(places.ravel(), minlength=resamples * units)
    return counts.reshape(resamples, units).astype(np.float64)


def wilson(share: float, n: float) -> tuple[float, float]:
    """Return the 95 % interval of a share of n rows (Wilson 1927); it is no point even at 0 and 1.

    >>> [round(bound, 3) for bound in wilson(1.0, 30)]
    [0.886, 1.0]
    """
    z2 = Z_95**2 / n
    centre = (share + z2 / 2) / (1 + z2)
    half = np.sqrt(z2 * share * (1 - share) + z2**2 / 4) / (1 + z2)
    return float(centre - half), float(min(centre + half, 1.0))


def widened(score: Score, design: float) -> Score:
    """A score with the interval of as many rows as count.

    >>> widened(Score(value=0.7, low=0.6, high=0.9), 4.0)
    Score(value=0.7, low=0.5, high=1.1)
    """
    if design <= 1:
        return score
    low, high = (score.value + (end - score.value) * design**0.5 for end in (score.low, score.high))
    return Score(value=score.value, low=round(low, 12), high=round(high, 12))


def in_range(score: Score, metric: str) -> Score:
    """A score whose interval ends where its metric does, as a share at 0 and 1; tests go by the whole width.

    >>> in_range(Score(value=0.7, low=0.5, high=1.1), "roc_auc")
    Score(value=0.7, low=0.5, high=1.0)
    """
    known = known_metric(metric)
    if known is None:
        return score
    return Score(value=score.value, low=max(score.low, known.least), high=min(score.high, known.greatest))


def once(name: str, rows: Labelled) -> float:
    """Score the rows as they are; NaN where the metric is undefined."""
    return float(evaluate_counts(metric_named(name), rows, np.ones((1, len(rows.truth))))[0])
