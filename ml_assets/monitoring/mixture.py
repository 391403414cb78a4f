"""A training window whose batches are in two units: no model of both is one of either."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.monitoring.calendars import calendar_columns
from ml_assets.monitoring.past import Past
from ml_assets.monitoring.samples import FEWEST_VALUES, numbers
from ml_assets.monitoring.units import change_between, spread, typical

STEP = 1.5
"""Least ratio of the typical sizes on the two sides of a step: growth is slower. Of medians, the spread of a batch."""
MOST = 1_000
"""Batches that are looked at."""
NAMED = 3


def mixed_units(rows: pd.DataFrame, names: Iterable[str], accepted: Collection[str] = ()) -> tuple[str, ...]:
    """Numeric columns that are in another unit in some batches than in the others, each in a sentence.

    The batches are parted where their typical sizes, or their medians, are furthest apart; the fewer must be
    what the others are after a change of unit (`units.change_between`).

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        The training window, with `batch__`; without it nothing is found.
    names : iterable of str
        Columns to look at; those that are no numbers, and those that tell the time, are passed over.
    accepted : collection of str
        Batches that a person has confirmed as the new normal: a change that came with one of them is meant.
    """
    past = Past(rows, most=MOST)
    if len(past.batches) < 2:
        return ()
    numeric = [name for name in names if pd.api.types.is_numeric_dtype(rows[name].dtype)]
    told = calendar_columns(Past(rows), numeric, ())
    found = (_mixed(name, past, accepted) for name in numeric if name not in told)
    return tuple(words for words in found if words)


def _mixed(name: str, past: Past, accepted: Collection[str]) -> str:
    sides = {
        label: values
        for label, column in zip(past.batches, past.columns(name), strict=True)
        if len(values := numbers(column).values) >= FEWEST_VALUES
    }
    for middle in (typical, _median):
        odd = _apart(sides, middle)
        others = [values for label, values in sides.items() if label not in odd]
        if not odd or not others or _meant(list(sides), odd, accepted):
            continue
        pooled = np.sort(np.concatenate(others))
        changed = {
            label: words for label in odd if (words := change_between(sides[label], [pooled, *others]))
        }
        if 2 * len(changed) > len(odd):
            named = ", ".join(list(changed)[:NAMED]) + (" …" if len(changed) > NAMED else "")
            words = next(iter(changed.values()))
            return (
                f"column '{name}' is {words} in {len(changed)} of {len(sides)} training batches ({named}): "
                "a change of unit?"
            )
    return ""


def _meant(labels: Sequence[str], odd: Collection[str], accepted: Collection[str]) -> bool:
    """Whether a confirmed batch is on the other side than the one before it."""
    return any(now in accepted and (now in odd) != (before in odd) for before, now in pairwise(labels))


def _median(values: Any) -> float:
    return float(np.median(values))


def _apart(sides: Mapping[str, Any], middle: Callable[[Any], float]) -> list[str]:
    """The fewer of the batches on the two sides of the widest step between them; none where no step is wide."""
    order = sorted(sides, key=lambda label: middle(sides[label]))
    middles = [middle(sides[label]) for label in order]
    if len(order) < 2:
        return []
    sizes = middle is typical and middles[0] > 0
    steps = np.diff(np.log(middles) if sizes else middles)
    least = math.log(STEP) if sizes else float(np.median([spread(values) for values in sides.values()]))
    if steps.max() < least:
        return []
    after = int(np.argmax(steps)) + 1
    low, high = sorted(order[:after]), sorted(order[after:])
    return low if len(low) < len(high) or (len(low) == len(high) and low[0] > high[0]) else high
