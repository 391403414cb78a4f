"""Rules that each row is held against: which rows break which of them, in which column."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml_assets.features.cleaning import labels, spelled_alike
from ml_assets.quality.kinds import kind_of
from ml_assets.sources.numbers import NUMBER_LIKE
from ml_assets.tasks.all import task_of

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe, RowRule
    from ml_assets.records import Kind, Schema

LARGEST = 1e38
"""Largest number: trees calculate in 32 bits, and the square of a larger one leaves 64 bits, too."""
DAY = r"\d{4}-\d{2}-\d{2}(?:[T ]|$)"
"""Text that begins as a date does."""

Mask = npt.NDArray[np.bool_]


class Broken(NamedTuple):
    """Rows that break a rule in a column."""

    rule: str
    column: str
    rows: Mask
    words: str
    """What such a row is like, after "rows"."""


def broken(frame: pd.DataFrame, recipe: Recipe, schema: Schema | None) -> list[Broken]:
    """Tell which rows break which rule; of each rule and column that no row breaks nothing.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        As read from the source, with no column twice.
    schema : Schema, optional
        Kinds of the columns in earlier batches. Text is a fault of a row only where they held numbers: in a
        first batch nobody knows yet what the column is.
    """
    kinds = schema.columns if schema is not None else {}
    found = [each for name in _looked_at(frame, recipe) for each in _unusable(frame[name], kinds.get(name))]
    found += _declared(frame, recipe)
    return [each for each in found if each.rows.any()]


def too_large(column: pd.Series) -> tuple[npt.NDArray[np.float64], Mask]:
    """Values of a column of numbers, and which of them no model can calculate with."""
    values = column.to_numpy(dtype="float64", na_value=np.nan)
    with np.errstate(invalid="ignore"):
        return values, np.abs(values) > LARGEST


def no_numbers(column: pd.Series) -> pd.Series:
    """Which values are there but are no numbers."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.notna()
    return column.notna() & pd.to_numeric(column.astype(object), errors="coerce").isna()


def impossible_days(column: pd.Series) -> Mask:
    """Which texts are written as a date that no calendar has.

    >>> impossible_days(pd.Series(["2024-02-30", "2024-02-29", "9999-12-31", "soon", None])).tolist()
    [True, False, False, False, False]
    """
    texts = column.where(column.notna(), None).astype(object)
    like = texts.map(lambda value: isinstance(value, str)) & texts.astype("string").str.match(DAY).fillna(
        False
    )
    wrong = {day for day in set(texts[like].str[:10]) if not _is_day(day)}
    return (like & texts.where(like, "").str[:10].isin(wrong)).to_numpy(dtype=bool)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _looked_at(frame: pd.DataFrame, recipe: Recipe) -> Iterator[str]:
    """Columns whose values a model would calculate with."""
    interface, params = recipe.model.data_interface, recipe.model.preprocessor.params
    never = {
        *params.exclude_cols,
        *interface.entity_cols,
        *recipe.kept_apart,
        *(params.categorical_features or ()),
    }
    never |= {recipe.batches.column} if recipe.batches is not None else set()
    never = never | set(recipe.targets) if task_of(recipe).classes else never - set(recipe.targets)
    yield from (str(name) for name in frame.columns if name not in never)


def _unusable(column: pd.Series, before: Kind | None) -> Iterator[Broken]:
    name, kind = str(column.name), kind_of(column)
    if kind == "number":
        words = f"with an infinite or too large number in column '{name}'"
        yield Broken("infinite", name, too_large(column)[1], words)
    elif kind == "text" and before == "number" and not pd.api.types.is_bool_dtype(column.dtype):
        wrong = no_numbers(column).to_numpy()
        if wrong.sum() <= (1 - NUMBER_LIKE) * column.notna().sum():
            yield Broken("text_in_numbers", name, wrong, f"with text in column '{name}', which holds numbers")
    elif kind == "text" and before in ("time", None) and not pd.api.types.is_bool_dtype(column.dtype):
        wrong = impossible_days(column)
        if 0 < wrong.sum() <= (1 - NUMBER_LIKE) * column.notna().sum() and kind_of(column[~wrong]) == "time":
            yield Broken(
                "impossible_date", name, wrong, f"with a date in column '{name}' that does not exist"
            )


