"""What no change in the world explains: absent, emptied, swapped columns, changes of unit and of type.

A fault blocks retraining, since a model must not learn it. Each is a sentence that names the column and the
evidence; each column is looked at alone, so a bad one costs no other its report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ml_assets.monitoring.calendars import ONE_VALUE
from ml_assets.monitoring.mass import stuck_level, stuck_number
from ml_assets.monitoring.past import Past, usually_as_empty
from ml_assets.monitoring.samples import FEWEST_VALUES, LevelPair, NumberPair, Pair, null_change
from ml_assets.monitoring.spelling import respelled
from ml_assets.monitoring.units import distance, unit_change
from ml_assets.monitoring.units import typical as typical_size
from ml_assets.shown import figure

NULL_BURST = 0.5  # nulls risen by half of all rows
UNIT_RATIO = 100.0  # typical sizes further apart than this are a change of unit
OFFSET = 3.0  # times the reference's whole range between it and the nearest value
STRANGE_SHARE = 0.005  # share of rows with text in a number column, or with infinite values
MOVED, SAME = 0.2, 1 / 3  # swapped: each moved so far, and is nearer to the other's past by this factor


def absent(name: str) -> str:
    """Say that a column did not come."""
    return f"column '{name}' is absent from the batch"


def repeated(name: str, times: int) -> str:
    """Say that several columns have one name."""
    return f"column '{name}' is there {times} times; only the first could be looked at"


def find_fault(name: str, pair: Pair, past: Past, told: str = "", own_unit: bool = True) -> str:
    """Tell what is broken about one column that is there; empty where nothing is.

    Parameters
    ----------
    name : str
        The column.
    pair : Pair
        Both sides of it.
    past : Past
        The training rows, by batch: what the column was like in each.
    told : str
        What it tells of the time of its batch: new values are no fault of such a column.
    own_unit : bool
        Whether the column has a unit of its own; else that of another one, which is looked at.
    """
    found = _empty(name, pair, past)
    if isinstance(pair, NumberPair):
        found = found or _type_change(name, pair) or _burst(name, pair, past)
        if not found and told in ("", ONE_VALUE):
            found = "" if told else _named(name, stuck_number(pair, past, name))
            found = found or (_unit_change(name, pair, past) if own_unit else "")
        return found
    found = found or _burst(name, pair, past)
    if not found and not told:
        found = _named(name, respelled(pair)) or _all_unseen(name, pair)
        found = found or _named(name, stuck_level(pair, past, name))
    return found


def _named(name: str, what: str) -> str:
    return f"column '{name}' {what}" if what else ""


def _empty(name: str, pair: Pair, past: Past) -> str:
    current = pair.current
    if current.rows > current.nulls:
        return ""
    what = f"column '{name}' has no usable value in the batch"
    strange = isinstance(pair, NumberPair) and (pair.current.words or pair.current.infinite)
    if not strange and usually_as_empty(past.filled(name), 0.0):
        return ""
    if isinstance(pair, NumberPair) and pair.current.words:
        return (
            f"{what}: {pair.current.words} of {current.rows} values are no numbers"
            f"{_such_as(pair.current.example)}: a change of type?"
        )
    if isinstance(pair, NumberPair) and pair.current.infinite:
        return f"{what}: {pair.current.infinite} of {current.rows} values are infinite"
    return what


def _such_as(example: str) -> str:
    return f" (such as {example[:40]!r})" if example else ""


def _type_change(name: str, pair: NumberPair) -> str:
    """Text, or infinity, where there were numbers."""
    reference, current = pair.reference, pair.current
    if (current.words / current.rows) - (reference.words / reference.rows) >= STRANGE_SHARE:
        return (
            f"column '{name}' holds {current.words} values of {current.rows} that are no numbers"
            f"{_such_as(current.example)}: a change of type?"
        )
    if (current.infinite / current.rows) - (reference.infinite / reference.rows) >= STRANGE_SHARE:
        return f"column '{name}' holds {current.infinite} infinite values of {current.rows}"
    return ""


def _burst(name: str, pair: Pair, past: Past) -> str:
    reference, current = pair.reference, pair.current
    if null_change(pair) < NULL_BURST or usually_as_empty(
        past.filled(name), 1 - current.nulls / current.rows
    ):
        return ""
    return (
        f"column '{name}' is empty in {current.nulls / current.rows:.0%} of the batch's rows, "
        f"{reference.nulls / reference.rows:.0%} in the reference"
    )


def _unit_change(name: str, pair: NumberPair, past: Past) -> str:
    """A known factor or scale; a typical size (median non-zero |x|) 100 times off; all values far outside the range."""
    ours, theirs = pair.reference.values, pair.current.values
    if min(np.count_nonzero(side) for side in (ours, theirs)) < FEWEST_VALUES:
        return ""
    typical, now = typical_size(ours), typical_size(theirs)
    sizes = f"(median size {figure(now)}, {figure(typical)} in the reference): a change of unit?"
    known = unit_change(pair, past, name)
    if known:
        return f"column '{name}' is {known} {sizes}"
    with np.errstate(over="ignore"):  # infinitely far is far enough
        ratio = float(np.divide(now, typical))
        width = ours[-1] - ours[0]
        gap = max(theirs[0] - ours[-1], ours[0] - theirs[-1]) / OFFSET
    if not 1 / UNIT_RATIO < ratio < UNIT_RATIO:
        low, high = np.quantile(np.abs(ours[ours != 0]), [0.01, 0.99])
        if now > high if ratio > 1 else now < low:
            factor = f"{ratio:,.0f} times" if ratio > 1 else f"1/{typical / now:,.0f} of"
            return f"column '{name}' is {factor} its usual size {sizes}"
    if 0 < width < gap:
        return (
            f"column '{name}' lies wholly outside what the champion saw "
            f"({figure(theirs[0])} to {figure(theirs[-1])}, {figure(ours[0])} to {figure(ours[-1])} in the reference): "
            "a change of unit or origin?"
        )
    return ""


def _all_unseen(name: str, pair: LevelPair) -> str:
    if not pair.enough or pair.table[1][pair.table[0] > 0].any():
        return ""
    before, now = (_number_share(side.counts) for side in (pair.reference, pair.current))
    kind = ": a change of type?" if abs(before - now) > 0.5 else ""
    examples = ", ".join(repr(level) for level in list(pair.current.counts)[:3])
    return f"column '{name}' holds only levels the champion never saw ({examples}){kind}"


def _number_share(counts: Mapping[str, int]) -> float:
    """Share of rows whose level reads as a number."""
    return sum(n for level, n in counts.items() if _is_number(level)) / sum(counts.values())


def _is_number(level: str) -> bool:
    return level.strip().lstrip("+-").replace(".", "", 1).isdigit()


def swapped(pairs: Mapping[str, Pair]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Find columns that hold each other's values: two exchanged, or several moved round in a circle.

    Yields
    ------
    (names, fault)
        The columns concerned, and the sentence.
    """
    numeric = {n: p for n, p in pairs.items() if isinstance(p, NumberPair) and p.ks_distance > MOVED}
    others = {n: p for n, p in pairs.items() if isinstance(p, LevelPair) and p.total_variation > MOVED}
    yield from _circles(numeric)
    yield from _circles(others)


