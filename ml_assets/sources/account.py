"""What became of the rows and columns of a source: given on, or set aside with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from ml_assets.records import Record

if TYPE_CHECKING:
    import pandas as pd

SENT_TWICE = "in a file that was sent twice"
OTHER_BATCHES = "of other batches, or outside the recipe's start and end"
FAR_TIME = "of a time far from all others"
"""Reasons to set rows aside."""


class SetAside(Record):
    """Rows that were not given on."""

    reason: str
    rows: int
    example: str = ""
    """Where one of them is, and what it holds."""


class Account(Record):
    """Rows in the files = rows given on + rows set aside, each with its reason."""

    rows_in_files: int
    rows_given: int
    set_aside: tuple[SetAside, ...] = ()
    columns_set_aside: dict[str, str] = Field(default_factory=dict)
    """Columns of the files that were not given on, with the reason."""
    notes: tuple[str, ...] = ()
    """What was read otherwise than it is written: cells taken as missing, decimal commas, left out lines."""

    @property
    def balance(self) -> int:
        """Rows that are neither given on nor set aside: always 0."""
        return self.rows_in_files - self.rows_given - sum(part.rows for part in self.set_aside)

    @property
    def told(self) -> tuple[str, ...]:
        """What a person should know: rows and columns that were set aside, and what was read otherwise."""
        rows = [
            f"{part.rows:,} {'row' if part.rows == 1 else 'rows'} {part.reason} set aside"
            + f" ({part.example})" * bool(part.example)
            for part in self.set_aside
            if part.reason != OTHER_BATCHES
        ]
        columns = [f"column '{name}' set aside: {why}" for name, why in self.columns_set_aside.items()]
        return (*rows, *columns, *self.notes)


class Rows(NamedTuple):
    """Rows that were read, and the account of those that were not."""

    frame: pd.DataFrame
    account: Account


def set_aside(parts: Iterable[SetAside]) -> tuple[SetAside, ...]:
    """One entry per reason that has rows.

    >>> [part.rows for part in set_aside([SetAside(reason="a", rows=2), SetAside(reason="a", rows=1)])]
    [3]
    """
    together: dict[str, SetAside] = {}
    for part in parts:
        known = together.get(part.reason, SetAside(reason=part.reason, rows=0))
        together[part.reason] = SetAside(
            reason=part.reason, rows=known.rows + part.rows, example=known.example or part.example
        )
    return tuple(part for part in together.values() if part.rows)
