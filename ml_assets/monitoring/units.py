"""Changes of unit: a column that is what it was, but for a factor or a scale of temperature.

The world may make numbers larger; it does not make each exactly 12 times as large. So a factor is named where
the values, taken back by it, are distributed as in an earlier batch, and as they came they are like none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml_assets.monitoring.past import Past
from ml_assets.monitoring.samples import FEWEST_VALUES, NumberPair, numbers

UNLIKE = 0.25
"""Least distance of the two distribution functions (Kolmogorov–Smirnov) to every earlier batch, as the values came."""
BY_CHANCE = 2.3
"""The same times the square root of the batch's values: less comes by chance in one column of 20,000 (Kolmogorov)."""
ALIKE = 0.2
"""Most of it to the nearest one after the values were taken back."""
BETTER = 3.0
"""How many times smaller it must have become."""
POINTS = 400
"""Quantiles by which two samples are compared."""

FACTORS = (10.0, 12.0, 24.0, 60.0, 100.0, 365.0, 1000.0, 3600.0, 86_400.0, 1e6, 1e9)
LIKELY, FAR_LIKELY = 0.12, 0.3
"""Share by which the typical size may differ from that of a batch after that; more where nothing else explains it."""
FAR = 50.0
"""Such a factor."""
SMALL_FACTORS = {1.609344: "miles", 2.204623: "pounds", 2.54: "inches", 3.28084: "feet", 3.6: "km/h"}
"""Factors that growth may come near, with one of the two units."""
SURELY = 0.04
"""The same for these, of columns whose batches all are of one size."""
STEADY = 1.15
"""Largest typical size of a batch over the smallest, of such a column."""
ONE_SIGN = 0.99
PART, MOST = 0.03, 0.97
"""Share of a batch's values that are in another unit than the others."""


@dataclass(frozen=True)
class Change:
    """A way in which units change: how to take values back, and how it is said."""

    words: str
    back: Callable[[Any], Any]
    factor: float | None = None


def _by(factor: float) -> Change:
    words = f"{factor:,.7g} times" if factor > 1 else f"1/{1 / factor:,.7g} of"
    return Change(f"{words} its usual size", lambda values: values / factor, factor)


CHANGES = tuple(_by(sized) for factor in FACTORS for sized in (factor, 1 / factor))
SMALL_CHANGES = tuple(_by(sized) for factor in SMALL_FACTORS for sized in (factor, 1 / factor))
TEMPERATURES = (
    Change("in °F and was in °C", lambda values: (values - 32) / 1.8),
    Change("in °C and was in °F", lambda values: values * 1.8 + 32),
    Change("in kelvin and was in °C", lambda values: values - 273.15),
    Change("in °C and was in kelvin", lambda values: values + 273.15),
    Change("in kelvin and was in °F", lambda values: values * 1.8 - 459.67),
    Change("in °F and was in kelvin", lambda values: (values + 459.67) / 1.8),
)
AS_IT_IS = Change("as it was", lambda values: values, 1.0)
SIGN = Change("the negative of what it was", lambda values: -values[::-1], -1.0)


@np.errstate(over="ignore", invalid="ignore")  # far enough away is all that matters
def unit_change(pair: NumberPair, past: Past, name: str) -> str:
    """How the unit of a column changed, in words; empty where it did not.

    Parameters
    ----------
    pair : NumberPair
        Both sides of the column.
    past : Past
        The training rows, by batch: a batch of winter is like another winter, not like all seasons.
    name : str
        The column.
    """
    ours, theirs = pair.reference.values, pair.current.values
    zeros = max((side == 0).mean() for side in (ours, theirs)) if pair.enough else 0.0
    moved = pair.ks_distance >= UNLIKE * (1 - zeros)
    if not pair.enough or not (moved or len(_beyond(theirs, ours))):
        return ""
    sides = [ours, *(numbers(column).values for column in past.columns(name))]
    return change_between(theirs, sides)


@np.errstate(over="ignore", invalid="ignore")  # far enough away is all that matters
def change_between(theirs: Any, sides: Iterable[Any]) -> str:
    """How sorted values differ by a unit from all others, each sorted; empty where they do not."""
    sides = [side for side in sides if len(side) >= FEWEST_VALUES]
    if len(theirs) < FEWEST_VALUES or not sides or theirs[0] == theirs[-1]:
        return ""
    scales = [SIGN] if _turned(theirs, sides) else []
    scales += TEMPERATURES if _nearest(AS_IT_IS, theirs, sides) > 2 * UNLIKE else ()
    found = list(_explained(scales, theirs, sides))
    theirs, sides = theirs[theirs != 0], [side[side != 0] for side in sides]  # 0 is 0 in any unit
    sides = [side for side in sides if len(side) >= FEWEST_VALUES]
    if len(theirs) < FEWEST_VALUES or not sides:
        return ""
    factors = [change for change in CHANGES if _fits(change, theirs, sides)]
    if _steady(sides):
        factors += [change for change in SMALL_CHANGES if _fits(change, theirs, sides[:1], SURELY)]
    found += _explained(factors, theirs, sides)
    return min(found)[1] if found else _of_a_part(theirs, sides)


