"""Which columns are features, of which kind, and why the others are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_float_dtype, is_numeric_dtype

from ml_assets.features.engineered import names_made
from ml_assets.features.functions import made_by_function
from ml_assets.names import RESERVED
from ml_assets.recipe.schema import Recipe

FIRST_LOOK = 1_000
"""Rows that usually tell that a number is neither a constant nor a row counter."""
IDENTIFIER_ROWS = 20
"""Fewer values than this are too few to call a column an identifier."""
ENTITY, TIME = "identifies the entity (entity_cols)", "tells the batch (batches.column)"
ITEM, RATING = "identifies the item (item_col)", "rates the item (target_col)"
"""Reasons of columns that are no features and yet tell which rows belong together."""
PROTECTED = "protected: groups that the model is judged by (protected_cols)"
CONSTANT = "constant"
PLACED = ("ml_assets.networks.CNN", "ml_assets.networks.RNN")
"""Beginnings of the estimators that know a column by its place among all: a pixel, a step."""
IDENTIFIER_SHARE = 0.9
"""Share of distinct values from which a text column says nothing about new rows."""


def beside(excluded: Mapping[str, str]) -> list[str]:
    """Columns that are no features and yet are kept with them: they tell which rows belong together.

    >>> beside({"who": ENTITY, "note": "constant", "day": TIME})
    ['who', 'day']
    """
    return [name for name, reason in excluded.items() if reason in (ENTITY, TIME, ITEM)]


@dataclass(frozen=True)
class Roles:
    """Features by kind, sorted by name, and the excluded columns with the reason."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    excluded: dict[str, str] = field(default_factory=dict)

    @property
    def features(self) -> tuple[str, ...]:
        """All features: the numeric ones, then the categorical ones."""
        return (*self.numeric, *self.categorical)


def roles(frame: pd.DataFrame, recipe: Recipe) -> Roles:
    """Give each column its role.

    Targets, entities, protected columns, the batch column, dates, identifiers, constants and empty columns are no
    features. Lists in the preprocessor's parameters name all columns of their kind but those that are made of others.
    Of a recommendation the user is the only one. The result does not depend on the order of rows or columns.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Training rows.
    recipe : Recipe
        Names target, entities, excluded columns, batch column and, perhaps, the features.
    """
    if recipe.recommends:
        return _of_users(frame, recipe)
    excluded: dict[str, str] = {}
    kept: dict[str, str] = {}
    listed = {**dict.fromkeys(_listed(recipe, "numeric") or (), "numeric")}
    listed |= dict.fromkeys(_listed(recipe, "categorical") or (), "categorical")
    made = names_made(recipe)
    for column in sorted(map(str, frame.columns)):
        reason = _named(column, recipe) or _empty(frame[column])
        if reason is None and column not in listed:
            reason = unfit(frame[column])
            if reason == CONSTANT and _has_places(recipe):
                reason = None
            kind = _kind(frame[column])
            if (
                reason is None
                and _listed(recipe, kind) is not None
                and not (column in made or made_by_function(column, recipe))
            ):
                reason = f"not in the preprocessor's list of {kind} features"
        if reason is None:
            kept[column] = listed.get(column) or _kind(frame[column])
        else:
            excluded[column] = reason
    return _sorted(kept, excluded, recipe)


def _of_users(frame: pd.DataFrame, recipe: Recipe) -> Roles:
    user, item = recipe.ids
    said = {item: ITEM, recipe.rating: RATING}
    excluded = {
        name: said.get(name)
        or _named(name, recipe)
        or "a recommendation learns from users and items, and a rating that target_col names"
        for name in sorted(map(str, frame.columns))
        if name != user
    }
    return Roles((), (user,), excluded)


def watched(frame: pd.DataFrame, recipe: Recipe) -> Roles:
    """Columns whose drift is looked at: the features; of a recommendation the items, since users come and go."""
    found = roles(frame, recipe)
    if not recipe.recommends:
        return found
    user, item = recipe.ids
    excluded = {name: reason for name, reason in found.excluded.items() if name != item}
    return Roles((), (item,), excluded | {user: "users come and go (user_col)"})


