"""The recipe: one YAML file that says everything about one model."""

from ml_assets.recipe.loading import load_recipe
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.written import RecipeError

__all__ = ["Recipe", "RecipeError", "load_recipe"]
