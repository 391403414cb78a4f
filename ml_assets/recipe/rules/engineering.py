"""Columns made of others, and the selection among them."""

from __future__ import annotations

from typing import Final

from ml_assets.recipe.faults import Key
from ml_assets.recipe.rules.columns import EMPTY
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.tasks import ESTIMATOR_KINDS

MADE: Final[Key] = ("model", "feature_engineering")


def engineering(recipe: Recipe) -> Found:
    """Nothing is made of the target, nor of one column twice."""
    wanted = recipe.model.feature_engineering
    named: list[tuple[Key, tuple[str, ...]]] = [
        ((*MADE, "interactions", position), pair) for position, pair in enumerate(wanted.interactions)
    ]
    if wanted.date_parts is not None:
        if not wanted.date_parts.parts:
            yield (*MADE, "date_parts", "parts"), "is an empty list: leave it out for month, weekday and hour"
        named.append(((*MADE, "date_parts", "columns"), wanted.date_parts.columns))
    if wanted.polynomials is not None:
        named.append(((*MADE, "polynomials", "columns"), wanted.polynomials.columns))
    excluded = recipe.model.preprocessor.params.exclude_cols
    for key, columns in named:
        if not columns:
            yield key, EMPTY
        for column in columns:
            if column in recipe.targets:
                yield (
                    key,
                    f"{column!r} is the target: what is made of it would give the answer away; leave it out",
                )
            elif column in excluded and key[2] != "date_parts":
                yield key, f"{column!r} is in exclude_cols: leave it out here, or there"
        if len(set(columns)) < len(columns):
            yield key, f"{max(columns, key=columns.count)!r} is there twice: name it once"


def selection(recipe: Recipe) -> Found:
    """Chi-square compares classes."""
    wanted = recipe.model.feature_selection
    if wanted is not None and wanted.method == "chi2" and ESTIMATOR_KINDS.get(recipe.task) == "Regressor":
        message = f"chi2 compares classes, and task_type is {recipe.task}. Did you mean 'anova'?"
        yield ("model", "feature_selection", "method"), message
