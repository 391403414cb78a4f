"""Parts of times by numpy, as `features.dates` makes them by pandas."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
WRITTEN = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
"""Times that mean one thing alone."""


def read(value: str) -> datetime:
    """Read a time; with an offset it is brought to UTC, without one it is taken as it is.

    >>> read("2024-03-01T02:00:00+03:00")
    datetime.datetime(2024, 2, 29, 23, 0)

    Raises
    ------
    ValueError
        If it is written otherwise, or is none.
    """
    if not WRITTEN.fullmatch(value):
        raise ValueError(value)
    time = datetime.fromisoformat(value)
    try:
        return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ValueError(value) from None


def part(times: Array, name: str) -> Array:
    """Number of a part of times (datetime64[us]), NaN where missing.

    >>> part(np.array(["2024-02-29T13:30"], dtype="M8[us]"), "day_of_year").tolist()
    [60.0]
    """
    missing = np.isnat(times)
    known = np.where(missing, np.datetime64(0, "us"), times)
    return np.where(missing, np.nan, PARTS[name](known).astype(np.float64))


def _days(times: Array) -> Array:
    return np.asarray(times.astype("M8[D]").astype(np.int64))


def _months(times: Array) -> Array:
    return np.asarray(times.astype("M8[M]").astype(np.int64))


def _weekday(times: Array) -> Array:
    return np.asarray((_days(times) + 3) % 7)  # 1 January 1970 was a Thursday


def _week(times: Array) -> Array:
    """Week of ISO 8601: that of the Thursday in it."""
    thursday = (_days(times) - _weekday(times) + 3).astype("M8[D]")
    days: Array = (thursday - thursday.astype("M8[Y]").astype("M8[D]")).astype(np.int64)
    return days // 7 + 1


def _since(times: Array, unit: str) -> Array:
    days: Array = (times.astype("M8[D]") - times.astype(f"M8[{unit}]").astype("M8[D]")).astype(np.int64)
    return days + 1


PARTS: dict[str, Callable[[Array], Array]] = {
    "year": lambda times: times.astype("M8[Y]").astype(np.int64) + 1970,
    "quarter": lambda times: _months(times) % 12 // 3 + 1,
    "month": lambda times: _months(times) % 12 + 1,
    "week": _week,
    "day": lambda times: _since(times, "M"),
    "day_of_year": lambda times: _since(times, "Y"),
    "weekday": _weekday,
    "weekend": lambda times: _weekday(times) >= 5,
    "hour": lambda times: times.astype("M8[h]").astype(np.int64) % 24,
    "minute": lambda times: times.astype("M8[m]").astype(np.int64) % 60,
    "days": lambda times: times.astype("M8[us]").astype(np.int64) / 86_400_000_000,
}
"""From times that are all known to the number of a part."""
