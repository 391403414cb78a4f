"""Settings that are fine alone and impossible together; and known settings that are not yet supported.

Each rule is a function from the recipe to its faults, `(key, message)`; `RULES` is the list. A rule looks at
values, never at whether a value was written or is the default.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final

from ml_assets.recipe.faults import Faults
from ml_assets.recipe.rules.beginning import beginning
from ml_assets.recipe.rules.calendar import batches, without_batches
from ml_assets.recipe.rules.clusters import clusters
from ml_assets.recipe.rules.columns import (
    column_sets,
    embedding,
    positive_class,
    preprocessor,
    targets_columns,
    treatment,
)
from ml_assets.recipe.rules.each import foreach
from ml_assets.recipe.rules.engine import engine
from ml_assets.recipe.rules.engineering import engineering, functions, past, selection
from ml_assets.recipe.rules.estimators import estimators
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.rules.monotone import monotone
from ml_assets.recipe.rules.protected import fairness, protected
from ml_assets.recipe.rules.quality import row_rules
from ml_assets.recipe.rules.recommendation import recommendation
from ml_assets.recipe.rules.scores import (
    calibration,
    evaluation,
    promotion,
    retraining,
    threshold,
    tuning,
    validation,
)
from ml_assets.recipe.rules.series import horizon, series
from ml_assets.recipe.rules.source import augmenter, queries, source
from ml_assets.recipe.rules.untargeted import untargeted
from ml_assets.recipe.schema import Recipe

__all__ = ["RULES", "check_consistency"]

RULES: Final[tuple[Callable[[Recipe], Found], ...]] = (
    targets_columns, treatment, positive_class, source, queries, augmenter, preprocessor, column_sets,
    embedding, protected, fairness, row_rules,
    engineering, functions, past, horizon, series, selection, untargeted, clusters, recommendation, estimators,
    monotone, engine, beginning, tuning, threshold, calibration, evaluation, validation, batches, without_batches,
    retraining, promotion, foreach,
)  # fmt: skip

MOST: Final = 200
"""Each fault looks for the nearest name, which takes a while for fifty thousand."""


def check_consistency(recipe: Recipe) -> None:
    """
    Refuse a recipe whose settings contradict one another or ask for what is not yet supported.

    Raises
    ------
    Faults
        Every fault found, each with its key; of a hostile recipe the first `MOST`.
    """
    faults = list(islice((fault for rule in RULES for fault in rule(recipe)), MOST))
    if faults:
        raise Faults(faults)
