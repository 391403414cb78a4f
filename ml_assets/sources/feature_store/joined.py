"""Rows with the features of a feature store beside their own columns, as they were known at each row's time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd

from ml_assets.recipe.faults import did_you_mean
from ml_assets.sources.feature_store.namespaces import FEAST_TIME as WHEN
from ml_assets.sources.feature_store.namespaces import FEATURES, PLACE, TIME, Kind, Wanted, time_of, wanted
from ml_assets.sources.paths import SourceError

if TYPE_CHECKING:
    from ml_assets.recipe import Recipe
    from ml_assets.sources.feature_store.repository import Repository

WHOLE: Final = r"[+-]?\d{1,18}"
ARROW: Final = MappingProxyType(
    {"number": "float64", "text": "string", "truth": "bool", "time": "timestamp[us]"}
)
"""Arrow's name of the type of a kind."""


class Joined(NamedTuple):
    """Columns of the store for some rows, and what a person should know of them."""

    columns: pd.DataFrame
    told: tuple[str, ...]
    hints: tuple[str, ...] = ()
    """What is hardly meant."""
    kinds: Mapping[str, Kind] = MappingProxyType({})
    """Of each column."""


def join(frame: pd.DataFrame, recipe: Recipe, repository: Repository) -> Joined:
    """Look up what was known of the entities of each row at its own time.

    A value counts whose own time, and the time it was written at, are not after the row's. Nothing is learned: a row
    gets the same whatever rows stand beside it.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        As read from the source.

    Returns
    -------
    Joined
        `columns` has the index of the frame, in its order. Numbers are float64, truth values boolean, times
        datetime64[us] in UTC, everything else text or None.

    Raises
    ------
    SourceError
        The recipe asks for what the store does not have, a key or the time is no column of the rows, a column would be
        there twice, or the store does not answer.
    """
    when = row_times(frame, recipe)
    return _found(
        frame,
        recipe,
        repository,
        when,
        lambda each, asked: repository.known_at(each.namespace.name, list(each.columns), asked),
    )


def newest(frame: pd.DataFrame, recipe: Recipe, repository: Repository, now: datetime) -> Joined:
    """Look up what is kept online of the entities of each row: what `join` finds for rows of now.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        With the keys; no time is looked at.
    now : datetime
        In UTC, without a zone.

    Returns
    -------
    Joined
        The columns that `join` gives, with the same types.

    Raises
    ------
    SourceError
        As `join`.
    """
    return _found(
        frame,
        recipe,
        repository,
        None,
        lambda each, asked: repository.newest(each.namespace.name, list(each.columns), asked, now),
    )


def _found(
    frame: pd.DataFrame,
    recipe: Recipe,
    repository: Repository,
    when: pd.Series[Any] | None,
    ask: Callable[[Wanted, pd.DataFrame], pd.DataFrame],
) -> Joined:
    """Ask for each entity, and time, once, and give what is found to all rows of it."""
    found: dict[str, pd.Series[Any]] = {}
    kinds: dict[str, Kind] = {}
    told: list[str] = []
    hints: list[str] = []
    for each in wanted(recipe, repository.namespaces, repository.functions):
        _check(frame, each)
        keys = {key: _key(frame[key], kind, each.namespace.name) for key, kind in each.namespace.keys.items()}
        rows = pd.DataFrame(keys if when is None else {**keys, WHEN: when}, index=frame.index)
        rows = rows.reset_index(drop=True)
        known = rows.notna().all(axis=1)
        distinct = rows[known].drop_duplicates(ignore_index=True)
        values = (
            ask(each, distinct) if len(distinct) else pd.DataFrame(columns=list(each.columns), dtype=object)
        )
        place = rows.merge(distinct.assign(**{PLACE: range(len(distinct))}), how="left", validate="m:1")[
            PLACE
        ]
        lookup = place.fillna(-1).astype("int64").to_numpy()
        for feature, column in each.columns.items():
            # -1, a row of which nothing can be known, is a label that the values do not have
            own = values[feature].reindex(lookup).set_axis(frame.index)
            kinds[column] = each.namespace.features[feature] or "text"
            found[column] = _typed(own, kinds[column])
        hints += _hints(each, recipe)
        told += _told(
            each, {feature: found[column] for feature, column in each.columns.items()}, int((~known).sum())
        )
    return Joined(pd.DataFrame(found, index=frame.index), tuple(told), tuple(hints), kinds)