def _declared(frame: pd.DataFrame, recipe: Recipe) -> Iterator[Broken]:
    """What the recipe's `quality.rows` say, and that every row has an owner."""
    required = dict.fromkeys(recipe.model.data_interface.entity_cols)
    for rule in recipe.quality.rows:
        for name in rule.columns:
            if name not in frame:
                continue  # the contract says so
            if rule.required:
                required[name] = None
            yield from _bounds(frame[name], rule)
            if rule.allowed:
                known = labels(pd.Series(list(rule.allowed), dtype=object)).tolist()
                found = labels(frame[name])
                if name in recipe.targets:  # each by itself: a stray class must not hide that 0 is no
                    spelled = {
                        each: spelled_alike(pd.Series([each]), known)[0] for each in found.dropna().unique()
                    }
                    found = found.map(spelled)
                wrong = (found.notna() & ~found.isin(known)).to_numpy()
                told = f"with a value in column '{name}' that is not allowed (quality.rows)"
                yield Broken("not_allowed", name, wrong, told)
    for name in required:
        if name in frame:
            empty = frame[name].isna().to_numpy()
            yield Broken("required", name, empty, f"without a value in column '{name}', which is required")


def _bounds(column: pd.Series, rule: RowRule) -> Iterator[Broken]:
    """Values below the smallest or above the largest."""
    name = str(column.name)
    for bound, is_below in ((rule.min, True), (rule.max, False)):
        if bound is None:
            continue
        values = _compared(column, bound)
        limit = _microseconds(bound) if isinstance(bound, str) else bound
        with np.errstate(invalid="ignore"):
            wrong = values < limit if is_below else values > limit
        told = f"{'below' if is_below else 'above'} {bound if isinstance(bound, str) else f'{bound:g}'}"
        yield Broken("out_of_bounds", name, wrong, f"with a value {told} in column '{name}' (quality.rows)")


def _microseconds(moment: str) -> float:
    return (datetime.fromisoformat(moment) - datetime(1970, 1, 1)) / timedelta(microseconds=1)


def _compared(column: pd.Series, bound: float | str) -> npt.NDArray[np.float64]:
    """Values as numbers, of dates microseconds since 1970; NaN what is none."""
    if not isinstance(bound, str):
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            return np.full(len(column), np.nan)
        return pd.to_numeric(column.astype(object), errors="coerce").to_numpy(
            dtype="float64", na_value=np.nan
        )
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        times = column.astype("datetime64[us]")
    elif pd.api.types.is_numeric_dtype(column.dtype):
        return np.full(len(column), np.nan)
    else:
        known = column.where(column.map(lambda value: isinstance(value, str)), None)
        found = pd.to_datetime(known, errors="coerce", utc=True, format="ISO8601")
        times = found.dt.tz_localize(None).astype("datetime64[us]")
    return np.where(times.isna(), np.nan, times.astype("int64").astype("float64"))


def unfit(frame: pd.DataFrame, recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Columns whose values are nothing that a bound of `quality.rows` can be compared with, and why."""
    for rule in recipe.quality.rows:
        for bound in (rule.min, rule.max):
            for name in rule.columns:
                if bound is None or name not in frame or frame[name].isna().all():
                    continue
                known = frame[name].dropna()
                if np.isnan(_compared(known, bound)).mean() > 1 - NUMBER_LIKE:
                    wanted = "dates" if isinstance(bound, str) else "numbers"
                    value = bound if isinstance(bound, str) else f"{bound:g}"
                    yield (
                        name,
                        f"column '{name}' holds no {wanted} to compare with {value}, as '{known.iloc[0]}'",
                    )
