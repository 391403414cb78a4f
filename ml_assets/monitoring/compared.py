"""What of a batch can be compared with the rows the champion was trained on, and what is wrong with it at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import pandas as pd

from ml_assets.features.columns import unfit
from ml_assets.monitoring import faults as faulty
from ml_assets.monitoring.calendars import calendar_columns
from ml_assets.monitoring.column_tests import outcomes
from ml_assets.monitoring.dependence import Sides, related
from ml_assets.monitoring.past import Past
from ml_assets.monitoring.reference import Reference
from ml_assets.monitoring.samples import NumberPair, Pair, sample
from ml_assets.monitoring.verdict import pair_of, pair_with, side_of
from ml_assets.monitoring.whole import whole_faults

SURELY = 1e-3
"""P-value from which a column has surely moved, before it is said to be swapped."""


@dataclass(frozen=True)
class Compared:
    """Both sides of a report.

    Parameters
    ----------
    past : Past
        Training rows, each column once.
    current : DataFrame of shape (n_rows, n_columns)
        Rows of the batch, each column once.
    sides : (DataFrame, DataFrame)
        At most 20,000 rows of both.
    numeric : tuple of str
        Features that are numbers.
    pairs : dict of str to Pair
        Columns that are compared.
    faults : dict of str to str
        What is wrong with a column.
    set_aside : dict of str to str
        Columns that are not compared, with the reason.
    entities, time : tuple of str, str or None
        Columns that tell which rows belong together.
    """

    past: Past
    current: pd.DataFrame
    sides: tuple[pd.DataFrame, pd.DataFrame]
    numeric: tuple[str, ...]
    pairs: dict[str, Pair]
    faults: dict[str, str]
    set_aside: dict[str, str]
    entities: tuple[str, ...] = ()
    time: str | None = None
    counted: set[str] = field(default_factory=set)

    @property
    def sound(self) -> list[str]:
        """Columns that are compared and have no fault."""
        return [name for name in self.pairs if name not in self.faults]

    @cached_property
    def together(self) -> Sides:
        """Which rows belong together, on both sides."""
        return Sides.of(*(related(side, self.entities, self.time) for side in self.sides))

    def designed(self, name: str) -> Pair:
        """A pair with as many rows as count; looked for once, and only where independent rows would alarm."""
        if name not in self.counted:
            ours, theirs = self.sides
            self.pairs[name] = self.together.designed(self.pairs[name], ours[name], theirs.get(name))
            self.counted.add(name)
        return self.pairs[name]


def absent(current: pd.DataFrame, champion: Reference) -> dict[str, str]:
    """Features that a batch does not have."""
    reference = champion.kept.rows
    return {
        name: faulty.absent(name)
        for name in champion.kept.roles.features
        if name in reference.columns and name not in current.columns
    }


def compare(current: pd.DataFrame, champion: Reference, past: Past) -> Compared:
    """Pair the columns, set aside what says nothing, find the faults of each column.

    Parameters
    ----------
    current : DataFrame of shape (n_rows, n_columns)
        Rows of the batch, with those of the batches it is judged with.
    champion : Reference
    past : Past
        Its training rows.
    """
    numeric, categorical = champion.kept.roles.numeric, champion.kept.roles.categorical
    names = list(dict.fromkeys([*numeric, *categorical]))
    faults = absent(current, champion)
    for name in names:
        times = int(np.sum(current.columns == name))
        if times > 1 and name in past.rows.columns:
            faults[name] = faulty.repeated(name, times)
    current = current.loc[:, ~current.columns.duplicated()]
    seed = champion.random_state
    ours = past.once(("sample", seed, *names), lambda: sample(past.rows, names, seed))
    theirs = sample(current, names, seed)
    pairs: dict[str, Pair] = {}
    set_aside: dict[str, str] = {}
    for name in names:
        if name not in past.rows.columns:
            set_aside[name] = "not in the champion's training rows"
            continue
        side = past.once(("side", name, seed, *names), partial(side_of, ours[name], name in numeric))
        pair = pair_with(side, theirs.get(name), len(theirs))
        reason = _tells_nothing(past.once(("unfit", name), partial(unfit, past.rows[name])), pair)
        if reason:
            set_aside[name] = reason
            faults.pop(name, None)
        else:
            pairs[name] = pair
    found = Compared(
        past,
        current,
        (ours, theirs),
        tuple(numeric),
        pairs,
        faults,
        set_aside,
        champion.entities,
        champion.time,
    )
    _find_faults(found, categorical, champion.figures)
    return found


def _tells_nothing(reason: str | None, pair: Pair) -> str:
    """Say why a column is not compared, which its training rows may tell; empty where it is."""
    if not reason and pair.reference.nulls == pair.reference.rows and pair.current.nulls == pair.current.rows:
        return "no value in the batch nor in the reference"
    return reason if reason and (reason != "constant" or _same_constant(pair)) else ""


def _same_constant(pair: Pair) -> bool:
    """Whether the batch holds the reference's one value, and nothing else."""
    if pair.current.nulls:
        return False
    if isinstance(pair, NumberPair):
        if not len(pair.reference.values):
            return False
        return len({*pair.reference.values[[0, -1]], *pair.current.values[[0, -1]]}) == 1
    return pair.current.counts.keys() == pair.reference.counts.keys()


def _find_faults(found: Compared, categorical: tuple[str, ...], figures: Collection[str]) -> None:
    """Find the faults of each column, and set aside those that tell the time."""
    past, faults = found.past, found.faults
    told = calendar_columns(
        past, *([name for name in kind if name in found.pairs] for kind in (found.numeric, categorical))
    )

    def find(name: str, pair: Pair) -> str:
        return faulty.find_fault(name, pair, past, told.get(name, ""), name not in figures)

    whole = (len(found.sides[0]), len(found.sides[1])) == (len(past.rows), len(found.current))
    for name, pair in found.pairs.items():
        fault = faults.get(name) or find(name, pair)
        if fault and name not in faults and not whole:  # counts are of all rows
            of_all = pair_of(past.rows[name], found.current[name], len(found.current), name in found.numeric)
            fault = find(name, of_all) or fault
        if fault:
            faults[name] = fault
    for name in told.keys() - faults.keys():
        found.set_aside[name] = f"tells the time of its batch ({told[name]})"
        del found.pairs[name]


def _surely_moved(pair: Pair) -> bool:
    """Whether a column moved by more than chance, of as many rows as count: sensors wander into each other's range."""
    return min((outcome.p_value for outcome in outcomes(pair)), default=1.0) < SURELY


def moved_round(found: Compared) -> None:
    """Add the columns that hold each other's values to the faults."""
    for circle, fault in list(faulty.swapped(found.pairs)):
        if all(_surely_moved(found.designed(name)) for name in circle):
            found.faults.update(dict.fromkeys(circle, fault))


def whole_of(
    batch: str, found: Compared, trailing: Mapping[str, pd.DataFrame] | None, pooled: bool
) -> list[str]:
    """Tell what is wrong with the batch as a whole; of a pool nothing, which holds the batches before it."""
    if pooled:
        return []
    return list(whole_faults(batch, found.current, found.sound, found.past, trailing or {}))
