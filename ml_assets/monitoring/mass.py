"""Values that are suddenly everywhere: a sensor that is stuck, a whole column of zeros, a mark such as -999.

A column may well be constant, or 0 in most rows; it is a fault where it never was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml_assets.monitoring.past import OFTEN, Past
from ml_assets.monitoring.samples import FEWEST_VALUES, LevelPair, NumberPair, numbers

RISEN = 0.5
"""Rise of a value's share, above the most it had in a training batch, that makes a constant a fault."""
CONSTANT = 0.98
"""Share from which a training batch was constant, too."""
MUCH = 0.3
"""Share of one value in a column that is otherwise spread."""
SELDOM, SPREAD = 0.2, 0.5
"""Of that share: the most the value had before, and the most that any value had."""
MARK = 0.05
"""Share of a value well outside all that was before: half a range away."""


def stuck_level(pair: LevelPair, past: Past, name: str) -> str:
    """Say that a column of levels has one only, where it never had; empty where nothing is wrong."""
    if len(pair.current.counts) != 1 or pair.current.present < FEWEST_VALUES:
        return ""
    (level,) = pair.current.counts
    parts = [column.dropna().astype(str) for column in past.columns(name)]
    shares = [part.value_counts(normalize=True) for part in parts if len(part)]
    usual = max((float(share.get(level, 0.0)) for share in shares), default=0.0)
    if usual == 0.0 or 1 - usual < RISEN or _were_constant([float(share.iloc[0]) for share in shares]):
        return ""
    return (
        f"is '{level[:40]}' in all {pair.current.present:,} rows that have a value, {usual:.0%} at most in a "
        "training batch: are rows missing, or is it filled in?"
    )


def stuck_number(pair: NumberPair, past: Past, name: str) -> str:
    """Say that a number has one value where it was spread; empty where nothing is wrong."""
    values = pair.current.values
    if len(values) < FEWEST_VALUES:
        return ""
    value, share = _mode(values)
    mark = _mark(values, pair.reference.values)
    if share < MUCH and mark is None:
        return ""
    sides = [side for column in past.columns(name) if len(side := numbers(column).values)]
    constant = values[0] == values[-1]
    usual, tops = (
        max((_share(side, value) for side in sides), default=0.0),
        [_mode(side)[1] for side in sides],
    )
    if constant and share - usual >= RISEN and not _were_constant(tops):
        return _words(value, 1.0, usual, len(values), "a sensor that is stuck, or a mark for no value?")
    spread = max(tops, default=1.0) <= SPREAD * share and usual <= SELDOM * share
    if not constant and share >= MUCH and spread:
        return _words(value, share, usual, len(values), "a sensor that was stuck, or a mark for no value?")
    if mark is not None and not constant:
        return _words(*mark, 0.0, len(values), "a mark for no value?")
    return ""


def _mark(values: Any, ours: Any) -> tuple[float, float] | None:
    """Value at either end that many rows have, far away while the others are where they were, with its share."""
    for end in (values, values[::-1]):
        count = int((end == end[0]).sum())
        alone = count == len(end) or (len(ours) and ours[0] <= end[count] <= ours[-1])
        if alone and count >= MARK * len(end) and _outside(end[0], ours):
            return float(end[0]), count / len(end)
    return None


def _words(value: float, share: float, usual: float, rows: int, question: str) -> str:
    of = f"all {rows:,}" if share == 1.0 else f"{round(share * rows):,} of {rows:,}"
    return (
        f"is {value:.6g} in {of} rows that have a value, {usual:.0%} at most in a training batch: {question}"
    )


def _were_constant(tops: Sequence[float]) -> bool:
    return sum(top >= CONSTANT for top in tops) >= OFTEN * len(tops)


def _mode(values: Any) -> tuple[float, float]:
    """The most frequent of sorted values, and its share."""
    first = np.flatnonzero(np.concatenate([[True], values[1:] > values[:-1]]))
    sizes = np.diff(first, append=len(values))
    place = int(sizes.argmax())
    return float(values[first[place]]), float(sizes[place] / len(values))


def _share(values: Any, value: float) -> float:
    low, high = np.searchsorted(values, value, "left"), np.searchsorted(values, value, "right")
    return float((high - low) / len(values))


@np.errstate(over="ignore", invalid="ignore")
def _outside(value: float, ours: Any) -> bool:
    """Whether a value lies more than half of the whole range away from all that was before."""
    if len(ours) < FEWEST_VALUES or ours[0] == ours[-1]:
        return False
    return bool(max(value - ours[-1], ours[0] - value) > (ours[-1] - ours[0]) / 2)
