"""A recipe as a Dagster component, for projects that have other assets, too."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field

from ml_assets.failures import traced
from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.beta import expected_beta
from ml_assets.orchestration.location import cannot_be_built, error_assets, model_definitions
from ml_assets.orchestration.mlflow_run import mlflow_resource
from ml_assets.recipe.loading import models_of
from ml_assets.settings import Settings, read_settings


class RecipeAttributes(BaseModel):
    """The `attributes` of a `defs.yaml`."""

    model_config = ConfigDict(extra="forbid")

    recipe: str = Field(description="The recipe, a YAML file; a relative path starts beside this defs.yaml.")


class RecipeComponent(dg.Component):
    """One recipe becomes one model, or several by `foreach`: assets, checks, jobs, retrain sensor and schedule.

    A broken recipe is the asset `recipe_error`, and stops nothing else.

    Parameters
    ----------
    path : Path
        The recipe.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """Give the schema of the attributes."""
        return RecipeAttributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> RecipeComponent:
        """Find the recipe beside the `defs.yaml`."""
        assert isinstance(attributes, RecipeAttributes)
        return cls(context.path / attributes.recipe)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build what the model has."""
        settings = _settings()
        with expected_beta():
            try:
                recipes = models_of(self.path)
                made = [
                    model_definitions(ModelState(recipe, self.path, settings), len(recipes))
                    for recipe in recipes
                ]
            except Exception as error:  # noqa: BLE001 - however odd the recipe is, the project lives
                traced(error)
                fault = cannot_be_built(self.path, error)
                return dg.Definitions(assets=error_assets([(_named_by_place(self.path, context), fault)]))
            return dg.Definitions.merge(*made, dg.Definitions(resources={"mlflow": _mlflow()}))


def _named_by_place(path: Path, context: dg.ComponentLoadContext) -> Path:
    """Name a broken recipe by its folders, too: each component may call its file `recipe.yaml`."""
    inside = (
        path.relative_to(context.defs_module_path) if path.is_relative_to(context.defs_module_path) else path
    )
    return Path("_".join(part for part in inside.parts if part != path.anchor))


@cache
def _settings() -> Settings:
    return read_settings()


@cache
def _mlflow() -> dg.ResourceDefinition:
    """One for all components: Dagster merges definitions whose resources are the same object."""
    return mlflow_resource(_settings())
