"""Files whose rows have no time of their own: the name of each file, or of the folders it lies in, tells it."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ml_assets.recipe.periods import PERIODS, Period

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Batches

CLOCK: Final = r"(?:[T _/-]?(\d\d)(?:[-_:h.]?(\d\d)(?:[-_:m.]?(\d\d))?)?Z?)?(?!\d)"
WRITTEN: Final = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"(?<!\d)(\d{{4}})([-_./])(\d\d)\2(\d\d){CLOCK}",
        rf"(?<!\d)(\d{{4}})()(\d\d)(\d\d){CLOCK}",
        r"(?<![0-9A-Za-z])(\d{4})([-_./]?)(\d\d)(?![0-9A-Za-z]|[-_./]\d\d(?!\d))",
    )
)
"""Days with or without a clock, and months."""
YEAR_ALONE: Final = re.compile(r"(?<![0-9A-Za-z])(\d{4})(?![0-9A-Za-z])", re.ASCII)
"""A year: it tells enough where batches are yearly, and beside a day four digits are something else."""
YEARS: Final = range(1900, 2200)
"""Other numbers of four digits are no years: `order_4711_05.csv`."""
YEAR, MONTH, DAY, MOMENT = range(4)
"""What a name tells exactly."""


class _Told(NamedTuple):
    """A time, and how exactly it is told."""

    time: datetime
    exact: int

    def holds(self, other: _Told) -> bool:
        """Whether it is the day of the other's clock, or the month or the year of its day."""
        start = other.time.replace(hour=0, minute=0, second=0)
        start = start.replace(day=1) if self.exact <= MONTH else start
        start = start.replace(month=1) if self.exact == YEAR else start
        return self.exact < other.exact and self.time == start


def time_of(path: Path, root: Path, batches: Batches) -> str:
    """Time that the name of a file tells, else its path below a folder, in UTC.

    Parameters
    ----------
    path : Path
    root : Path
        Folder below which names tell times; a year above it counts.
    batches : Batches

    Raises
    ------
    ValueError
        They tell no time, not enough of it, or several; with the remedy.
    """
    while re.fullmatch(r"\d{2,4}", root.name):
        root = root.parent
    inside = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    told = _told(path.name, batches.period) or _told(inside.as_posix(), batches.period)
    remedy = f"name it as {_example(batches.period)}, or lay it into a folder {batches.column}={_form(batches.period)}"
    if not told:
        raise ValueError(f"{path}: its name tells no time (batches.drops): {remedy}")
    if len(told) > 1:
        times = " and ".join(str(each.time) for each in told[:2])
        raise ValueError(f"{path}: its name tells two times, {times} (batches.drops): {remedy}")
    if told[0].exact < _wanted(batches.period):
        unit = "hour" if told[0].exact == DAY else "day"
        raise ValueError(f"{path}: its name tells no {unit}, and batches are {batches.period}: {remedy}")
    return told[0].time.isoformat()


def _told(text: str, period: Period) -> list[_Told]:
    """Times that a text tells, each once and as exactly as it is told."""
    found: dict[_Told, None] = {}
    for pattern in WRITTEN:
        for match in pattern.finditer(text):
            year, _, month, *rest = match.groups()
            if (told := _read(year, month, *rest)) is not None:
                found[told] = None
    if _wanted(period) == YEAR:
        years = (int(match[1]) for match in YEAR_ALONE.finditer(text))
        found |= {_Told(datetime(year, 1, 1), YEAR): None for year in years if year in YEARS}
    return [each for each in found if not any(each.holds(other) for other in found)]


def _read(year: str, month: str, day: str | None = None, *clock: str | None) -> _Told | None:
    parts = [int(part) for part in clock if part is not None]
    if int(year) not in YEARS:
        return None
    try:
        start = datetime(int(year), int(month), int(day or 1))
    except ValueError:
        return None
    if not parts:
        return _Told(start, DAY if day else MONTH)
    hour, minute, second = (*parts, 0, 0)[:3]
    try:
        return _Told(start.replace(hour=hour, minute=minute, second=second), MOMENT)
    except ValueError:  # a number that follows a day
        return _Told(start, DAY)


def _wanted(period: Period) -> int:
    known = PERIODS[period]
    if not isinstance(known.step, int):
        return DAY if known.unit == "day" else MOMENT
    return MONTH if known.step % 12 else YEAR


def _form(period: Period) -> str:
    return {YEAR: "2024", MONTH: "2024-01", DAY: "2024-01-31", MOMENT: "2024-01-31T13"}[_wanted(period)]


def _example(period: Period) -> str:
    return f"orders_{_form(period)}.csv"
