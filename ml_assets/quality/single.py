"""One column, or one figure made of two, that tells the target too well to be passed over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.quality.alone import Classes, Codes, Floats, Mask, Numbers
from ml_assets.records import Leak

if TYPE_CHECKING:
    from ml_assets.quality.pairs import Pair

CHANGES = 0.9
"""Share of the changes from row to row that a column tells, where rows follow one another; noise hides them first."""
PROMISING = 0.6
"""A column that tells the other half worse than this is not looked at closer."""
STEPS = 2
"""Changes from row to row for each of its values, which a column that only steps on with time does not have."""
BINS = 64
"""Groups of equal size into which a number is cut, of `ROWS_OF_A_BIN` rows at least."""
ROWS_OF_A_BIN = 5
FARTHER = 5
"""How many times as far from perfect as the column all others together are, so that it is suspected."""
FARTHER_WRONG = 3
"""The same of the share of rows told wrong."""
COPY, PERHAPS_A_COPY = 0.97, 0.95
"""Share of rows told right, each class counting the same, from which a column with a value for each class is a copy
with exceptions; of real ones next came whether a room's light is on, .98, which the other columns come near to."""
PERHAPS_CODES = 0.97
"""The same of a column with several values for a class; it is told, and keeps no model out."""
PERHAPS_NUMBERS = 0.98
"""Share of the variance of ranks from which a column is told and keeps no model out: a noisy copy, or an honest law."""
CLOSE = 0.9
"""Share of the rows of a number that is a copy, whatever the others are."""
ORDERED = 0.9
"""How much rarer than by chance the class changes in the order of a column in which nearly every value is different."""
DISTINCT = 0.9


@dataclass(frozen=True)
class Suspect:
    """What is suspected, what it lacks to be perfect, and how many times as much all other columns must lack.

    Parameters
    ----------
    leak : Leak
    lacks : float
    farther : float
    by_right : bool
        Whether `lacks` is a share of rows told wrong.
    certain : bool
        Whether it is suspected whatever the other columns tell.
    """

    leak: Leak
    lacks: float
    farther: float = FARTHER
    by_right: bool = False
    certain: bool = False


def of_column(
    column: pd.Series[Any], target: Classes | Numbers, half: Mask, follows: Mask | None
) -> Suspect | None:
    """Look at one column.

    Parameters
    ----------
    column : Series of shape (n_rows,)
    target : Classes or Numbers
        Of these rows.
    half : array of shape (n_rows,)
        Rows that are learned; the others are told, and the other way round.
    follows : array of shape (n_rows - 1,) or None
        Whether a row is the next of the one before it.
    """
    name, values = str(column.name), numbers(column)
    levels, names = pd.factorize(column if values is None else values, use_na_sentinel=False)
    if len(names) < 2:
        return None
    words = target.decides(levels, len(names))
    if words and (follows is None or np.count_nonzero(np.diff(levels)[follows]) > STEPS * len(names)):
        return Suspect(Leak(column=name, score=1.0, text=words), lacks=0.0, certain=True)
    codes = {
        side: (levels, len(names)) if values is None else binned(values, half == side)
        for side in (True, False)
    }
    score = min(target.told(*codes[side], half == side) for side in (True, False))
    if values is not None and score > PROMISING:
        score = max(score, target.ordered(values))
    found = _almost(name, score, target) or _copy(column, levels, target)
    if found is None and values is not None:
        found = _in_its_order(name, values, score, target) or _near(name, values, score, target, follows)
    if found is None or found.certain or follows is None:
        return found
    return found if target.changes_told(*codes[True], values, follows) >= CHANGES else None


def of_pair(pair: Pair, target: Classes, follows: Mask | None) -> Suspect | None:
    """Look at a figure made of two columns."""
    codes = binned(pair.values, np.ones(len(pair.values), dtype=bool))
    if follows is not None and target.changes_told(*codes, pair.values, follows) < CHANGES:
        return None
    first, *others = sorted(pair.columns)
    text = f"{pair.words} parts the classes, area under the curve {pair.area:.4f}"
    leak = Leak(column=first, beside=tuple(others), score=pair.area, text=text, by="relation")
    return Suspect(leak, lacks=1 - pair.area)


