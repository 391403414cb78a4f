"""Columns of the clean rows that are made of other columns, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.features.dates import date_parts

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe


def engineered(frame: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Add the columns that the recipe asks for to clean rows.

    Raises
    ------
    ValueError
        If a column holds what nothing can be made of.
    """
    made = date_parts(frame, recipe)
    return frame.assign(**made) if made else frame


def sources(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Columns that others are made of, each with its key in the recipe."""
    wanted, key = recipe.model.feature_engineering, "model.feature_engineering"
    if wanted.date_parts is not None:
        yield from ((f"{key}.date_parts.columns", name) for name in wanted.date_parts.columns)
    yield from ((f"{key}.interactions", name) for pair in wanted.interactions for name in pair)
    if wanted.polynomials is not None:
        yield from ((f"{key}.polynomials.columns", name) for name in wanted.polynomials.columns)


def names_made(recipe: Recipe) -> dict[str, str]:
    """Columns that are made, each with the key in the recipe that asks for it."""
    wanted, key = recipe.model.feature_engineering, "model.feature_engineering"
    made: dict[str, str] = {}
    if wanted.date_parts is not None:
        dates = wanted.date_parts
        made |= {f"{name}_{part}": f"{key}.date_parts" for name in dates.columns for part in dates.parts}
    return made
