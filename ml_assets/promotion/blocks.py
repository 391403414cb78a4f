"""Rows that are alike and count together in a paired test."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    return [*recipe.model.data_interface.entity_cols, *named]


def blocks(frame: pd.DataFrame, recipe: Recipe) -> NDArray[np.integer] | None:
    """Number the block of each row: its entity, else its day where there are enough; None: all independent.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Rows with the recipe's entity columns and the column of its batches, where they have them.
    recipe : Recipe

    Returns
    -------
    array of shape (n_rows,) or None
    """
    entities = [c for c in recipe.model.data_interface.entity_cols if c in frame.columns]
    found: NDArray[np.integer]
    if entities:
        found = frame.groupby(entities, dropna=False).ngroup().to_numpy()
        return found
    if recipe.batches is None or recipe.batches.column not in frame.columns:
        return None
    days = frame[recipe.batches.column].dt.floor("D")
    found = days.factorize()[0]
    return found if days.nunique() >= FEWEST_BLOCKS else None
