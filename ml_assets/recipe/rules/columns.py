"""Every column has one role, and the target is none of the others."""

from __future__ import annotations

from typing import Final

from ml_assets.recipe.faults import Key
from ml_assets.recipe.planned import PARAMS, not_yet
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.tasks import ESTIMATOR_KINDS

TARGET: Final[Key] = ("model", "data_interface", "target_col")


def targets_columns(recipe: Recipe) -> Found:
    """The target is one column, which is no entity, no time and no feature."""
    interface, params = recipe.model.data_interface, recipe.model.preprocessor.params
    target = interface.target_col
    if not isinstance(target, str):
        yield TARGET, not_yet("a list of targets", "Name one column")
        return
    if not target:
        yield TARGET, "is empty; allowed: the name of a column"
        return
    if recipe.batches is not None and recipe.batches.column == target:
        yield ("batches", "column"), f"{target!r} is the target; name the column with the time of each row"
    if target in interface.entity_cols:
        yield ("model", "data_interface", "entity_cols"), f"{target!r} is the target; leave it out"
    for name in ("categorical_features", "numerical_features"):
        if target in (getattr(params, name) or ()):
            yield (
                (*PARAMS, name),
                f"{target!r} is the target: as a feature it would give the answer away; leave it out",
            )


def positive_class(recipe: Recipe) -> Found:
    """Only what is predicted by a classifier has classes."""
    interface = recipe.model.data_interface
    if ESTIMATOR_KINDS.get(recipe.task) == "Regressor" and interface.positive_class is not None:
        yield ("model", "data_interface", "positive_class"), f"{recipe.task} has no classes: leave it out"


def preprocessor(recipe: Recipe) -> Found:
    """Columns and strategies are named for `custom_preprocessor` only; a column has one role."""
    name, params = recipe.model.preprocessor.name, recipe.model.preprocessor.params
    default = type(params)()
    if name == "default_preprocessor":
        for setting in (
            "categorical_features", "categorical_strategy", "numerical_features", "numerical_strategy"
        ):  # fmt: skip
            if getattr(params, setting) != getattr(default, setting):
                yield (*PARAMS, setting), "belongs to custom_preprocessor: write `name: custom_preprocessor`"
    seen: dict[str, str] = {}
    for setting in ("exclude_cols", "categorical_features", "numerical_features"):
        for column in getattr(params, setting) or ():
            if seen.setdefault(column, setting) != setting:
                yield (*PARAMS, setting), f"{column!r} is in {seen[column]} too: keep one"
