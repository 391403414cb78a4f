"""Columns that a person's own functions make, row by row, of the clean rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.failures import MendableError
from ml_assets.names import ROW_ID
from ml_assets.recipe.own import MODULES, OwnError, imported

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe

Function = Callable[[pd.DataFrame], Any]
"""From clean rows without the target and protected columns to a Series, or a DataFrame, of as many rows."""

NONE: Mapping[str, Function] = MappingProxyType({})


class FunctionError(MendableError, ValueError):
    """A function of a recipe that may not be imported, or does not do what a feature function does."""


def load(paths: Iterable[str], modules: Collection[str]) -> Mapping[str, Function]:
    """Import functions of modules that the operator allows.

    Parameters
    ----------
    paths : iterable of str
        As `shop.features.ratio`.
    modules : collection of str
        Modules and packages that are allowed, those inside them, too.

    Raises
    ------
    FunctionError
        If a module is not allowed, is not there, or has no such function.
    """
    return {path: _imported(path, modules) for path in paths}


def called(
    frame: pd.DataFrame, recipe: Recipe, functions: Mapping[str, Function]
) -> dict[str, pd.Series[Any]]:
    """Columns that the recipe's functions make: `ratio` gives `ratio`, or `ratio_a` and so on of a DataFrame.

    A function is given all clean columns but the target and protected ones, and looks at each row alone: so a row gets
    the same in any batch, in training and when it is predicted.

    Raises
    ------
    FunctionError
        If a function fails, gives other rows, looks at other rows, or its column is there already.
    """
    wanted = recipe.model.feature_engineering.functions
    absent = [path for path in wanted if path not in functions]
    if absent:
        raise FunctionError(
            f"functions: {absent[0]!r} was not loaded: its module must be allowed by {MODULES}"
        )
    kept = (*recipe.targets, *recipe.kept_apart, ROW_ID)
    given = frame.drop(columns=[name for name in kept if name in frame])
    made: dict[str, pd.Series[Any]] = {}
    for path in wanted:
        columns = _columns(path, functions[path], given)
        for place in sorted({0, len(given) // 2, len(given) - 1}) if len(given) > 1 else ():
            alone = _columns(path, functions[path], given.iloc[[place]].reset_index(drop=True))
            _same_alone(path, columns, alone, place)
        taken = sorted(name for name in columns if name in frame or name in made)
        if taken:
            raise FunctionError(
                f"functions: {path} makes a column '{taken[0]}', which is there already: rename one"
            )
        made |= columns
    return made


def made_by_function(column: str, recipe: Recipe) -> bool:
    """Whether a column is, by its name, one that a function of the recipe makes."""
    names = (path.rpartition(".")[2] for path in recipe.model.feature_engineering.functions)
    return any(column == name or column.startswith(f"{name}_") for name in names)


def _imported(path: str, modules: Collection[str]) -> Function:
    try:
        return imported(path, "functions", modules)  # type: ignore[no-any-return]  # looked at when it is called
    except OwnError as error:
        raise FunctionError(str(error)) from None


def _columns(path: str, function: Function, given: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    try:
        result = function(given.copy())
    except Exception as error:  # a person's own code may raise anything: it is told with its name
        raise FunctionError(f"functions: {path} failed: {type(error).__name__}: {error}") from error
    name = path.rpartition(".")[2]
    if isinstance(result, pd.Series):
        columns = {name: result}
    elif isinstance(result, pd.DataFrame):
        columns = {f"{name}_{column}": values for column, values in result.items()}
    else:
        found = type(result).__name__
        raise FunctionError(
            f"functions: {path} gave a {found}; a feature function gives a Series or a DataFrame"
        )
    for values in columns.values():
        if not values.index.equals(given.index):
            raise FunctionError(
                f"functions: {path} gave {len(values):,} rows, or others, for {len(given):,}: keep "
                "the index of what is given"
            )
    return {column: _tidy(values) for column, values in columns.items()}


def _tidy(values: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers and yes or no as float64, times as they are, everything else as text or None."""
    if pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        return pd.Series(values.to_numpy(np.float64, na_value=np.nan), index=values.index)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values.astype("datetime64[us]")
    text = values.astype(object)
    return text.where(text.isna(), text.map(str)).where(text.notna(), None)


def _same_alone(
    path: str, whole: dict[str, pd.Series[Any]], alone: dict[str, pd.Series[Any]], place: int
) -> None:
    for column, values in whole.items():
        among: Any = values.iloc[place]
        own: Any = alone[column].iloc[0] if column in alone else None
        if isinstance(among, float) and isinstance(own, float):
            same = bool(np.isclose(among, own, rtol=1e-9, equal_nan=True))
        else:
            same = among == own or (pd.isna(among) and pd.isna(own))
        if not same:
            raise FunctionError(
                f"functions: {path} looks at other rows: row {place + 1} gets {among!r} among {len(values):,} rows and "
                f"{own!r} alone. A feature function calculates each row by itself; what is learned belongs in the model"
            )
