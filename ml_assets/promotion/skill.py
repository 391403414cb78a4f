"""Whether a first model knows anything, where few rows of a class could make one that knows nothing look good."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.tasks.base import Effects
from ml_assets.tasks.influence import rarest
from ml_assets.tasks.metrics import evaluate_counts, labelled, metric_named
from ml_assets.tasks.several import Labelled, Several, has_labels

if TYPE_CHECKING:
    from ml_assets.promotion.judged import Judged, Measure

ENOUGH = 100
"""Rows of the rarer class from which the interval of a score holds what it says."""
SHUFFLES = 800
"""Of the labels: the p-value of one that is 1.25 % then has an error of .4 points."""


@dataclass(frozen=True)
class ByChance:
    """How often labels that were dealt out anew give a score as good, and what makes it so."""

    p_value: float
    words: str


def by_chance(judged: Judged, measure: Measure) -> ByChance | None:
    """Deal the labels out among the rows anew: exact, however few there are (Fisher 1935).

    Parameters
    ----------
    judged : Judged
        Labels of the hold-out, and what the first model answered.
    measure : Measure
        By which it is judged.

    Returns
    -------
    ByChance or None
        None where the metric does not speak of classes, or each has rows enough.
    """
    metric = metric_named(measure.metric)
    there = has_labels(judged.y)
    if not metric.by_class or not there.any():
        return None
    rows = labelled(judged.y[there], judged.challenger[there], metric.task, measure.positive)
    found = rarest(rows)
    if found is None or found[1] >= ENOUGH:
        return None
    name, count = found
    generator = np.random.default_rng(measure.random_state)
    sign, ones = (1 if metric.direction == "maximize" else -1), np.ones((1, len(rows.truth)))
    score = evaluate_counts(metric, rows, ones)[0]
    dealt = [
        evaluate_counts(metric, _dealt(rows, generator.permutation(len(rows.truth))), ones)[0]
        for _ in range(SHUFFLES)
    ]
    as_good = sum(bool(sign * (each - score) >= 0) for each in dealt)
    p_value = (1 + as_good) / (1 + SHUFFLES)
    words = (
        f"with {count:,} rows of the class {name!r}, answers that know nothing score as well in {p_value:.1%}"
    )
    return ByChance(p_value, words)


def _dealt(rows: Labelled, order: NDArray[np.intp]) -> Any:
    """The same answers with the labels of other rows; those of one row stay together."""
    if isinstance(rows, Several):
        return replace(rows, parts=tuple(_dealt_one(part, order) for part in rows.parts))
    return _dealt_one(rows, order)


def _dealt_one(rows: Any, order: NDArray[np.intp]) -> Any:
    if isinstance(rows, Effects):
        return replace(rows, truth=rows.truth[order], treated=rows.treated[order])
    return replace(rows, truth=rows.truth[order])
