"""What each column adds to a prediction: Shapley values, and a linear model of what the model says near a row.

Both ask the model itself, with the columns as a person knows them, so they hold for every estimator, whatever becomes
of a column on the way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Answer = Callable[[pd.DataFrame], Floats]
"""From rows to one figure each."""

BACKGROUND = 50
"""Rows that a row is held against, at most."""
CALLS = 20_000
"""Rows that the model is asked about for one row, about."""
ROWS_AT_ONCE = 20_000
FEWEST = 10
"""Pairs of walks of one row, at least."""
SIMILAR_BINS = 4
"""Parts of a number's range, of equally many rows; in the same part two numbers count as alike."""
KERNEL_WIDTH = 0.75
"""Width of the kernel, times the root of the number of columns, as Ribeiro and others have it."""


class Contributions(NamedTuple):
    """Shapley values of rows: `base` and the `values` of a row add up to its `answer`.

    base : ndarray of shape (n_rows,); values, error : ndarray of shape (n_rows, n_columns); answer : ndarray of shape
    (n_rows,). `error` is the standard error of each value, from the walks that it is the mean of.
    """

    base: Floats
    values: Floats
    error: Floats
    answer: Floats


class Nearby(NamedTuple):
    """A linear model of what the model says of rows like one: what each column's being as it is adds."""

    weights: Floats
    intercept: float
    answer: float
    told: float
    """R² of the linear model, each row by its likeness."""


