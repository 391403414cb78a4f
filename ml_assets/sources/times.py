"""Times of rows: what is understood as a time, in UTC, and which rows lie in a window."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.sources.arrow import TIME, check_named
from ml_assets.sources.paths import SourceError

Window = tuple[datetime | None, datetime | None]
"""First moment wanted and the first no longer wanted; None is open."""

DATE_FORMATS = (
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
)
"""What is understood beside ISO 8601: no form that two countries read differently."""


def to_times(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, int | None]:
    """Times of a column of dates, timestamps or text, in UTC, and the position of the first that is none.

    Numbers are no times: nobody can tell seconds from days.
    """
    if pa.types.is_timestamp(column.type):
        times = column
    elif pa.types.is_null(column.type):
        times = column.cast(TIME)
    elif pa.types.is_string(column.type):
        times = _parse(column)
    else:
        return pa.chunked_array([pa.nulls(len(column), TIME)]), 0
    bad = pc.index(times.is_null(), True).as_py()
    return times, None if bad < 0 else bad


def rows_between(table: pa.Table, path: Path, column: str | None, window: Window) -> pa.Table:
    """Rows whose time is in the window, with that column as times."""
    if column is None:
        return table
    check_named(column, table.column_names, path)
    times, bad = to_times(table[column])
    if bad is not None and table.num_rows:
        raise SourceError(bad_time(path, column, bad, table[column][bad].as_py(), table[column].type))
    table = table.set_column(table.column_names.index(column), column, times)
    start, end = window
    if start is not None:
        table = table.filter(pc.greater_equal(table[column], pa.scalar(start, TIME)))
    if end is not None:
        table = table.filter(pc.less(table[column], pa.scalar(end, TIME)))
    return table


def bad_time(path: Path, column: str, row: int, value: object, kind: pa.DataType) -> str:
    """Words for a row without a time that can be read."""
    where = f"{path}, row {row + 1}, column '{column}' (batches.column)"
    if value is None:
        return f"{where}: the time is missing, so the row belongs to no batch. Fill it or remove the row"
    if not pa.types.is_string(kind):
        return f"{where}: {value!r} is a {kind}, not a time. Write times as 2024-01-31 or 2024-01-31 13:00:00"
    return (
        f"{where}: '{value}' is not a time that can be read. Write times as 2024-01-31 or 2024-01-31 13:00:00"
    )


def _parse(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pandas as pd

    text = column.to_pandas()
    attempts = [pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)]
    if attempts[0].isna().any():
        attempts += [pd.to_datetime(text, format=form, errors="coerce", utc=True) for form in DATE_FORMATS]
    best = max(attempts, key=lambda parsed: int(parsed.notna().sum()))
    return pa.chunked_array(
        [pa.Array.from_pandas(best.dt.tz_localize(None).astype("datetime64[us]"), type=TIME)]
    )
