"""Every entry of the ledger with its link, one after another: what is carried away to be verified elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from ml_assets.registry import chain
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.ledger_file import engine_of
from ml_assets.registry.table import decisions

COLUMNS: Final = tuple(str(column.name) for column in decisions.columns)
"""Of an entry, in the order in which they are hashed."""
AT_ONCE: Final = 200
"""Entries in memory."""


class Link(NamedTuple):
    """An entry, letter for letter as the database holds it, and the hash of it and of all before."""

    hash: str
    texts: dict[str, str | None]


def chained(ledger: Ledger) -> Iterator[Link]:
    """Read all entries, oldest first, as they are at one moment; however many, few are in memory."""
    with engine_of(ledger.url).connect().execution_options(yield_per=AT_ONCE) as connection:
        for _, found, *texts in connection.execute(chain.following(0)):
            yield Link(str(found), dict(zip(COLUMNS, texts, strict=True)))