def shapley(
    answer: Answer, rows: pd.DataFrame, background: pd.DataFrame, seed: int, pairs: int | None = None
) -> Contributions:
    """Share the difference between a row's answer and the mean answer among the columns (Štrumbelj and Kononenko 2014).

    A walk begins at a row of the background and takes over the row's values column by column, in a random order; what
    the answer moves by is the column's. Each order is also walked backwards, from the same row. A walk's steps add up
    to where it ends less where it began, so base and values add up to the answer exactly, however few walks there are.

    Parameters
    ----------
    answer : callable
        From rows to one figure each.
    rows : DataFrame of shape (n_rows, n_columns)
    background : DataFrame of shape (n_background_rows, n_columns)
        Of these `BACKGROUND` are drawn: their mean answer is the base.
    seed : int
    pairs : int, optional
        Walks there and back of each row; default: so many that the model is asked about `CALLS` times.
    """
    rng = np.random.default_rng(seed)
    names = [str(name) for name in rows.columns]
    p = len(names)
    pairs = max(FEWEST, CALLS // (2 * (p + 1))) if pairs is None else pairs
    kept = background.iloc[rng.permutation(len(background))[: min(BACKGROUND, pairs)]]
    pairs -= pairs % len(kept)  # each row of the background is walked from equally often
    starts = np.tile(np.arange(len(kept)), max(1, pairs // len(kept)))
    both = np.concatenate([starts, starts])
    halves, walks = len(starts), len(both)
    together = max(1, ROWS_AT_ONCE // (walks * (p + 1)))
    parts: list[Contributions] = []
    for first in range(0, len(rows), together):
        places = np.arange(first, min(first + together, len(rows)))
        orders = np.stack([[rng.permutation(p) for _ in starts] for _ in places]).astype(np.intp)
        orders = np.concatenate([orders, orders[:, :, ::-1]], axis=1)
        # rank[row, walk, column]: the step at which the walk takes the column over.
        rank = np.argsort(orders, axis=2)
        taken = rank[:, :, None, :] < np.arange(p + 1)[None, None, :, None]
        asked = _mixed(
            rows, np.repeat(places, walks), kept, np.tile(both, len(places)), taken.reshape(-1, p + 1, p)
        )
        said = answer(asked).reshape(len(places), walks, p + 1)
        moves = np.take_along_axis(np.diff(said, axis=2), rank, axis=2)
        paired = (moves[:, :halves] + moves[:, halves:]) / 2
        spread = paired.std(axis=1, ddof=1) if halves > 1 else np.zeros((len(places), p))
        parts.append(
            Contributions(
                said[:, :, 0].mean(axis=1), moves.mean(axis=1), spread / math.sqrt(halves), said[:, 0, -1]
            )
        )
    return Contributions(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def nearby(
    answer: Answer, row: pd.DataFrame, background: pd.DataFrame, seed: int, samples: int = 2_000
) -> Nearby:
    """Explain a row by a linear model of the answers for rows that are partly like it (LIME: Ribeiro and others 2016).

    Rows are made of the row itself, in which a random part of the columns has the values of a row of the background. A
    column is alike where the level is the same, or the number in the same quarter of the background's.

    Parameters
    ----------
    row : DataFrame of shape (1, n_columns)
    background : DataFrame of shape (n_background_rows, n_columns)
    """
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(seed)
    p = row.shape[1]
    donors = background.iloc[rng.integers(len(background), size=samples)]
    kept = rng.random((samples, p)) < rng.random((samples, 1))
    kept[0] = True
    asked = _mixed(row, np.zeros(samples, dtype=np.intp), donors, np.arange(samples), kept[:, None, :])
    said = answer(asked)
    alike = kept | _alike(row, donors, background)
    distance = np.sqrt((~alike).sum(axis=1)) / math.sqrt(p)
    weights = np.exp(-np.square(distance) / KERNEL_WIDTH**2)
    model = Ridge(alpha=1.0).fit(alike.astype(np.float64), said, sample_weight=weights)
    told = (
        float(model.score(alike.astype(np.float64), said, sample_weight=weights)) if said.std() > 0 else 1.0
    )
    return Nearby(np.asarray(model.coef_, dtype=np.float64), float(model.intercept_), float(said[0]), told)


def _mixed(
    rows: pd.DataFrame,
    own: NDArray[np.intp],
    others: pd.DataFrame,
    donor: NDArray[np.intp],
    taken: NDArray[np.bool_],
) -> pd.DataFrame:
    """Rows of others, each once for each step, with a row's own values in the columns that are taken by then.

    own, donor : of shape (n_mixed,), places in `rows` and in `others`; taken : of shape (n_mixed, n_steps, n_columns).
    """
    steps, p = taken.shape[1], taken.shape[2]
    flat = taken.reshape(-1, p)
    mine, theirs = np.repeat(own, steps), len(rows) + np.repeat(donor, steps)
    columns: dict[str, Any] = {}
    for k, name in enumerate(rows.columns):
        both = pd.concat([rows.iloc[:, k], others.iloc[:, k]], ignore_index=True)
        columns[str(name)] = both.take(np.where(flat[:, k], mine, theirs)).reset_index(drop=True)
    return pd.DataFrame(columns)


def _alike(row: pd.DataFrame, donors: pd.DataFrame, background: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether each donor's value counts as the row's own, of shape (n_donors, n_columns)."""
    found = np.zeros(donors.shape, dtype=bool)
    for k in range(row.shape[1]):
        own: Any = row.iloc[0, k]
        theirs = donors.iloc[:, k]
        if pd.api.types.is_numeric_dtype(theirs.dtype) and not pd.api.types.is_bool_dtype(theirs.dtype):
            values = background.iloc[:, k].to_numpy(np.float64, na_value=np.nan)
            cuts = (
                np.nanquantile(values, np.linspace(0, 1, SIMILAR_BINS + 1)[1:-1])
                if np.isfinite(values).any()
                else []
            )
            numbers = theirs.to_numpy(np.float64, na_value=np.nan)
            mine = float(own) if pd.notna(own) else math.nan
            same = np.searchsorted(cuts, numbers) == np.searchsorted(cuts, mine)
            found[:, k] = np.where(np.isnan(numbers), math.isnan(mine), same & (not math.isnan(mine)))
        else:
            found[:, k] = theirs.isna() if pd.isna(own) else (theirs.astype(object) == own)
    return found
