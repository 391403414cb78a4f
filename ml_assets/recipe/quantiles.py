"""The metrics `quantile_loss_01` to `quantile_loss_99`: what a prediction of a quantile costs."""

from __future__ import annotations

import re
from typing import Final

from ml_assets.recipe.tasks import KNOWN_METRICS, NUMBERS, KnownMetric

PATTERN: Final = r"quantile_loss_(?!00)\d\d"
"""Their names: the quantile in hundredths."""
KNOWN: Final = KnownMetric(NUMBERS, "minimize", 0.0, float("inf"))


def level_of(metric: str) -> float | None:
    """Return the quantile that a metric is for; None of any other metric.

    >>> level_of("quantile_loss_90"), level_of("quantile_loss_5"), level_of("rmse")
    (0.9, None, None)
    """
    return int(metric[-2:]) / 100 if re.fullmatch(PATTERN, metric) else None


def known_metric(metric: str) -> KnownMetric | None:
    """Return what a recipe must know of a metric; None where there is no such metric.

    >>> known_metric("quantile_loss_90").direction, known_metric("quantile_loss")
    ('minimize', None)
    """
    return KNOWN if level_of(metric) is not None else KNOWN_METRICS.get(metric)
