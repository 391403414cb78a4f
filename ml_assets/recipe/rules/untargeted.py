"""Tasks without labels: what is asked of labels has no meaning."""

from __future__ import annotations

from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe


def untargeted(recipe: Recipe) -> Found:
    """Nothing is asked of labels where there are none."""
    if recipe.has_target:
        return
    model, task = recipe.model, recipe.task
    if model.ensemble is not None:
        yield (
            ("model", "ensemble"),
            f"brings predictions of one column together, and {task} has none: leave it out",
        )
    if model.feature_selection is not None:
        instead = "leave it out" if recipe.recommends else "name columns in exclude_cols"
        yield ("model", "feature_selection"), f"looks at labels, and {task} has none: {instead}"
    if recipe.monitoring.label_delay:
        yield (
            ("monitoring", "label_delay"),
            f"{task} waits for no labels, each batch is scored as it comes: leave it out",
        )
