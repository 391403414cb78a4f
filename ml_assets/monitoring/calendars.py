"""Columns that tell when their batch was: week number, name of the month, year, a counter of days.

Each batch is wholly outside what earlier ones held, and nothing has changed. They are recognised by the label of
the batch that each training row came with: no value in a batch that the days of that batch do not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.monitoring.past import Past
from ml_assets.monitoring.samples import numbers
from ml_assets.recipe.periods import PERIODS
from ml_assets.sources.calendar import batch_start, next_batch, period_of

FEWEST_BATCHES = 3
"""Fewer batches show no calendar."""
SURE = 0.98
"""Share of a batch's values that its days must have: a few rows are always late."""
TELLING = 0.5
"""A part of the calendar tells batches apart where the days of one have at most this share of all its values."""
CLOSE = 2e-3
"""Of a value to what it tells: sines and cosines may be rounded."""
GONE = 0.9
"""Share of a column's rows whose levels come and go."""
SEASONAL = 0.25
"""Levels that come and go are in at most this share of the batches, or in two."""
DAY = 86_400.0
"""Seconds."""

PARTS: dict[str, Callable[[pd.DatetimeIndex], Any]] = {
    "year": lambda days: days.year,
    "quarter": lambda days: days.quarter,
    "month": lambda days: days.month,
    "year and quarter": lambda days: days.year * 10 + days.quarter,
    "year and month": lambda days: days.year * 100 + days.month,
    "date": lambda days: days.year * 10_000 + days.month * 100 + days.day,
    "year and week": lambda days: days.isocalendar().year * 100 + days.isocalendar().week,
    "week number": lambda days: days.isocalendar().week,
    "week number, from Sunday": lambda days: days.strftime("%U").astype(float),
    "week number, from Monday": lambda days: days.strftime("%W").astype(float),
    "week number, from 1 January": lambda days: (days.dayofyear - 1) // 7 + 1,
    "day of the year": lambda days: days.dayofyear,
    "day of the month": lambda days: days.day,
    "day of the week": lambda days: days.dayofweek,
    "day of the week, from 1": lambda days: days.dayofweek + 1,
    "day of the week, from Sunday": lambda days: (days.dayofweek + 1) % 7,
    "hour": lambda days: days.hour,
}
CYCLES = {
    "quarter": 4,
    "month": 12,
    "week number": 52,
    "day of the year": 365,
    "day of the week": 7,
    "hour": 24,
}
"""What is often turned into a sine and a cosine, and its length."""
COUNTERS = {
    "years": 365.25 * DAY,
    "months": 365.25 / 12 * DAY,
    "weeks": 7 * DAY,
    "days": DAY,
    "hours": 3_600.0,
    "minutes": 60.0,
    "seconds": 1.0,
    "milliseconds": 1e-3,
    "microseconds": 1e-6,
    "nanoseconds": 1e-9,
}
"""Seconds of one step of a counter, whenever it began."""
STEP = 1.1
"""Steps by which a whole number may be off: it is rounded down, and months are not equally long."""
FEWEST_STEPS = 3
MOST_VALUES = 40
"""Distinct values of a part of the calendar in one batch, a few late rows among them."""
ONE_VALUE = "one value in each batch"


def calendar_columns(past: Past, numeric: Iterable[str], categorical: Iterable[str]) -> dict[str, str]:
    """Columns that tell the time of their batch, each with what it tells.

    A value that nobody has seen is what such a column brings with every new period: neither fault nor drift.

    Parameters
    ----------
    past : Past
        Training rows, by batch.
    numeric, categorical : iterable of str
        The columns to look at.
    """
    if len(past.batches) < FEWEST_BATCHES:
        return {}
    found = {name: past.once(("number tells", name), partial(_number_tells, past, name)) for name in numeric}
    for name in categorical:
        levels = partial(_levels, past.rows[name], past.places.values())
        found[name] = past.once(("level tells", name), levels)
    return {name: what for name, what in found.items() if what}


def _number_tells(past: Past, name: str) -> str:
    """What of the time a column of numbers tells; empty where it tells nothing."""
    if not _may_be(*(numbers(column).values for column in past.ends(name))):
        return ""
    days = past.once(("days",), lambda: _days(past.batches))
    told = past.once(("parts of the calendar",), lambda: [*_parts(days)] if days else [])
    sides = [numbers(column).values for column in past.columns(name)]
    return _part(sides, told) or (_counter(sides, days) if days else "") or _constant(sides)


def _may_be(first: Any, last: Any) -> bool:
    """Whether it is worth a closer look: a batch has few days, and a counter never comes back."""
    if not len(first) or not len(last):
        return True
    return len(np.unique(first)) <= MOST_VALUES or _ends(last)[0] > _ends(first)[1]


