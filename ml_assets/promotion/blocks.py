"""Rows that are alike and count together in a paired test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ml_assets.recipe.schema import Recipe

FEWEST_BLOCKS = 8
"""Fewer blocks than this say nothing about the spread between them."""


def block_columns(recipe: Recipe) -> list[str]:
    """Columns that the blocks are made of."""
    named = [recipe.batches.column] if recipe.batches else []
    if by_time_alone(recipe) and (time := recipe.model.feature_engineering.time_col) is not None:
        named = [time]
    return [*recipe.entities, *named]


def by_time_alone(recipe: Recipe) -> bool:
    """Whether rows of one time count together, whatever their entities."""
    from ml_assets.tasks.all import task_of

    return task_of(recipe).blocked_by == "time"


def blocks(frame: pd.DataFrame, recipe: Recipe) -> NDArray[np.integer] | None:
    """Number the block of each row: its entity, else its day where there are enough; None: all independent.

    Of a time series the block is a stretch of time, whatever the entity: a day or the horizon, the longer one, halved
    until there are enough. What was not known when one row was predicted was not known when the next was, either.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Rows with the recipe's entity columns and the column of its batches, where they have them.
    recipe : Recipe

    Returns
    -------
    array of shape (n_rows,) or None
    """
    if by_time_alone(recipe):
        return _stretches(frame[block_columns(recipe)[-1]], recipe)
    entities = [c for c in recipe.entities if c in frame.columns]
    found: NDArray[np.integer]
    if entities:
        found = frame.groupby(entities, dropna=False).ngroup().to_numpy()
        return found
    if recipe.batches is None or recipe.batches.column not in frame.columns:
        return None
    days = frame[recipe.batches.column].dt.floor("D")
    found = days.factorize()[0]
    return found if days.nunique() >= FEWEST_BLOCKS else None


def _stretches(times: pd.Series[Any], recipe: Recipe) -> NDArray[np.integer] | None:
    """Stretches of time, numbered; a row without a time is of the first."""
    from datetime import timedelta

    from ml_assets.features.history import wanted

    length = max(timedelta(days=1), wanted(recipe).horizon or timedelta())
    since = times - times.min()
    while length >= timedelta(seconds=1):
        found: NDArray[np.integer] = (since // length).fillna(0).to_numpy(int)
        if len(set(found)) >= FEWEST_BLOCKS:
            return found
        length /= 2
    return None