def _almost(name: str, score: float, target: Classes | Numbers) -> Suspect | None:
    """It tells the half that it has not learned."""
    if score < target.too_good:
        return None
    return Suspect(Leak(column=name, score=score, text=f"{target.measure} {score:.4f}"), lacks=1 - score)


def _copy(column: pd.Series[Any], levels: Codes, target: Classes | Numbers) -> Suspect | None:
    """Its values, or that it has one, stand for classes, with exceptions."""
    if not isinstance(target, Classes):
        return None
    there = column.notna().to_numpy()
    ways = [(levels, int(levels.max()) + 1, "its values stand for the classes")]
    ways += (
        [] if there.all() else [(there.astype(np.intp), 2, "whether it has a value stands for the classes")]
    )
    for codes, count, words in ways:
        score = target.mapped(codes, count)
        few = count <= len(target.asked) + 1
        if score >= (PERHAPS_A_COPY if few else PERHAPS_CODES):
            text = f"{words} in {score:.1%} of the rows, each class counting the same"
            leak = Leak(column=str(column.name), score=score, text=text, sure=few and score >= COPY)
            return Suspect(leak, lacks=1 - score, farther=FARTHER_WRONG, by_right=True)
    return None


def _in_its_order(name: str, values: Floats, score: float, target: Classes | Numbers) -> Suspect | None:
    """Nearly every value is different, and rows that are next to one another in its order are of one class."""
    if not isinstance(target, Classes) or not _distinct(values):
        return None
    told = target.beside(values)
    if told < ORDERED:
        return None
    whole = bool((values[np.isfinite(values)] % 1 == 0).all())
    text = f"in its order the class changes {1 / max(1 - told, 1e-3):.0f} times rarer than by chance"
    leak = Leak(column=name, score=max(told, score), text=text, sure=whole)
    return Suspect(leak, lacks=(1 - told) / 2, farther=FARTHER_WRONG, by_right=True)


def _near(
    name: str, values: Floats, score: float, target: Classes | Numbers, follows: Mask | None
) -> Suspect | None:
    """A copy of a number, with exceptions or with noise."""
    if not isinstance(target, Numbers) or score < PROMISING:
        return None
    close = target.close(values, follows)
    if close >= CLOSE:
        leak = Leak(
            column=name, score=close, text=f"it has the rank of the target in {close:.1%} of the rows"
        )
        return Suspect(leak, lacks=1 - close, certain=True)
    score = max(score, target.beside(values)) if _distinct(values) else score
    if score < PERHAPS_NUMBERS:
        return None
    text = f"{target.measure} {score:.4f}"
    return Suspect(Leak(column=name, score=score, text=text, sure=False), lacks=1 - score)


def _distinct(values: Floats) -> bool:
    """Whether nearly every value is different, so that an order is an order of rows."""
    return len(np.unique(values)) >= DISTINCT * len(values)


def numbers(column: pd.Series[Any]) -> Floats | None:
    """Values of a column of numbers, missing ones below all others; None of another column."""
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return None
    values = column.to_numpy(dtype="float64", na_value=np.nan)
    return np.where(np.isfinite(values), values, -np.inf)


def binned(values: Floats, fitted: Mask) -> tuple[Codes, int]:
    """Groups of equal size of the fitted rows; a value at an edge, which many may share, has a group of its own."""
    known = np.sort(values[fitted])
    bins = int(np.clip(len(known) // ROWS_OF_A_BIN, 2, BINS))
    edges = np.unique(known[np.linspace(0, len(known) - 1, bins + 1).astype(int)])
    place = np.searchsorted(edges, values)
    at_edge = edges[np.minimum(place, len(edges) - 1)] == values
    return (2 * place + at_edge).astype(np.intp), 2 * len(edges) + 2
