"""Scores of each class, with intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ml_assets.records import Score
from ml_assets.tasks.base import Floats, Labels
from ml_assets.tasks.classification import confusion
from ml_assets.tasks.intervals import MANY_ROWS, RESAMPLES, RESAMPLES_OF_MANY_ROWS
from ml_assets.tasks.several import Labelled, Several

NAMES = ("precision", "recall", "f1")
MOST_CLASSES = 100
"""Classes up to which each one's interval is drawn."""


def per_class(rows: Labelled) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and rows of each class, of several targets under `<target>=<class>`."""
    found: dict[str, dict[str, float]] = {}
    for prefix, part in _classified(rows):
        figures, true = _figures(part, np.ones((1, len(part.truth))))
        for k, label in enumerate(part.classes):
            found[f"{prefix}{label}"] = {name: float(figures[name][0, k]) for name in NAMES} | {
                "rows": float(true[0, k])
            }
    return found


def class_intervals(
    rows: Labelled, random_state: int, scores: Mapping[str, Score]
) -> dict[str, dict[str, tuple[float, float]]]:
    """Percentile bootstrap intervals of 95 % of the scores of each class, named as in `per_class`.

    Rows are drawn with replacement, all classes on the same draws; an interval contains its score. What is one of
    `scores`, the positive class's, has the interval that it has there.
    """
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for prefix, part in _classified(rows):
        if len(part.classes) > MOST_CLASSES:
            continue
        once, _ = _figures(part, np.ones((1, len(part.truth))))
        drawn = _drawn(part, random_state)
        low = {name: np.percentile(values, 2.5, axis=0) for name, values in drawn.items()}
        high = {name: np.percentile(values, 97.5, axis=0) for name, values in drawn.items()}
        for k, label in enumerate(part.classes):
            found[f"{prefix}{label}"] = {
                name: (
                    float(min(low[name][k], once[name][0, k])),
                    float(max(high[name][k], once[name][0, k])),
                )
                for name in NAMES
            }
        if not prefix and part.positive is not None:
            told = {name: (scores[name].low, scores[name].high) for name in NAMES if name in scores}
            found[part.classes[part.positive]] |= told
    return found


def _classified(rows: Labelled) -> list[tuple[str, Labels]]:
    """Labelled rows of each target that has classes, each with what its classes' names begin with."""
    if isinstance(rows, Several):
        parts = zip(rows.names, rows.parts, strict=True)
        return [(f"{name}=", part) for name, part in parts if isinstance(part, Labels) and len(part.truth)]
    return [("", rows)] if isinstance(rows, Labels) and len(rows.truth) else []


def _drawn(rows: Labels, random_state: int) -> dict[str, Floats]:
    """Scores of each class on each resample, of shape (n_resamples, n_classes).

    What counts are pairs of a true and a predicted class, so their numbers are drawn, not rows.
    """
    n, k = len(rows.truth), len(rows.classes)
    total = RESAMPLES if n <= MANY_ROWS else RESAMPLES_OF_MANY_ROWS
    pairs = np.bincount(rows.truth * k + rows.predicted, minlength=k * k)
    there = np.flatnonzero(pairs)
    generator = np.random.default_rng(random_state)
    counts = generator.multinomial(n, pairs[there] / n, size=total)
    true, predicted = np.divmod(there, k)
    one_of_each = Labels(rows.classes, rows.positive, true, predicted, None)
    figures, _ = _figures(one_of_each, counts.astype(np.float64))
    return figures


def _figures(rows: Labels, counts: Floats) -> tuple[dict[str, Floats], Floats]:
    """Scores, and true rows, of each class on each resample."""
    hits, predicted, true = confusion(rows, counts)
    parts = {"precision": (hits, predicted), "recall": (hits, true), "f1": (2 * hits, predicted + true)}
    return {
        name: np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
        for name, (part, whole) in parts.items()
    }, true
