"""Times of rows: what is understood as a time, in UTC, and which rows lie in a window."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.sources.arrow import TIME, check_named
from ml_assets.sources.marks import AHEAD, GAP, Window, near_days
from ml_assets.sources.paths import SourceError

DATE_FORMATS = (
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
)
"""What is understood beside ISO 8601: no form that two countries read differently."""
NO_DATE = "0000-00-00"
"""What MySQL writes for no date; it is read as the first moment there is."""


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


def with_times(table: pa.Table, path: Path, column: str) -> pa.Table:
    """Table with one column as times.

    Raises
    ------
    SourceError
        There is no such column, or one of its values is no time.
    """
    check_named(column, table.column_names, path)
    times, bad = to_times(table[column])
    if bad is not None and table.num_rows:
        raise SourceError(bad_time(path, column, bad, table[column][bad].as_py(), table[column].type))
    return table.set_column(table.column_names.index(column), column, times)


def rows_between(table: pa.Table, column: str, window: Window) -> pa.Table:
    """Rows whose time is in the window."""
    start, end = window
    if start is not None:
        table = table.filter(pc.greater_equal(table[column], pa.scalar(start, TIME)))
    if end is not None:
        table = table.filter(pc.less(table[column], pa.scalar(end, TIME)))
    return table


def near(times: Iterable[pa.ChunkedArray], window: Window, today: datetime) -> Window:
    """Window without the times that are marks rather than times: far from all others.

    An end of the window that is given stays: whoever writes `start` means what lies after it.

    >>> days = pa.chunked_array([[datetime(2024, 1, day) for day in (1, 2, 3)] + [datetime(9999, 12, 31)]], TIME)
    >>> near([days], (None, None), datetime(2024, 6, 1))[1]
    datetime.datetime(2025, 6, 2, 0, 0)
    """
    parts = [part for part in times if len(part)]
    if not parts:
        return window
    ends = [pc.min_max(part) for part in parts]
    first, last = min(end["min"].as_py() for end in ends), max(end["max"].as_py() for end in ends)
    if last <= today + AHEAD and last - first <= GAP:
        return window
    found: dict[datetime, int] = {}
    for part in parts:
        for pair in pc.value_counts(pc.floor_temporal(part, unit="day").combine_chunks()).to_pylist():
            found[pair["values"]] = found.get(pair["values"], 0) + pair["counts"]
    return near_days(found, window, today)


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
    times = best.dt.tz_localize(None).astype("datetime64[us]")
    beyond = {word: _beyond(word) for word in text[times.isna() & text.notna()].unique()[:1000]}
    for word, moment in beyond.items():
        if moment is not None:
            times[text == word] = pd.Timestamp(moment).as_unit("us")
    return pa.chunked_array([pa.Array.from_pandas(times, type=TIME)])


def _beyond(text: str) -> datetime | None:
    """Time of a year that pandas does not reach with nanoseconds: before 1678 or after 2261."""
    if text.startswith(NO_DATE):
        return datetime.min
    moment = None
    for form in (None, *DATE_FORMATS):
        try:
            moment = datetime.strptime(text, form) if form else datetime.fromisoformat(text)
            break
        except ValueError:
            continue
    if moment is None:
        return None
    moment = moment.replace(tzinfo=None)
    return None if 1678 <= moment.year <= 2261 else moment
