"""Times of rows: what is understood as a time, in UTC, and which rows lie in a window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
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
NO_DATE = "0000-00-00"
"""What MySQL writes for no date; it is read as the first moment there is."""

AHEAD = timedelta(days=366)
"""A time that lies further in the future is a mark for "never", as 2999-12-31."""
GAP = timedelta(days=3_653)
"""A few rows beyond so long a time without rows, and longer than all the others span, are marks, as 1900-01-01."""


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


def near_days(found: Mapping[datetime, int], window: Window, today: datetime) -> Window:
    """Window without the days that are marks; `found` is the number of rows of each day."""
    days, (start, end), (low, high) = sorted(found), window, window
    if not days or (days[-1] <= today + AHEAD and days[-1] - days[0] <= GAP):
        return window
    if end is None and days[0] <= today + AHEAD < days[-1]:
        high = today + AHEAD
        days = [day for day in days if day < high]
    while (cut := _cut(days, found)) is not None:
        few_first, day = cut
        if few_first and start is None:
            low, days = day, [other for other in days if other >= day]
        elif not few_first and end is None:
            high, days = day, [other for other in days if other < day]
        else:
            break
    return low, high


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


def _cut(days: list[datetime], rows: Mapping[datetime, int]) -> tuple[bool, datetime] | None:
    """Whether the few rows are those before the widest gap, and the first day after it; None: no marks."""
    if len(days) < 2:
        return None
    place = max(range(1, len(days)), key=lambda place: days[place] - days[place - 1])
    gap = days[place] - days[place - 1]
    before, after = (sum(rows[day] for day in side) for side in (days[:place], days[place:]))
    few_first = before < after
    span = days[-1] - days[place] if few_first else days[place - 1] - days[0]
    if gap <= max(GAP, span) or before == after:
        return None
    return few_first, days[place]


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
