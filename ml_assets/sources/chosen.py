"""Rows that a recipe asks for: those with one of the values that `loader.where` names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time
from functools import reduce
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.recipe.faults import did_you_mean
from ml_assets.shown import listed
from ml_assets.sources.paths import SourceError
from ml_assets.sources.wanted import Value

MIDNIGHT: Final = time()


def chosen(table: pa.Table, where: Mapping[str, tuple[Value, ...]], place: object) -> pa.Table:
    """
    Rows whose columns have one of the values asked for, in their order.

    Text is compared as it stands, a number and a time by its value, whichever way it is written; an empty cell
    is none.

    >>> table = pa.table({"shop": [1, 2, None, 1], "kind": ["a", "a", "a", "b"]})
    >>> chosen(table, {"shop": (1, "2"), "kind": ("a",)}, "sales.csv")["shop"].to_pylist()
    [1, 2]

    Raises
    ------
    SourceError
        There is no such column.
    """
    if not where:
        return table
    masks = [_has_one_of(_column(table, name, place), values) for name, values in where.items()]
    return table.filter(reduce(pc.and_, masks))


def _column(table: pa.Table, name: str, place: object) -> pa.ChunkedArray:
    if name not in table.column_names:
        hint = did_you_mean(name, table.column_names)
        there = listed(table.column_names)
        raise SourceError(
            f"{place} has no column '{name}'.{hint} It has {there}", f"model.loader.where.{name}"
        )
    return table[name]


def is_one_of(value: object, values: tuple[Value, ...]) -> bool:
    """Whether a cell has one of the values asked for.

    >>> is_one_of(1, ("1",)), is_one_of("north", ("south",))
    (True, False)
    """
    return bool(_has_one_of(pa.chunked_array([pa.array([value])]), values)[0].as_py())


def _has_one_of(column: pa.ChunkedArray, values: tuple[Value, ...]) -> pa.ChunkedArray:
    kind, types = column.type, pa.types
    if types.is_integer(kind):  # long ones are more than a float can tell apart
        wide = pa.uint64() if types.is_unsigned_integer(kind) else pa.int64()
        whole = [scalar for value in values if (scalar := _whole(value, wide)) is not None]
        return pc.is_in(column.cast(wide), pa.array(whole, wide))
    if types.is_floating(kind) or types.is_boolean(kind):
        numbers = [number for value in values if (number := _number(value)) is not None]
        return pc.is_in(column.cast(pa.float64(), safe=False), pa.array(numbers, pa.float64()))
    if types.is_timestamp(kind) or types.is_date(kind):
        times = [scalar for value in values if (scalar := _time(value, kind)) is not None]
        return pc.is_in(column, pa.array(times, kind))
    return pc.is_in(column.cast(pa.string()), pa.array([_text(value) for value in values], pa.string()))


def _number(value: Value) -> float | None:
    """Give a value as a number; None where it is none, and no cell of numbers has it."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return float(value.lower() == "true")
    try:
        return float(value)
    except ValueError:
        return None


def _whole(value: Value, kind: pa.DataType) -> pa.Scalar | None:
    """Give a value as a whole number of a kind; None where it is none, or is beyond it.

    >>> _whole("7.0", pa.int64()), _whole(2**60 + 1, pa.int64()).as_py() - 2**60, _whole(2.5, pa.int64())
    (<pyarrow.Int64Scalar: 7>, 1, None)
    """
    if isinstance(value, int | str) and re.fullmatch(r"[+-]?\d{1,20}", str(value).strip()):
        number = int(value)
    else:
        close = _number(value)
        if close is None or not close.is_integer():
            return None
        number = int(close)
    try:
        return pa.scalar(number, kind)
    except (pa.ArrowInvalid, OverflowError):
        return None


def _time(value: Value, kind: pa.DataType) -> pa.Scalar | None:
    """Give a value as a time of a kind, in UTC where it says nothing else; None where it is none.

    >>> _time("2025-01-15", pa.timestamp("ms")), _time("2025-01-15T09:00", pa.date32()), _time(7, pa.date32())
    (<pyarrow.TimestampScalar: '2025-01-15T00:00:00.000'>, None, None)
    """
    try:
        at = datetime.fromisoformat(str(value).strip())
        at = at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
        if pa.types.is_date(kind):
            return None if at.time() != MIDNIGHT else pa.scalar(at.date(), kind)
        return pa.scalar(at, pa.timestamp("us")).cast(pa.timestamp("us", kind.tz)).cast(kind)
    except (ValueError, pa.ArrowInvalid):
        return None


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
