"""Why a model said what it said of one row."""

from __future__ import annotations

from typing import Any

from ml_assets.records.base import Record


class ColumnPart(Record):
    """What one column adds to the answer for a row.

    `adds` is its Shapley value, `error` the standard error of it, `nearby` its weight in the linear model near the row.
    """

    column: str
    value: Any
    adds: float
    error: float
    nearby: float


class Swarm(Record):
    """What a column adds to the answers for some rows that the model had not seen, each beside its value.

    `place` is where a row's value stands among the others, from 0 to 1, nothing where it is missing or a level;
    `mean` is the mean size of what it adds.
    """

    column: str
    mean: float
    adds: tuple[float, ...]
    place: tuple[float | None, ...]


class Explanation(Record):
    """An answer as the sum of a mean answer and of what each column adds: `base` and all `adds` give `answer`.

    `of` says what the answer is: a number, or the probability of a class. `told` is how well the linear model near the
    row says what the model says (R²).
    """

    model: str
    version: int
    batch: str
    row: int
    target: str
    of: str
    prediction: str
    answer: float
    base: float
    background: int
    parts: tuple[ColumnPart, ...]
    told: float
