"""Columns of the clean rows that are made of other columns, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.features import history
from ml_assets.features.dates import date_parts
from ml_assets.features.functions import NONE, Function, FunctionError, called, made_by_function
from ml_assets.names import BATCH, POINT

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe


def engineered(
    frame: pd.DataFrame,
    recipe: Recipe,
    past: pd.DataFrame | None = None,
    functions: Mapping[str, Function] = NONE,
) -> pd.DataFrame:
    """Add the columns that the recipe asks for to clean rows; `past` are clean rows of earlier batches.

    Raises
    ------
    ValueError
        If a column holds what nothing can be made of.
    """
    dates = date_parts(frame, recipe)
    frame = frame.assign(**dates) if dates else frame
    own = called(frame, recipe, functions)
    frame = frame.assign(**own) if own else frame
    earlier = history.with_past(frame, recipe, past)
    return frame.assign(**earlier) if earlier else frame


def sources(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Columns that others are made of, each with its key in the recipe."""
    wanted, key = recipe.model.feature_engineering, "model.feature_engineering"
    if wanted.date_parts is not None:
        yield from ((f"{key}.date_parts.columns", name) for name in wanted.date_parts.columns)
    yield from ((f"{key}.interactions", name) for pair in wanted.interactions for name in pair)
    if wanted.polynomials is not None:
        yield from ((f"{key}.polynomials.columns", name) for name in wanted.polynomials.columns)
    asked = history.wanted(recipe)
    if asked.columns and wanted.time_col is not None:
        yield f"{key}.time_col", wanted.time_col
    targets = recipe.targets  # which are there whether they are looked back at or not
    yield from ((f"{key}.lags.columns", name) for name, _ in asked.lags if name not in targets)
    yield from ((f"{key}.rolling.columns", name) for name, *_ in asked.windows if name not in targets)
    yield from (("model.preprocessor.params.column_sets", name) for name in asked.carried)


def unread(frame: pd.DataFrame, recipe: Recipe, functions: Mapping[str, Function]) -> list[str]:
    """Columns of `exclude_cols` that nothing is made of: without them the functions make the same.

    Whoever predicts may not have them, as what is known only after the event.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Clean rows, with what was made of them.
    """
    if not recipe.model.feature_engineering.functions:
        return []
    later = {*history.made_names(recipe), BATCH, POINT}
    own = frame.drop(columns=[c for c in frame if c in later or made_by_function(str(c), recipe)])
    before = called(own, recipe, functions)

    def alike(without: list[str]) -> bool:
        try:
            made = called(own.drop(columns=without), recipe, functions)
        except FunctionError:
            return False
        return made.keys() == before.keys() and all(made[name].equals(before[name]) for name in made)

    used = {name for _, name in sources(recipe)}
    excluded = [name for name in recipe.model.preprocessor.params.exclude_cols if name in own]
    asked = [name for name in excluded if name not in used and name not in recipe.targets]
    if not asked or alike(asked):
        return asked
    found: list[str] = []
    for name in asked:
        if alike([*found, name]):
            found.append(name)
    return found


def names_made(recipe: Recipe) -> dict[str, str]:
    """Columns that are made, each with the key in the recipe that asks for it."""
    wanted, key = recipe.model.feature_engineering, "model.feature_engineering"
    made: dict[str, str] = {}
    if wanted.date_parts is not None:
        dates = wanted.date_parts
        made |= {f"{name}_{part}": f"{key}.date_parts" for name in dates.columns for part in dates.parts}
    return made | history.made_names(recipe)
