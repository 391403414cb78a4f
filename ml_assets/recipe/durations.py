"""Stretches of time as a recipe has them: `90m`, `6h`, `2d`, `1w`."""

from __future__ import annotations

import re
from datetime import timedelta

UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def duration(text: str) -> timedelta:
    """
    Read a stretch of time.

    >>> duration("90m"), duration("2 d")
    (datetime.timedelta(seconds=5400), datetime.timedelta(days=2))

    Raises
    ------
    ValueError
        It is none, or one of over ten years.
    """
    found = re.fullmatch(r"(\d{1,6}) ?([mhdw])", text.strip(), re.ASCII)
    length = int(found[1]) * UNITS[found[2]] if found else None
    if length is None or length > timedelta(days=3_653):
        raise ValueError(f"found {text!r}; allowed: minutes, hours, days or weeks, as 90m, 6h, 2d or 1w")
    return length
