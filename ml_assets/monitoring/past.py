"""The champion's training rows batch by batch: what a column was like before, in each batch by itself."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd

from ml_assets.names import BATCH

Measured = TypeVar("Measured")

Key = tuple[Hashable, ...]

FEWEST_ROWS = 10
"""Training batches with fewer rows are no witnesses."""


class Once(Protocol):
    """A way to measure something that is asked for again under the same key."""

    def __call__(self, key: Key, measure: Callable[[], Measured]) -> Measured:
        """What is measured."""


def afresh(key: Key, measure: Callable[[], Measured]) -> Measured:
    """Measure whenever it is asked for."""
    return measure()


@dataclass(frozen=True)
class Past:
    """Training rows, parted into their batches; rows without a batch are one part.

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        With `batch__` where there are batches; each column once.
    most : int
        Newest batches that are looked at.
    measured : dict
        What was measured of the rows for one batch is there for the next, by what it is: see `once`.
    """

    rows: pd.DataFrame
    most: int = 60
    measured: dict[Key, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Past:
        """Part training rows, each column once."""
        return cls(rows if rows.columns.is_unique else rows.loc[:, ~rows.columns.duplicated()])

    def once(self, key: Key, measure: Callable[[], Measured]) -> Measured:
        """What is measured of the rows, measured when first asked for; the key says what, and by which arguments.

        >>> past = Past.of(pd.DataFrame({"x": [1, 2]}))
        >>> past.once(("sum", "x"), lambda: 3), past.once(("sum", "x"), lambda: 4)
        (3, 3)
        """
        if key not in self.measured:
            self.measured[key] = measure()
        found: Measured = self.measured[key]
        return found

    @cached_property
    def places(self) -> dict[str, Any]:
        """Positions of the rows of each batch, oldest batch first."""
        if BATCH not in self.rows.columns:
            return {"": np.arange(len(self.rows))}
        found = self.rows.groupby(BATCH, sort=True).indices
        known = {str(label): np.sort(places) for label, places in found.items() if len(places) >= FEWEST_ROWS}
        return dict(list(known.items())[-self.most :])

    @cached_property
    def batches(self) -> tuple[str, ...]:
        """Labels of the training batches, oldest first; none where there are none."""
        return tuple(self.places) if BATCH in self.rows.columns else ()

    def columns(self, name: str) -> list[pd.Series]:
        """A column in each batch."""
        column = self.rows[name]
        return [column.iloc[places] for places in self.places.values()]

    def ends(self, name: str) -> tuple[pd.Series, pd.Series]:
        """A column in the oldest and in the newest batch."""
        places = list(self.places.values())
        return self.rows[name].iloc[places[0]], self.rows[name].iloc[places[-1]]

    def filled(self, name: str) -> list[float]:
        """Share of rows with a value in each batch, from the first that has any."""
        known = self.rows[name].notna().to_numpy()
        shares = [float(known[places].mean()) for places in self.places.values()]
        first = next((place for place, share in enumerate(shares) if share), 0)
        return shares[first:]


RARE = 0.05
"""A column with a value in fewer rows is one that is nearly always empty."""
SPARSE = 0.2
"""In half of its batches, of a column whose values may well stay away."""
OFTEN = 0.2
"""Share of the training batches that make a state of a column one that is known."""
SLACK = 0.05


def usually_as_empty(filled: Sequence[float], now: float) -> bool:
    """Whether a column has so few values now and then: judged by its own share in each training batch.

    Parameters
    ----------
    filled : sequence of float
        Share of rows with a value in each training batch.
    now : float
        The same in the batch.

    >>> usually_as_empty([0.03, 0.02, 0.04], 0.0), usually_as_empty([0.9, 0.0, 0.9, 0.0], 0.0)
    (True, True)
    >>> usually_as_empty([0.12, 0.3, 0.1, 0.2], 0.0), usually_as_empty([0.4, 0.41, 0.4, 0.39], 0.0)
    (True, False)
    """
    if not filled:
        return False
    known = sum(share <= now + SLACK for share in filled) >= OFTEN * len(filled)
    fewest, most = min(filled), max(filled)
    sparse = float(np.median(filled)) <= SPARSE and fewest <= max(RARE, most - fewest) + now
    return known or sparse
