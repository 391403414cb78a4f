"""Measures of the gap between groups: what a recipe may limit, and of which tasks.

The names of classes are Fairlearn's (`fairlearn.metrics`); the formulas are in `ml_assets.evaluation.gaps`.
"""

from __future__ import annotations

from typing import Final

from ml_assets.recipe.tasks import NUMBERS, TaskType

METRIC_GAP: Final = "metric_difference"
"""Gap of the metric that decides."""
JUDGED: Final[tuple[TaskType, ...]] = ("classification", *NUMBERS)
"""Tasks whose groups are compared."""
MEASURES: Final[dict[str, tuple[TaskType, ...]]] = {
    "demographic_parity_difference": ("classification",),
    "equal_opportunity_difference": ("classification",),
    "false_positive_rate_difference": ("classification",),
    "equalized_odds_difference": ("classification",),
    "mean_error_difference": NUMBERS,
    METRIC_GAP: JUDGED,
}
"""Name → tasks that it is for; of classes all but the last are of two."""
