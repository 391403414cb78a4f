"""The recipe's rules for rows, held against rows to predict: a model never learned a row that breaks one.

They are those of `quality/rows.py`, for values instead of frames: a request has few rows, and a frame of one costs more
than its prediction. A test holds both to one answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ml_assets.shown import shown

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from ml_assets.recipe.schema import Recipe, RowRule
    from ml_assets.registry.standard import RawRows

WHERE: Final = "(quality.rows)"
Check = Callable[[Any], str | None]
"""Says of a value what is wrong with it."""


class Broken(NamedTuple):
    """A row that breaks a rule."""

    row: int
    column: str
    words: str


class RowRules:
    """Rules for the columns that a model takes; false where the recipe has none for them.

    Parameters
    ----------
    recipe : Recipe
    known : RawRows
    """

    def __init__(self, recipe: Recipe, known: RawRows) -> None:
        missing = frozenset(recipe.model.loader.na_values)
        self._checks: list[tuple[int, str, Check]] = [
            (known.columns.index(name), name, _check(rule, known.kinds.columns.get(name, "text"), missing))
            for rule in recipe.quality.rows
            for name in rule.columns
            if name in known.columns
        ]

    def __bool__(self) -> bool:
        return bool(self._checks)

    def first(self, rows: Sequence[Sequence[Any]]) -> Broken | None:
        """Find the first row that breaks a rule.

        Parameters
        ----------
        rows : sequence of sequences
            Of each row its values, in the order of `RawRows.columns`.
        """
        for number, row in enumerate(rows):
            for place, name, check in self._checks:
                if words := check(row[place]):
                    return Broken(number, name, words)
        return None

    def all_in(self, columns: pa.Table | pd.DataFrame) -> list[Broken]:
        """Find all that is broken, row by row.

        Parameters
        ----------
        columns : pyarrow.Table or DataFrame of shape (n_rows, n_columns)
            With the columns that the model takes.
        """
        found = [
            Broken(number, name, words)
            for _, name, check in self._checks
            for number, value in enumerate(_values(columns[name]))
            if (words := check(value))
        ]
        return sorted(found, key=lambda each: each.row)


def _check(rule: RowRule, kind: str, missing: frozenset[str]) -> Check:
    """Make one function of a rule, for a column of a kind."""
    from ml_assets.features.cleaning import label

    parts = [
        _bound(bound, is_below)
        for bound, is_below in ((rule.min, True), (rule.max, False))
        if bound is not None and (kind == "text" or (kind == "time") == isinstance(bound, str))
    ]
    if rule.allowed and kind != "time":
        allowed = {label(value) for value in rule.allowed}
        parts.append(
            lambda value: (
                None if label(value) in allowed else f"{_said(value)} is not among the allowed values {WHERE}"
            )
        )
    words = {*missing, *(float(word) for word in missing if _is_number(word))}

    def check(value: Any) -> str | None:
        if isinstance(value, list | dict):
            return None  # it is refused for what it is
        if value is None or value == "" or value != value or (value in words and value is not True):
            return f"a value is required {WHERE}" if rule.required else None
        return next(filter(None, (part(value) for part in parts)), None)

    return check


def _bound(bound: float | str, is_below: bool) -> Check:
    read = _moment if isinstance(bound, str) else _number
    limit: Any = datetime.fromisoformat(bound) if isinstance(bound, str) else bound
    told = (
        f"is {'below' if is_below else 'above'} {bound if isinstance(bound, str) else f'{bound:g}'} {WHERE}"
    )

    def check(value: Any) -> str | None:
        found = read(value)
        if found is None or not (found < limit if is_below else found > limit):
            return None
        return f"{_said(value)} {told}"

    return check


def _values(column: Any) -> Iterable[Any]:
    """Values of a column of Arrow or pandas; None where missing, or where Python has no such time."""
    if hasattr(column, "to_pylist"):
        try:
            return list(column.to_pylist())
        except (ValueError, OverflowError):
            return [_plain(value) for value in column]
    return list(column.astype(object).where(column.notna(), None))


def _plain(value: Any) -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        return None


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return float(value) if _is_number(value) else None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _moment(value: Any) -> datetime | None:
    """A time in UTC and without a zone; None what is none."""
    import pandas as pd

    if not isinstance(value, str | date):
        return None
    try:
        time = pd.Timestamp(value)
    except (ValueError, OverflowError):
        return None
    if pd.isna(time):
        return None
    found = time.to_pydatetime(warn=False)
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def _said(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else shown(str(value), 60)
    return repr(text) if isinstance(value, str) else text


def _is_number(word: str) -> bool:
    try:
        return "_" not in word and math.isfinite(float(word))
    except ValueError:
        return False
