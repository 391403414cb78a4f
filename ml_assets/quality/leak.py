"""Columns that may hold the answer: one feature that alone tells the target almost perfectly.

What is found is a suspicion. A column that was filled in after the outcome was known, or made from it, does this;
so does, rarely, an honest one. A feature stands out if

* it is a function of the target: each class has one value of it, or its values part a number into ranges that do
  not overlap, and it does more than step on with time; or
* learned alone on one half of the rows, it tells the other half almost perfectly (`almost` of the target), or its
  order alone does.

Where rows follow one another in time, a label, a level or a state that lasts is told by the row before: a lag of it
is honest, and is wrong just where the target changes. So there the changes must be told, too (`CHANGES`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.quality.alone import Classes, Codes, Floats, Mask, Numbers
from ml_assets.records import Leak
from ml_assets.tasks.all import task_of

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe

CHANGES = 0.9
"""The same of changes from row to row, which noise hides first."""
PROMISING = 0.6
"""A column that tells the other half worse than this is not looked at closer."""
STEPS = 2
"""Changes from row to row for each of its values, which a column that only steps on with time does not have."""
FEWEST_ROWS = 30
MOST_ROWS = 20_000
"""Rows that are looked at: the newest, or a sample."""
BINS = 64
"""Groups of equal size into which a number is cut, of `ROWS_OF_A_BIN` rows at least."""
ROWS_OF_A_BIN = 5


def suspected_leaks(rows: pd.DataFrame, features: Iterable[str], recipe: Recipe) -> tuple[Leak, ...]:
    """Features that alone tell the target almost perfectly, the most suspicious first.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        Clean rows; those without a label are left out.
    features : iterable of str
        What the model learns from.
    recipe : Recipe
        Names target, entities and time. What it allows (`quality`) is found all the same.
    """
    known = _in_order(rows[rows[recipe.target].notna()], recipe)
    if len(known) < FEWEST_ROWS:
        return ()
    y = known[recipe.target]
    target = Classes(y) if task_of(recipe).classes else Numbers(y)
    half = np.random.default_rng(recipe.random_state).permutation(len(known)) % 2 == 0
    follows = _follows(known, recipe)
    found = (_suspicion(known[name], target, half, follows) for name in features)
    return tuple(sorted((leak for leak in found if leak), key=lambda leak: (-leak.score, leak.column)))


def _in_order(known: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """The newest rows by entity and time, where there is a time; else a sample."""
    if recipe.batches is None:
        return known if len(known) <= MOST_ROWS else known.sample(MOST_ROWS, random_state=recipe.random_state)
    time, entities = recipe.batches.column, recipe.model.data_interface.entity_cols
    newest = known.sort_values(time, kind="stable").iloc[-MOST_ROWS:]
    return newest.sort_values([*entities, time], kind="stable")


def _follows(known: pd.DataFrame, recipe: Recipe) -> Mask | None:
    """Whether a row is the next of the one before it; None where too few have an order."""
    if recipe.batches is None:
        return None
    follows = np.ones(len(known) - 1, dtype=bool)
    for name in recipe.model.data_interface.entity_cols:
        names = pd.factorize(known[name])[0]
        follows &= names[1:] == names[:-1]
    return follows if follows.sum() >= FEWEST_ROWS else None


def _suspicion(
    column: pd.Series[Any], target: Classes | Numbers, half: Mask, follows: Mask | None
) -> Leak | None:
    values = _numbers(column)
    levels, names = pd.factorize(column if values is None else values, use_na_sentinel=False)
    if len(names) < 2:
        return None
    words = target.decides(levels, len(names))
    if words and (follows is None or np.count_nonzero(np.diff(levels)[follows]) > STEPS * len(names)):
        return Leak(column=str(column.name), score=1.0, text=words)
    codes = {
        side: (levels, len(names)) if values is None else _binned(values, half == side)
        for side in (True, False)
    }
    score = min(target.told(*codes[side], half == side) for side in (True, False))
    if values is not None and score > PROMISING:
        score = max(score, target.ordered(values))
    if score < target.almost(len(names)) or (
        follows is not None and target.changes_told(*codes[True], values, follows) < CHANGES
    ):
        return None
    return Leak(column=str(column.name), score=score, text=f"{target.measure} {score:.4f}")


def _numbers(column: pd.Series[Any]) -> Floats | None:
    """Values of a column of numbers, missing ones below all others; None of another column."""
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return None
    values = column.to_numpy(dtype="float64", na_value=np.nan)
    return np.where(np.isfinite(values), values, -np.inf)


def _binned(values: Floats, fitted: Mask) -> tuple[Codes, int]:
    """Groups of equal size of the fitted rows; a value at an edge, which many may share, has a group of its own."""
    known = np.sort(values[fitted])
    bins = int(np.clip(len(known) // ROWS_OF_A_BIN, 2, BINS))
    edges = np.unique(known[np.linspace(0, len(known) - 1, bins + 1).astype(int)])
    place = np.searchsorted(edges, values)
    at_edge = edges[np.minimum(place, len(edges) - 1)] == values
    return (2 * place + at_edge).astype(np.intp), 2 * len(edges) + 2
