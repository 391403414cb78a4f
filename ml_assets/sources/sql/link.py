"""What a query is sent through: an open connection to a database, whatever its driver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ml_assets.shown import shown
from ml_assets.sources.sql.kinds import Kind

PATIENCE = 10
"""Seconds to wait for a connection."""
CHUNK = 50_000
"""Rows that are fetched, and made into columns, at once."""
Cells = Sequence[Any]
"""Values of a column: a list, or an Arrow array."""


class Address(NamedTuple):
    """Where a database is, and what a query asks it for."""

    uri: str
    """As SQLAlchemy has it, with the password."""
    bases: tuple[Path, ...]
    """Folders that a relative path of a file is looked for in."""
    tables: frozenset[str]
    """Names of the tables that the query reads, in small letters."""


class Link(Protocol):
    """An open connection that only reads; its SQL is what `sqlalchemy.text` takes, with `:name` for a value."""

    def columns(self, sql: str, values: Mapping[str, object]) -> list[tuple[str, Kind | None]]:
        """Names and kinds of the columns of a query, none of whose rows is fetched; None: the kind is not told."""

    def rows(self, sql: str, values: Mapping[str, object]) -> list[Any]:
        """Rows of a small answer."""

    def parts(self, sql: str, values: Mapping[str, object]) -> Iterator[Sequence[Cells]]:
        """Rows of a large answer, some at a time: the values of each column."""

    def quoted(self, name: str) -> str:
        """Name as a statement has it."""


def words(error: BaseException, password: str | None = None) -> str:
    """What a database said, on one line and without the password."""
    given = error.args[-1] if error.args and isinstance(error.args[-1], str) else str(error)
    line = " ".join(given.split()) or type(error).__name__
    return shown(line.replace(password, "***") if password else line)[:500]


def found_file(name: str, bases: tuple[Path, ...]) -> Path | None:
    """File or folder of a database, looked for in each of the folders."""
    return next((base / name for base in bases if (base / name).exists()), None)
