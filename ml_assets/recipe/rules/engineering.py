"""Columns made of others, and the selection among them."""

from __future__ import annotations

import re
from typing import Final

from ml_assets.recipe.durations import duration
from ml_assets.recipe.faults import Key
from ml_assets.recipe.planned import PARAMS
from ml_assets.recipe.rules.columns import EMPTY
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.tasks import EFFECTS, ESTIMATOR_KINDS

MADE: Final[Key] = ("model", "feature_engineering")


def engineering(recipe: Recipe) -> Found:
    """Nothing is made of the target, nor of one column twice."""
    wanted = recipe.model.feature_engineering
    named: list[tuple[Key, tuple[str, ...]]] = [
        ((*MADE, "interactions", position), pair) for position, pair in enumerate(wanted.interactions)
    ]
    if wanted.date_parts is not None:
        if not wanted.date_parts.parts:
            yield (*MADE, "date_parts", "parts"), "is an empty list: leave it out for month, weekday and hour"
        named.append(((*MADE, "date_parts", "columns"), wanted.date_parts.columns))
    if wanted.polynomials is not None:
        named.append(((*MADE, "polynomials", "columns"), wanted.polynomials.columns))
    if wanted.lags is not None:
        named.append(((*MADE, "lags", "columns"), wanted.lags.columns))
    if wanted.rolling is not None:
        named.append(((*MADE, "rolling", "columns"), wanted.rolling.columns))
    excluded = recipe.model.preprocessor.params.exclude_cols
    for key, columns in named:
        if not columns:
            yield key, EMPTY
        for column in columns:
            if column in recipe.targets and not (recipe.forecasts and key[2] in ("lags", "rolling")):
                yield (
                    key,
                    f"{column!r} is the target: what is made of it would give the answer away; leave it out",
                )
            elif column in excluded and key[2] in ("interactions", "polynomials"):
                yield key, f"{column!r} is in exclude_cols: leave it out here, or there"
        if len(set(columns)) < len(columns):
            yield key, f"{max(columns, key=columns.count)!r} is there twice: name it once"


def functions(recipe: Recipe) -> Found:
    """A function has an import path, and its columns a name of their own."""
    seen: dict[str, str] = {}
    for position, path in enumerate(recipe.model.feature_engineering.functions):
        key: Key = (*MADE, "functions", position)
        if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", path):
            yield key, f"found {path!r}; allowed: a function by its import path, as shop.features.ratio"
        name = path.rpartition(".")[2]
        if seen.setdefault(name, path) != path or recipe.model.feature_engineering.functions.count(path) > 1:
            yield key, f"another function is called {name!r}, too: the columns of both would have one name"


def past(recipe: Recipe) -> Found:
    """What was before a row is known by its time; a window is a number of rows or a stretch of time."""
    wanted, params = recipe.model.feature_engineering, recipe.model.preprocessor.params
    for key, length in (
        ((*MADE, "lags", "steps"), len(wanted.lags.steps) if wanted.lags else 1),
        ((*MADE, "rolling", "windows"), len(wanted.rolling.windows) if wanted.rolling else 1),
        ((*MADE, "rolling", "statistics"), len(wanted.rolling.statistics) if wanted.rolling else 1),
    ):
        if not length:
            yield key, "is an empty list: name one, or leave the section out"
    for position, window in enumerate(wanted.rolling.windows if wanted.rolling else ()):
        if isinstance(window, str):
            try:
                duration(window)
            except ValueError as error:
                yield (*MADE, "rolling", "windows", position), f"{error}, or a number of rows"
    carried = [
        (*PARAMS, "column_sets", position, "missing_strategy")
        for position, group in enumerate(params.column_sets)
        if group.missing_strategy == "interpolation"
    ]
    if params.missing_strategy == "interpolation":
        carried.append((*PARAMS, "missing_strategy"))
        if params.numerical_features is None:
            yield (
                (*PARAMS, "missing_strategy"),
                "interpolation is for columns that are named: write them in numerical_features, or in column_sets, of "
                "custom_preprocessor",
            )
    asking = [(*MADE, name) for name in ("lags", "rolling") if getattr(wanted, name) is not None]
    if recipe.batches is None and wanted.time_col is None:
        for key in (*asking, *carried):
            yield key, "needs the time of each row: name its column in model.feature_engineering.time_col"
    if wanted.time_col is not None and wanted.time_col in recipe.targets:
        yield (
            (*MADE, "time_col"),
            f"{wanted.time_col!r} is the target; name the column with the time of each row",
        )


def selection(recipe: Recipe) -> Found:
    """Chi-square compares classes; what tells an outcome need not tell an effect."""
    wanted = recipe.model.feature_selection
    if wanted is not None and recipe.task in EFFECTS:
        yield ("model", "feature_selection"), "selects what tells the outcome, not the effect: leave it out"
    if wanted is not None and wanted.method == "chi2" and ESTIMATOR_KINDS.get(recipe.task) == "Regressor":
        message = f"chi2 compares classes, and task_type is {recipe.task}. Did you mean 'anova'?"
        yield ("model", "feature_selection", "method"), message
