"""Components for projects made with `dg`: `dg list components` finds them here."""

from ml_assets.orchestration.component import RecipeComponent

__all__ = ["RecipeComponent"]
