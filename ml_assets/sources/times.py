"""Times of rows: what is understood as a time, in UTC, and which rows lie in a window."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
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
    "%Y%m%d%H%M%S",
    *(
        f"{day}{time}"
        for day in ("%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y")
        for time in ("", " %H:%M", " %H:%M:%S")
    ),
    "%a, %d %b %Y %H:%M:%S%z",
    "%a %b %d %H:%M:%S %Y",
    "%a %b %d %H:%M:%S%z %Y",
)
"""What is understood beside ISO 8601, the last of mails and of `date`: no form that two countries read differently."""
SOME = 1_000
"""Values that tell which form is worth a try with all."""
WRITTEN_OTHERWISE = (
    (re.compile(r"(?<=\d) ?(?:UTC|GMT)\b"), "Z"),
    (re.compile(r"(?<=:\d\d) (?=[+-]\d\d:?\d\d\b)"), ""),
    (re.compile(r"(?<=:\d\d),(?=\d)"), "."),
)
"""Parts of times as BigQuery and logs write them, and their ISO 8601."""
DAYS = (19_000_101, 21_001_231)
"""Whole numbers that are days without their dashes, as 20240131."""
SECONDS = (DAYS[0] * 1_000_000, DAYS[1] * 1_000_000 + 235_959)
"""The same with hours, minutes and seconds, as 20240131130000."""
KINDS = (
    (pa.types.is_boolean, "true or false"),
    (pa.types.is_integer, "a whole number"),
    (pa.types.is_floating, "a number"),
)
"""Types of columns, as people call them."""
NO_DATE = "0000-00-00"
"""What MySQL writes for no date; it is read as the first moment there is."""


def to_times(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, int | None]:
    """Times of a column of dates, timestamps or text, in UTC, and the position of the first that is none.

    Of numbers, days such as 20240131 are times; of others nobody can tell seconds from days.
    """
    if pa.types.is_timestamp(column.type):
        times = column
    elif pa.types.is_null(column.type):
        times = column.cast(TIME)
    elif pa.types.is_string(column.type):
        times = _parse(column)
    elif _are_days(column):
        times = _parse(column.cast(pa.string()))
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
    if pa.types.is_string(kind):
        found = f"'{value}' is not a time that can be read"
    else:
        found = f"{value} is {next((words for is_kind, words in KINDS if is_kind(kind)), f'a {kind}')}, not a time"
    return f"{where}: {found}{meant(str(value))}. Write times as 2024-01-31 or 2024-01-31 13:00:00"


def _counted(digits: str, unit: str, since: datetime = datetime(1970, 1, 1)) -> str:
    return str(since + timedelta(**{unit: int(digits)}))


MEANT: tuple[tuple[re.Pattern[str], str, Callable[..., str] | None], ...] = (
    (re.compile(r"((?:19|20)\d\d)(0[1-9]|1[0-2])"), "a month", "{}-{}-01".format),
    (re.compile(r"((?:19|20)\d\d)"), "a year", "{}-01-01".format),
    (re.compile(r"0?[1-9]|1[0-2]"), "a month without its year", None),
    (re.compile(r"([2-6]\d{4})(?:\.\d+)?"), "a day as Excel counts",
     lambda days: _counted(days, "days", datetime(1899, 12, 30))),
    (re.compile(r"(\d{9,10})(?:\.\d+)?"), "seconds since 1970", lambda digits: _counted(digits, "seconds")),
    (re.compile(r"(\d{12,13})(?:\.\d+)?"), "milliseconds since 1970",
     lambda digits: _counted(digits, "milliseconds")),
    (re.compile(r"(\d{4})-?W(\d\d)"), "a week",
     lambda year, week: str(datetime.fromisocalendar(int(year), int(week), 1))),
    (re.compile(r"(\d{4})[- ]?Q([1-4])"), "a quarter",
     lambda year, quarter: f"{year}-{3 * int(quarter) - 2:02d}-01"),
    (re.compile(r"\d\d?[/-]\d\d?[/-]\d{2,4}(?: .*)?"), "the day first, or the month? Countries differ", None),
    (re.compile(r"\d\d?(?:\.\d\d?\.|[- ][A-Za-z]{3,9}[- ])\d\d(?: .*)?"),
     "of which century? Write years with four digits", None),
)  # fmt: skip
"""Values that are no times: pattern, what may be meant, and how that is written."""


def meant(text: str) -> str:
    """Words for what may be meant by a value that is no time.

    >>> meant("202401"), meant("45292")
    (' (a month? Write 2024-01-01)', ' (a day as Excel counts? Write 2024-01-01)')
    """
    for pattern, what, moment in MEANT:
        if match := pattern.fullmatch(text.strip()):
            try:
                return f" ({what}? Write {moment(*match.groups())[:10]})" if moment else f" ({what})"
            except ValueError:  # the 60th week
                return ""
    return ""


def _are_days(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_integer(column.type) or not len(column):
        return False
    ends = pc.min_max(column)
    first, last = ends["min"].as_py() or 0, ends["max"].as_py() or 0
    return any(low <= first and last <= high for low, high in (DAYS, SECONDS))


def _parse(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pandas as pd

    text = column.to_pandas()
    best = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    unread = best.isna() & text.notna()
    if unread.any():
        written = text
        for pattern, iso in WRITTEN_OTHERWISE:
            written = written.str.replace(pattern, iso, regex=True)
        some = written[unread].head(SOME)
        for form in ("ISO8601", *DATE_FORMATS):
            if pd.to_datetime(some, format=form, errors="coerce", utc=True).notna().any():
                parsed = pd.to_datetime(written, format=form, errors="coerce", utc=True)
                best = max(best, parsed, key=lambda times: int(times.notna().sum()))
    times = best.dt.tz_localize(None).astype("datetime64[us]")
    beyond = {word: _beyond(word) for word in text[times.isna() & text.notna()].unique()[:SOME]}
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