def roles_of(features: Iterable[str], frame: pd.DataFrame, recipe: Recipe) -> Roles:
    """Give features chosen before (by `roles`, on other rows) their kinds again."""
    listed = {**dict.fromkeys(_listed(recipe, "numeric") or (), "numeric")}
    listed |= dict.fromkeys(_listed(recipe, "categorical") or (), "categorical")
    return _sorted({c: listed.get(c) or _kind(frame[c]) for c in features}, {}, recipe)


def _has_places(recipe: Recipe) -> bool:
    return (recipe.model.class_path or "").startswith(PLACED)


def in_places(column: str) -> list[tuple[int, str]]:
    """Order names by the numbers in them, too: pixel_2 is before pixel_10.

    >>> sorted(["lag10", "lag9", "area"], key=in_places)
    ['area', 'lag9', 'lag10']
    """
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", column)]


def _sorted(kept: dict[str, str], excluded: dict[str, str], recipe: Recipe) -> Roles:
    order = in_places if _has_places(recipe) else str
    return Roles(
        tuple(sorted((c for c, kind in kept.items() if kind == "numeric"), key=order)),
        tuple(sorted(c for c, kind in kept.items() if kind == "categorical")),
        excluded,
    )


def _listed(recipe: Recipe, kind: str) -> tuple[str, ...] | None:
    params = recipe.model.preprocessor.params
    return params.numerical_features if kind == "numeric" else params.categorical_features


def _kind(values: pd.Series) -> str:
    numeric = is_numeric_dtype(values.dtype) and not is_bool_dtype(values.dtype)
    return "numeric" if numeric else "categorical"


def _named(column: str, recipe: Recipe) -> str | None:
    """Reason why the recipe itself keeps the column out."""
    if column in RESERVED:
        return "reserved column"
    if column == recipe.treatment:
        return "treatment (treatment_col)"
    if column in recipe.targets:
        return "target"
    if column in recipe.model.data_interface.entity_cols:
        return ENTITY
    if column in recipe.kept_apart:
        return PROTECTED
    if column in recipe.model.preprocessor.params.exclude_cols:
        return "left out by the recipe (exclude_cols)"
    if recipe.batches is not None and column == recipe.batches.column:
        return TIME
    return None


def _empty(values: pd.Series) -> str | None:
    return "no values" if values.isna().all() else None


def unfit(values: pd.Series) -> str | None:
    """Give the reason why the values make no feature: a date, a constant, an identifier, a row counter."""
    if is_datetime64_any_dtype(values.dtype):
        return "date or time"
    if is_float_dtype(values.dtype) and any(_has_fractions(values.iloc[:rows]) for rows in (100, FIRST_LOOK)):
        return None  # fractions, more than one: neither a constant nor a row counter
    try:
        distinct = int(values.nunique())
    except TypeError:  # lists and the like
        values = values.map(str)
        distinct = int(values.nunique())
    if distinct == 1 and values.notna().all():
        return CONSTANT
    known = int(values.count())
    if known < IDENTIFIER_ROWS:
        return None
    if _kind(values) == "categorical":
        return "identifier: nearly every value is different" if distinct > IDENTIFIER_SHARE * known else None
    counting = distinct == known == len(values) and bool((values % 1 == 0).all())
    if counting and float(values.max() - values.min()) < 2 * distinct:
        return "row counter: whole numbers, each once, few left out"
    return None


def _has_fractions(values: pd.Series) -> bool:
    """Whether there is more than one fraction among floats.

    >>> _has_fractions(pd.Series([1.5, 2.5])), _has_fractions(pd.Series([1.5, 2.0]))
    (False, True)
    """
    with np.errstate(invalid="ignore"):  # what is infinite has no fraction
        parts = values.to_numpy(np.float64, na_value=np.nan) % 1
    parts = parts[~np.isnan(parts)]
    return bool(len(parts)) and bool((parts != parts[0]).any())
