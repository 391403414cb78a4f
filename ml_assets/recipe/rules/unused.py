"""Values that the schema has and nothing carries out yet."""

from __future__ import annotations

from ml_assets.recipe.planned import UNUSED, not_yet
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe


def unused(recipe: Recipe) -> Found:
    """Nothing is accepted in silence that would have no effect."""
    for key, value, name, instead in UNUSED:
        found: object = recipe
        for part in key:
            found = getattr(found, str(part))
        if found == value:
            yield key, not_yet(name, instead)