def _circles(
    moved: Mapping[str, NumberPair] | Mapping[str, LevelPair],
) -> Iterator[tuple[tuple[str, ...], str]]:
    names = sorted(moved)
    if len(names) < 2:
        return
    source = {name: _source(name, moved) for name in names}
    done: set[str] = set()
    for name in names:
        circle = [name]
        while (found := source[circle[-1]]) and found not in circle:
            circle.append(found)
        if len(circle) > 1 and found == name and not done & set(circle):
            done |= set(circle)
            held = "; ".join(f"'{each}' holds what '{source[each]}' held" for each in circle)
            yield tuple(sorted(circle)), f"columns are swapped: {held}"


def _source(name: str, moved: Mapping[str, Pair]) -> str | None:
    """Name the other moved column whose past looks like this column's present."""
    own = _distance(moved[name], moved[name])
    others = [(_distance(moved[name], moved[other]), other) for other in moved if other != name]
    nearest, other = min(others)
    return other if nearest < SAME * own else None


def _distance(now: Pair, past: Pair) -> float:
    """Distance of a column's batch from another's reference: KS, or total variation."""
    if isinstance(now, NumberPair) and isinstance(past, NumberPair):
        return distance(now.current.values, past.reference.values)
    if isinstance(now, LevelPair) and isinstance(past, LevelPair):
        return LevelPair(past.reference, now.current).total_variation
    return 1.0
