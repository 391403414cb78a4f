"""The recipe: one YAML file that says everything about one model."""

from ml_assets.recipe.loading import RecipeError, load_recipe
from ml_assets.recipe.schema import Recipe

__all__ = ["Recipe", "RecipeError", "load_recipe"]
