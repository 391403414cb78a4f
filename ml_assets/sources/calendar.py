"""Batch labels: the calendar of a recipe whose data arrives over time.

A label is the start of its period: `YYYY-MM-DD-HH:MM` for stretches of less than a day, `YYYY-MM-DD`
otherwise; weeks start on Monday. Labels sort like time. Times are naive and in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from ml_assets.failures import MendableError
from ml_assets.recipe.durations import duration
from ml_assets.recipe.periods import PERIODS, Period

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Batches
    from ml_assets.sources.wanted import Labels


MONDAY = datetime(1, 1, 1)


def batch_of(when: datetime, period: Period) -> str:
    """Label of the batch that a time belongs to; a time with a zone is taken to UTC first.

    >>> batch_of(datetime(2024, 5, 16, 13, 45), "weekly")
    '2024-05-13'
    """
    if when.tzinfo is not None:
        when = when.astimezone(UTC).replace(tzinfo=None)
    step = PERIODS[period].step
    if isinstance(step, int):
        start = datetime(when.year, when.month - (when.month - 1) % step, 1)
    else:
        start = when - (when - MONDAY) % step
    return _label(start, period)


@lru_cache(maxsize=10_000)
def batch_start(label: str, period: Period) -> datetime:
    """First moment of a batch.

    Raises
    ------
    ValueError
        The text is no label of this period.
    """
    try:
        start = datetime.strptime(label, PERIODS[period].label)
    except ValueError:
        start = None
    if start is None or batch_of(start, period) != label:
        raise ValueError(
            f"'{label}' is not the start of a {period} batch: expected {PERIODS[period].starts}, as in "
            f"'{batch_of(datetime(2024, 1, 1), period)}'"
        )
    return start


def is_batch(label: str, period: Period) -> bool:
    """Whether a text is the label of a batch.

    >>> is_batch("2024-01-02", "daily"), is_batch("2024-01-02", "monthly")
    (True, False)
    """
    try:
        batch_start(label, period)
    except ValueError:
        return False
    return True


def is_moment(text: str, period: Period) -> bool:
    """Whether a text is the label of a batch or a date, of which one can say what comes before and after it.

    >>> [is_moment(text, "monthly") for text in ("2024-01-01", "2024-01-15", "2024-01", "2024-13-01")]
    [True, True, False, False]
    """
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return is_batch(text, period)
    return True


def period_of(labels: Iterable[str]) -> Period | None:
    """Longest period that all these labels are batches of; None where they are no labels.

    >>> period_of(["2024-02-01", "2024-03-01"]), period_of(["2024-01-01", "2024-01-09"]), period_of(["b"])
    ('monthly', 'daily', None)
    """
    known = list(labels)
    longest = reversed(PERIODS)
    return next((period for period in longest if all(is_batch(label, period) for label in known)), None)


def next_batch(label: str, period: Period, by: int = 1) -> str:
    """Label of the batch `by` periods later (earlier where negative).

    >>> next_batch("2024-12-01", "monthly"), next_batch("2024-01-01", "monthly", -1)
    ('2025-01-01', '2023-12-01')
    """
    start = batch_start(label, period)
    step = PERIODS[period].step
    if not isinstance(step, int):
        return _label(start + by * step, period)
    months = start.year * 12 + start.month - 1 + by * step
    return _label(datetime(months // 12, months % 12 + 1, 1), period)


def index_between(first: str, label: str, period: Period) -> int:
    """Position of a batch on the calendar counted from `first`; missing periods count.

    >>> index_between("2023-11-01", "2024-02-01", "monthly")
    3
    """
    start, end = batch_start(first, period), batch_start(label, period)
    step = PERIODS[period].step
    if isinstance(step, int):
        return ((end.year - start.year) * 12 + end.month - start.month) // step
    return (end - start) // step


def batch_range(first: str, last: str, period: Period) -> list[str]:
    """All labels from `first` to `last`, both included; empty where `last` is before `first`."""
    return [next_batch(first, period, by) for by in range(index_between(first, last, period) + 1)]


def limits(batches: Batches) -> tuple[datetime | None, datetime | None]:
    """First moment of the recipe's first batch, and the first moment after its last; None where open.

    `start` may be any time: the batch that it lies in is the first. A batch belongs to the recipe where it
    begins before `end`.
    """
    start = end = None
    if batches.start is not None:
        start = batch_start(batch_of(_day(batches.start), batches.period), batches.period)
    if batches.end is not None:
        last = batch_of(_day(batches.end) - timedelta(microseconds=1), batches.period)
        end = batch_start(next_batch(last, batches.period), batches.period)
    return start, end


def next_due(batches: Batches | None, newest: str | None) -> datetime | None:
    """When the batch after the newest is to be there, in UTC: its end and `batches.grace`.

    None where no batch is known yet, where the calendar has no more, or where it cannot be told.
    """
    if batches is None or newest is None:
        return None
    try:
        _, end = limits(batches)
        if end is not None and batch_start(next_batch(newest, batches.period), batches.period) >= end:
            return None
        after = next_batch(newest, batches.period, 2)
        return batch_start(after, batches.period).replace(tzinfo=UTC) + duration(batches.grace)
    except (MendableError, ValueError, OverflowError):
        return None


def moments(window: Labels, batches: Batches) -> tuple[datetime | None, datetime | None]:
    """First moment of the batches from the first label until (without) the second, and the first after them."""
    start, end = limits(batches)
    first, after = window
    return (
        batch_start(first, batches.period) if first else start,
        batch_start(after, batches.period) if after else end,
    )


def named(window: Labels, batches: Batches) -> str:
    """Say in words which batches those are."""
    first, after = window
    if first and after and next_batch(first, batches.period) == after:
        return f"batch {first}"
    first, after = first or batches.start or "the oldest", after or batches.end or "the newest"
    return f"the batches from {first} until {after}"


def recipe_start(batches: Batches) -> str | None:
    """First batch that the recipe names, if it names one."""
    start, _ = limits(batches)
    return None if start is None else batch_of(start, batches.period)


def _label(start: datetime, period: Period) -> str:
    # A year before 1000 has no leading zeros in strftime.
    clock = "" if PERIODS[period].unit == "day" else f"-{start:%H:%M}"
    return f"{start.date().isoformat()}{clock}"


def _day(text: str) -> datetime:
    return datetime.strptime(text, PERIODS["daily" if len(text) == len("YYYY-MM-DD") else "hourly"].label)