def row_times(frame: pd.DataFrame, recipe: Recipe) -> pd.Series[Any]:
    """Time of each row, in UTC without a zone; missing where the row has none.

    Raises
    ------
    SourceError
        There is no such column, or it holds no times.
    """
    name = time_of(recipe)
    if name not in frame:
        raise SourceError(
            f"{name!r} is not a column of the rows, and features are joined as they were known at the time of "
            f"each row: name the column with it (found {_listed(frame)})."
            f"{did_you_mean(name, list(map(str, frame.columns)))}",
            TIME,
        )
    column = frame[name]
    if pd.api.types.is_numeric_dtype(column.dtype):
        raise SourceError(
            f"{name!r} holds numbers, as {column.dropna().head(1).tolist()}, and no times", TIME
        )
    written = None if pd.api.types.is_datetime64_any_dtype(column.dtype) else "ISO8601"
    times = pd.to_datetime(column, format=written, utc=True, errors="coerce")
    wrong = column[times.isna() & column.notna()]
    if len(wrong):
        raise SourceError(
            f"{name!r} holds what is no time, as {str(wrong.iloc[0])[:40]!r}: write times as 2024-01-31 13:00:00",
            TIME,
        )
    return times.dt.tz_localize(None).astype("datetime64[us]")


def _check(frame: pd.DataFrame, each: Wanted) -> None:
    names = list(map(str, frame.columns))
    for key in each.namespace.keys:
        if key not in names:
            raise SourceError(
                f"{each.namespace.name!r} is kept by {key!r}, which is not a column of the rows (found "
                f"{_listed(frame)}): name a column so.{did_you_mean(key, names)}",
                FEATURES,
            )
    for feature, column in each.columns.items():
        if column in names:
            raise SourceError(
                f"{feature!r} of {each.namespace.name!r} is a column of the rows already: leave one of them out",
                FEATURES,
            )


def _listed(frame: pd.DataFrame) -> str:
    return ", ".join(map(str, frame.columns[:12])) + " …" * (len(frame.columns) > 12)


def _key(column: pd.Series[Any], kind: Kind | None, namespace: str) -> pd.Series[Any]:
    """Values of a key as the store has them: whole numbers, or text.

    >>> _key(pd.Series([1.0, None]), "text", "users").tolist(), _key(pd.Series(["7"]), "number", "users").tolist()
    (['1', None], [7])
    """
    text = column.map(key_text, na_action="ignore").astype(object)
    text = text.where(column.notna(), None)
    if kind != "number":
        return text
    wrong = text[text.notna() & ~text.astype(str).str.fullmatch(WHOLE)]
    if len(wrong):
        raise SourceError(
            f"the store keeps {namespace!r} by whole numbers in {column.name!r}, and the rows have {wrong.iloc[0]!r} "
            f"there ({len(wrong):,} such values): use the keys of the store",
            FEATURES,
        )
    return text.map(int, na_action="ignore").astype("Int64")


def key_text(value: object) -> str:
    """Give one value of a key as text: 7.0 is 7."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)  # type: ignore[call-overload]  # a float


def typed(value: Any, kind: Kind | None) -> Any:
    """Give one value of Feast's as JSON has it, equal to what the join gives; None where it is missing.

    >>> typed(7, "number"), typed(float("nan"), "number"), typed(None, "truth")
    (7.0, None, None)
    """
    if value is None or pd.isna(value):
        return None
    if kind == "number":
        return float(value)
    if kind == "truth":
        return bool(value)
    if kind == "time":
        time = pd.Timestamp(value)
        time = time if time.tzinfo is None else time.tz_convert("UTC").tz_localize(None)
        return time.as_unit("us").isoformat()
    return str(value)


def _typed(values: pd.Series[Any], kind: Kind | None) -> pd.Series[Any]:
    """Give values the type that a column of this kind has in every batch."""
    if kind == "number":
        return pd.to_numeric(values, errors="coerce").astype("float64")
    if kind == "truth":
        return values.astype("boolean")
    if kind == "time":
        return pd.to_datetime(values, utc=True).dt.tz_localize(None).astype("datetime64[us]")
    text = values.astype(object)
    return text.where(text.isna(), text.map(str)).where(text.notna(), None)


def _hints(each: Wanted, recipe: Recipe) -> list[str]:
    name, model = each.namespace.name, recipe.model
    named = {*model.preprocessor.params.exclude_cols, *model.data_interface.entity_cols, *recipe.kept_apart}
    hints = [
        f"feature store: '{key}' is the key of {name}, and a number like any other to the model: name it in "
        "exclude_cols or entity_cols"
        for key, kind in each.namespace.keys.items()
        if key not in named and kind == "number"
    ]
    if each.namespace.created is None:
        hints.append(
            f"feature store: {name} does not say when a value was written (created): one that was written late "
            "cannot be told, and is joined"
        )
    return hints


def _told(each: Wanted, columns: dict[str, pd.Series[Any]], unknown: int) -> list[str]:
    """Features without a value for some rows, those with equally many together."""
    alike: dict[int, list[str]] = {}
    for feature, column in columns.items():
        alike.setdefault(int(column.isna().sum()), []).append(feature)
    rows = len(next(iter(columns.values())))
    without = f", {unknown:,} of them without a key or a time" if unknown else ""
    return [
        f"feature store: no value for {missing:,} of {rows:,} rows of {each.namespace.name} ({', '.join(names)})"
        + without
        for missing, names in alike.items()
        if missing
    ]