def _days(batches: Sequence[str]) -> list[pd.DatetimeIndex]:
    """Days of each batch, hours where it is shorter; empty where the labels are no times."""
    period = period_of(batches)
    if period is None:
        return []
    unit = pd.Timedelta(1, PERIODS[period].unit)
    return [
        pd.date_range(
            batch_start(label, period),
            batch_start(next_batch(label, period), period),
            freq=unit,
            inclusive="left",
        )
        for label in batches
    ]


def _parts(days: Sequence[pd.DatetimeIndex]) -> Iterator[tuple[str, list[Any]]]:
    """Parts of the calendar that tell these batches apart, and what each may be in each batch, sorted."""
    whole = pd.DatetimeIndex(np.concatenate([each.to_numpy() for each in days]))
    ends = np.cumsum([len(each) for each in days])[:-1]
    for name, part in PARTS.items():
        values = [np.unique(each) for each in np.split(np.asarray(part(whole), dtype=float), ends)]
        if not _telling(values):
            continue
        yield name, values
        for wave in (np.sin, np.cos) if name in CYCLES else ():
            for start in (0, 1):
                yield (
                    f"{name} as a {'sine' if wave is np.sin else 'cosine'}",
                    [np.unique(wave(2 * np.pi * (each - start) / CYCLES[name])) for each in values],
                )


def _telling(values: Sequence[Any]) -> bool:
    whole = len(np.unique(np.concatenate(values)))
    return whole > 1 and float(np.mean([len(each) for each in values])) <= TELLING * whole


def _part(sides: Sequence[Any], parts: Iterable[tuple[str, list[Any]]]) -> str:
    """The part of the calendar that a column is."""
    if sum(len(side) > 0 for side in sides) < FEWEST_BATCHES:
        return ""
    return next((name for name, told in parts if all(map(_among, sides, told))), "")


def _among(side: Any, told: Any) -> bool:
    """Whether (nearly) all sorted values of a batch are what its days may be."""
    if not len(side):
        return True
    low, high = _ends(side)
    if low < told[0] - CLOSE or high > told[-1] + CLOSE:
        return False
    after = np.searchsorted(told, side).clip(1, len(told) - 1) if len(told) > 1 else np.zeros(len(side), int)
    nearest = np.minimum(np.abs(side - told[after]), np.abs(side - told[after - 1]))
    return bool((nearest <= CLOSE).mean() >= SURE)


def _counter(sides: Sequence[Any], days: Sequence[pd.DatetimeIndex]) -> str:
    """Whether a column counts the time, from whenever: then one beginning explains the values of all batches."""
    spans = [
        (*_ends(side), each[0].timestamp(), each[-1].timestamp() + DAY)
        for side, each in zip(sides, days, strict=True)
        if len(side)
    ]
    if len(spans) < FEWEST_BATCHES or spans[-1][0] <= spans[0][1]:
        return ""
    for name, seconds in COUNTERS.items():
        beginning = max(high - after / seconds for _, high, _, after in spans)
        latest = min(low - first / seconds for low, _, first, _ in spans)
        travelled = (spans[-1][2] - spans[0][2]) / seconds
        if beginning <= latest + STEP and travelled >= FEWEST_STEPS:
            return f"counter of {name}"
    return ""


def _ends(side: Any) -> tuple[float, float]:
    """Smallest and largest of the sorted values, but for a few."""
    few = int(len(side) * (1 - SURE))
    return float(side[few]), float(side[-1 - few])


def _constant(sides: Sequence[Any]) -> str:
    """Whether a number has one value in each batch, and not the same in all."""
    held = [side for side in sides if len(side)]
    alike = len(held) >= FEWEST_BATCHES and all(side[0] == side[-1] for side in held)
    return ONE_VALUE if alike and len({float(side[0]) for side in held}) > 1 else ""


def _levels(column: pd.Series, places: Iterable[Any]) -> str:
    """Whether levels belong to their batch: one in each, or such that come and go."""
    try:
        codes, levels = pd.factorize(column)
    except TypeError:  # lists and the like
        codes, levels = pd.factorize(column.map(str))
    counts = np.array([np.bincount(codes[rows] + 1, minlength=len(levels) + 1)[1:] for rows in places])
    counts = counts[counts.sum(axis=1) > 0]
    if len(counts) < FEWEST_BATCHES or len(levels) < 2:
        return ""
    if ((counts > 0).sum(axis=1) == 1).all():
        return ONE_VALUE
    seldom = (counts > 0).sum(axis=0) <= max(2, SEASONAL * len(counts))
    goes = len(counts) > FEWEST_BATCHES and counts[:, seldom].sum() >= GONE * counts.sum()
    return "levels that come and go with the batches" if goes else ""
