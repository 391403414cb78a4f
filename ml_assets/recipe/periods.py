"""The periods of batches, one row each, the shortest first: all that depends on one."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Literal, NamedTuple

Period = Literal["hourly", "daily", "weekly", "monthly", "quarterly", "yearly"]


class KnownPeriod(NamedTuple):
    """What is known of a period."""

    step: timedelta | int
    """From one start to the next: time since midnight of a Monday, or months since January."""
    cron: str
    """The starts, for Dagster."""
    starts: str
    """The starts, in words."""
    seasons: tuple[int, ...]
    """Batches ago that it was the same hour, weekday, week, month of a day, week, year."""
    patience: int
    """Newer batches that may come while a challenger waits for a person."""

    @property
    def unit(self) -> Literal["day", "hour", "minute"]:
        """Largest unit of which each batch holds whole ones: times cut to it stay in their batch."""
        if isinstance(self.step, int) or not self.step % timedelta(days=1):
            return "day"
        return "minute" if self.step % timedelta(hours=1) else "hour"

    @property
    def label(self) -> str:
        """Form of a label, for `strftime`."""
        return "%Y-%m-%d" if self.unit == "day" else "%Y-%m-%d-%H:%M"

    @property
    def holidays(self) -> bool:
        """Whether a batch can lie in a Sunday or a holiday, when a shop is shut."""
        return not isinstance(self.step, int) and self.step <= timedelta(days=1)


PERIODS: Final[dict[Period, KnownPeriod]] = {
    "hourly": KnownPeriod(timedelta(hours=1), "0 * * * *", "YYYY-MM-DD-HH:00", (24, 168), 48),
    "daily": KnownPeriod(timedelta(days=1), "0 0 * * *", "YYYY-MM-DD", (7,), 7),
    "weekly": KnownPeriod(timedelta(weeks=1), "0 0 * * 1", "the Monday, YYYY-MM-DD", (52,), 3),
    "monthly": KnownPeriod(1, "0 0 1 * *", "the first of the month, YYYY-MM-01", (12,), 2),
    "quarterly": KnownPeriod(
        3, "0 0 1 1,4,7,10 *", "the first of January, April, July or October, YYYY-MM-01", (4,), 1
    ),
    "yearly": KnownPeriod(12, "0 0 1 1 *", "the first of January, YYYY-01-01", (1,), 1),
}
