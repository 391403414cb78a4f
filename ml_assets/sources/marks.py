"""Times that are marks: 9999-12-31 for "never", 1900-01-01 for "unknown". They are far from all others."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

Window = tuple[datetime | None, datetime | None]
"""First moment wanted and the first no longer wanted; None is open."""

AHEAD = timedelta(days=366)
"""A time that lies further in the future is a mark for "never", as 2999-12-31."""
GAP = timedelta(days=3_653)
"""A few rows beyond so long a time without rows, and longer than all the others span, are marks, as 1900-01-01."""


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