def _explained(changes: Sequence[Change], theirs: Any, sides: Sequence[Any]) -> Iterator[tuple[float, str]]:
    """Changes that explain the values, with the distance that is left."""
    before = _nearest(AS_IT_IS, theirs, sides) if changes else 0.0
    for change in changes if before >= max(UNLIKE, BY_CHANCE / len(theirs) ** 0.5) else ():
        left = _nearest(change, theirs, sides)
        if left <= min(ALIKE, before / BETTER):
            yield left, change.words


def distance(one: Any, other: Any) -> float:
    """Greatest distance of two distribution functions at the quantiles of both.

    >>> distance(np.arange(10.0), np.arange(10.0)), distance(np.arange(10.0), np.arange(10.0) + 20)
    (0.0, 1.0)
    """
    at = np.concatenate(
        [side[np.linspace(0, len(side) - 1, min(POINTS, len(side))).astype(int)] for side in (one, other)]
    )
    gaps = [
        np.searchsorted(one, at, side) / len(one) - np.searchsorted(other, at, side) / len(other)
        for side in ("left", "right")
    ]
    return float(np.abs(gaps).max())


def typical(values: Any) -> float:
    """Median of the sizes of sorted values other than 0; 0 where there are none.

    Sizes below 0 and above are two sorted runs, in which the middle is found without sorting them together.

    >>> typical(np.array([-5.0, -1.0, 0.0, 0.0, 2.0, 3.0])), typical(np.array([0.0]))
    (2.5, 0.0)
    """
    below, above = np.searchsorted(values, 0.0, "left"), np.searchsorted(values, 0.0, "right")
    negative, positive = -values[:below][::-1], values[above:]
    count = len(negative) + len(positive)
    if not count:
        return 0.0
    middle = [_smallest(negative, positive, place) for place in {(count - 1) // 2, count // 2}]
    return float(np.mean(middle))


def _smallest(one: Any, other: Any, place: int) -> float:
    """The value at a place, from 0, among those of two sorted arrays."""
    low, high = max(0, place + 1 - len(other)), min(place + 1, len(one))
    while low < high:  # how many of the values up to the place are of the first array
        at = (low + high) // 2
        low, high = (at + 1, high) if one[at] < other[place - at] else (low, at)
    rest = place + 1 - low
    return float(max([*one[low - 1 : low], *other[rest - 1 : rest]]))


def _nearest(change: Change, theirs: Any, sides: Sequence[Any]) -> float:
    """Distance to the nearest batch once the values are taken back: of one size and width with it."""
    back = change.back(theirs)
    width = spread(back)
    near = [
        side
        for side in sides
        if change.factor is not None or (width and 1 / STEADY**2 <= spread(side) / width <= STEADY**2)
    ]
    return min((distance(back, side) for side in near), default=1.0)


def spread(values: Any) -> float:
    """Width of the middle four fifths of sorted values."""
    low, high = values[[len(values) // 10, -1 - len(values) // 10]]
    return float(high - low)


def _fits(change: Change, theirs: Any, sides: Sequence[Any], tolerance: float = 0.0) -> bool:
    """Whether the typical size is one that batches had, once it is divided by the factor.

    By default with a tolerance that is larger where the sizes of batches differ, as with a season, and where the
    factor is such that nothing else explains it.
    """
    factor = change.factor or 1.0
    sizes = [size for size in map(typical, sides) if size]
    if not sizes:
        return False
    low, high = min(sizes), max(sizes)
    usual = min(FAR_LIKELY, max(LIKELY, (high / low - 1) / 4)) if 1 / FAR < factor < FAR else FAR_LIKELY
    tolerance = tolerance or usual
    return low * (1 - tolerance) <= typical(theirs) / factor <= high * (1 + tolerance)


def _steady(sides: Sequence[Any]) -> bool:
    sizes = [typical(side) for side in sides]
    return min(sizes) > 0 and max(sizes) <= STEADY * min(sizes)


def _turned(theirs: Any, sides: Sequence[Any]) -> bool:
    ours = [float((side > 0).mean() - (side < 0).mean()) for side in sides]
    now = float((theirs > 0).mean() - (theirs < 0).mean())
    return (min(ours) > ONE_SIGN and now < -ONE_SIGN) or (max(ours) < -ONE_SIGN and now > ONE_SIGN)


def _of_a_part(theirs: Any, sides: Sequence[Any]) -> str:
    """Whether some of the values are in another unit: those beyond all that was, as one shop's of many."""
    part = _beyond(theirs, sides[0])
    for change in CHANGES if len(part) else ():
        if _fits(change, part, sides) and _nearest(change, part, sides) <= ALIKE:
            return f"{change.words} in {len(part) / len(theirs):.0%} of its rows"
    return ""


def _beyond(theirs: Any, ours: Any) -> Any:
    """Values that lie well outside what was before; none where they are few, or nearly all."""
    low, high = ours[[len(ours) // 1000, -1 - len(ours) // 1000]]
    margin = (high - low) / 2
    part = theirs[(theirs < low - margin) | (theirs > high + margin)]
    return part if len(part) >= FEWEST_VALUES and PART <= len(part) / len(theirs) <= MOST else part[:0]
