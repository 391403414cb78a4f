"""Rows in the order of their time, each after the one before it of the same entity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml_assets.quality.alone import Mask

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe

MOST_ROWS = 20_000
"""Rows that are looked at: the newest, or a sample."""
FEWEST_IN_ORDER = 30


def in_order(known: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Order the newest rows by entity and time, where there is a time; else take a sample.

    Parameters
    ----------
    known : DataFrame of shape (n_rows, n_columns)
    recipe : Recipe
        Names entities and time.
    """
    if recipe.batches is None:
        return known if len(known) <= MOST_ROWS else known.sample(MOST_ROWS, random_state=recipe.random_state)
    time, entities = recipe.batches.column, recipe.model.data_interface.entity_cols
    newest = known.sort_values(time, kind="stable").iloc[-MOST_ROWS:]
    return newest.sort_values([*entities, time], kind="stable")


def next_of(known: pd.DataFrame, recipe: Recipe) -> Mask | None:
    """Whether a row is the next of the one before it, shape (n_rows - 1,); None where too few have an order.

    Parameters
    ----------
    known : DataFrame of shape (n_rows, n_columns)
        From `in_order`.
    recipe : Recipe
        Names entities and time.
    """
    if recipe.batches is None:
        return None
    follows = np.ones(len(known) - 1, dtype=bool)
    for name in recipe.model.data_interface.entity_cols:
        names = pd.factorize(known[name])[0]
        follows &= names[1:] == names[:-1]
    return follows if follows.sum() >= FEWEST_IN_ORDER else None
