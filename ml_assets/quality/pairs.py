"""Two numbers that together part the classes, as `paid - due` does late from in time, where neither does alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml_assets.quality.alone import MOST_ORDERED, Classes, Floats, Mask

if TYPE_CHECKING:
    import pandas as pd

PARTS = 0.9995
"""Area under the curve of two columns together from which they are too good."""
FARTHER = 10
"""How many times as far from 1 the better of the two is alone."""
FEWEST_OF_BOTH = 30
"""Rows of each of the two largest classes, by which all pairs are looked through."""
MOST_COLUMNS = 60
ROWS_OF_A_CLASS = 250
"""Of these the rows, of each class."""
WORTH_A_LOOK = 0.99


@dataclass(frozen=True)
class Pair:
    """Two columns, what is made of them in words and in numbers, and its area under the curve."""

    columns: tuple[str, str]
    words: str
    values: Floats
    area: float


OPERATIONS = {"-": np.subtract, "+": np.add, "×": np.multiply, "/": np.divide}


def parting_pairs(known: pd.DataFrame, numbers: Sequence[str], target: Classes) -> Iterator[Pair]:
    """Pairs of columns that part the classes almost perfectly, each class between thresholds of its own.

    Parameters
    ----------
    known : DataFrame of shape (n_rows, n_columns)
    numbers : sequence of str
        Features that are numbers.
    target : Classes
        Of these rows.
    """
    if not 2 <= len(target.asked) <= MOST_ORDERED:
        return
    rows = sorted((np.flatnonzero(target.codes == k) for k in target.asked), key=len)[-2:]
    if min(len(part) for part in rows) < FEWEST_OF_BOTH:
        return
    values = known[list(numbers)].to_numpy(dtype="float64", na_value=np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    chance = np.random.default_rng(0)
    few = [chance.permutation(part)[:ROWS_OF_A_CLASS] for part in rows]
    hit = np.r_[np.ones(len(few[0]), bool), np.zeros(len(few[1]), bool)]
    mixed = chance.permutation(len(hit))  # equal values are ranked as they come
    sample, hit = values[np.concatenate(few)][mixed], hit[mixed]
    alone = _areas(sample, hit)
    columns = [int(k) for k in np.argsort(-alone, kind="stable")[:MOST_COLUMNS]]
    for place, i in enumerate(columns[:-1]):
        others = columns[place + 1 :]
        for word, made in _made(sample[:, [i]], sample[:, others]):
            for at in np.flatnonzero(_areas(made, hit) >= WORTH_A_LOOK):
                k = others[at]
                yield from _confirmed(values, (i, k), word, target, list(numbers))


def _made(one: Floats, others: Floats) -> Iterator[tuple[str, Floats]]:
    for word, operation in OPERATIONS.items():
        with np.errstate(all="ignore"):
            yield word, operation(one, others)


def _confirmed(
    values: Floats, pair: tuple[int, int], word: str, target: Classes, names: list[str]
) -> Iterator[Pair]:
    """Ask all rows."""
    one, other = (values[:, k] for k in pair)
    with np.errstate(all="ignore"):
        made = OPERATIONS[word](one, other)
    made = np.where(np.isfinite(made), made, -np.inf)
    area = target.ordered(made)
    alone = max(target.ordered(np.where(np.isfinite(column), column, -np.inf)) for column in (one, other))
    if area >= PARTS and 1 - alone >= FARTHER * (1 - area):
        first, second = (names[k] for k in pair)
        yield Pair((first, second), f"{first} {word} {second}", made, area)


def _areas(values: Floats, hit: Mask) -> Floats:
    """Area under the curve of each column, whichever way it points; missing values lowest.

    >>> _areas(np.array([[1.0, 5.0], [2.0, 4.0], [3.0, 9.0]]), np.array([False, True, True])).tolist()
    [1.0, 0.5]
    """
    ranked = np.where(np.isfinite(values), values, -np.inf).argsort(axis=0, kind="stable").argsort(axis=0)
    hits = int(hit.sum())
    area = (ranked[hit].sum(axis=0) - hits * (hits - 1) / 2) / (hits * (len(hit) - hits))
    return np.asarray(np.maximum(area, 1 - area))
