"""What the workers of a cluster cannot fit together."""

from __future__ import annotations

from typing import Any, Final

from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.space import Categorical

WHOLE: Final = {"tree_method": ("exact", "hist or approx"), "booster": ("gblinear", "gbtree or dart")}
"""Parameters of XGBoost, each with the value by which a fit wants all rows in one place, and what to write instead."""


def engine(recipe: Recipe) -> Found:
    """XGBoost is fitted on partitions of the rows where each can be counted by itself."""
    if recipe.training.engine != "dask" or not (recipe.model.class_path or "").startswith("xgboost."):
        return
    for name, (whole, others) in WHOLE.items():
        if whole in _values(recipe.model.hyperparameters.get(name)):
            yield (
                ("model", "hyperparameters", name),
                f"{whole!r} wants all rows in one place, and training.engine dask parts them: write {others}, or leave "
                "training.engine out",
            )


def _values(value: Any) -> tuple[Any, ...]:
    return value.choices if isinstance(value, Categorical) else (value,)
