"""Columns that the recipe names as numbers, or makes others of: whether a batch has them as that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.features import history
from ml_assets.features.engineered import names_made
from ml_assets.features.functions import made_by_function
from ml_assets.quality.kinds import kind_of
from ml_assets.quality.rows import no_numbers
from ml_assets.records import Finding
from ml_assets.sources.numbers import NUMBER_LIKE

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe

MADE = "model.feature_engineering"


def wrong_sources(frame: pd.DataFrame, recipe: Recipe) -> Iterator[Finding]:
    """Columns that are there already under the name of one that is made; times and numbers that are none."""
    for name, key in names_made(recipe).items():
        if name in frame.columns:
            message = (
                f"{key.rpartition('.')[2]}: would make a column '{name}', and the data has one: rename it in the "
                "source, or leave this out"
            )
            yield Finding(rule="name_taken", message=message, column=name, key=key)
    for key, name in _times(recipe):
        if name in frame.columns and kind_of(frame[name]) not in ("time", "empty"):
            yield _wrong(frame[name], key, "times", "write times as 2024-01-31")
    made = names_made(recipe)
    for name in history.wanted(recipe).columns:
        if (
            name in frame.columns
            and not (name in made or made_by_function(name, recipe))
            and not _are_numbers(frame[name])
        ):
            yield _wrong(frame[name], f"{MADE}.lags", "numbers", "name a column of numbers")
    yield from _wrong_kinds(frame, recipe)


def _wrong_kinds(frame: pd.DataFrame, recipe: Recipe) -> Iterator[Finding]:
    """What is named as a number and is none; pairs of a number and a category."""
    params, wanted = recipe.model.preprocessor.params, recipe.model.feature_engineering
    categories = params.categorical_features or ()
    listed = params.numerical_features or ()
    powers = wanted.polynomials.columns if wanted.polynomials is not None else ()
    numbers = {
        name: name not in categories and _may_be_numbers(frame[name])
        for name in {*listed, *powers, *(name for pair in wanted.interactions for name in pair)}
        if name in frame.columns
    }
    for name in listed:
        if not numbers.get(name, True):
            time = kind_of(frame[name]) == "time"
            remedy = f"let date_parts make numbers of '{name}'" if time else "name it in categorical_features"
            yield _wrong(frame[name], "model.preprocessor.params.numerical_features", "numbers", remedy)
    for name in powers:
        if not numbers.get(name, True):
            yield _wrong(frame[name], f"{MADE}.polynomials", "numbers", "name a column of numbers")
    for a, b in wanted.interactions:
        if a in numbers and b in numbers and numbers[a] != numbers[b]:
            number, category = (a, b) if numbers[a] else (b, a)
            yield Finding(
                rule="mixed_pair",
                message=f"interactions: '{number}' is a number and '{category}' a category: name two of one kind, or "
                f"'{number}' in categorical_features, too",
                column=category,
                key=f"{MADE}.interactions",
            )


def _times(recipe: Recipe) -> Iterator[tuple[str, str]]:
    wanted = recipe.model.feature_engineering
    for name in wanted.date_parts.columns if wanted.date_parts is not None else ():
        yield f"{MADE}.date_parts", name
    if wanted.time_col is not None:
        yield f"{MADE}.time_col", wanted.time_col


def _may_be_numbers(column: pd.Series) -> bool:
    """Whether a column holds numbers, or so many that the others are faults of some rows."""
    kind = kind_of(column)
    if kind != "text" or pd.api.types.is_bool_dtype(column.dtype):
        return kind in ("number", "empty")
    return float(no_numbers(column).sum() / column.notna().sum()) <= 1 - NUMBER_LIKE


def _are_numbers(column: pd.Series) -> bool:
    if kind_of(column) in ("number", "empty"):
        return True
    return kind_of(column) == "text" and bool(
        pd.to_numeric(column.dropna().astype(object), errors="coerce").notna().all()
    )


def _wrong(column: pd.Series, key: str, what: str, remedy: str) -> Finding:
    part, first = key.rpartition(".")[2], column.dropna().iloc[0]
    message = f"{part}: column '{column.name}' holds no {what}, as '{first}': leave it out, or {remedy}"
    return Finding(rule=f"no_{what}", message=message, column=str(column.name), key=key)
