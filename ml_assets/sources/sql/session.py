"""A query and the database that answers it, open for a while: names, kinds, counts and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ml_assets.names import composed
from ml_assets.recipe.readable import is_query
from ml_assets.sources.arrow import is_binary
from ml_assets.sources.header import check_names
from ml_assets.sources.marks import Window
from ml_assets.sources.paths import SourceError
from ml_assets.sources.sql import kinds
from ml_assets.sources.sql.databases import Database, database_of
from ml_assets.sources.sql.kinds import Kind
from ml_assets.sources.sql.link import Address, Cells, Link
from ml_assets.sources.sql.statement import Statement, admit
from ml_assets.sources.sql.template import render

if TYPE_CHECKING:
    from ml_assets.sources.wanted import Wanted


class Session:
    """A query on an open connection; its rows are never all in memory but as columns."""

    def __init__(self, link: Link, database: Database, statement: Statement, path: Path) -> None:
        self.link, self.database, self.statement, self.path = link, database, statement, path
        columns = link.columns(self._whole("*"), statement.values)
        self.written = {composed(name): name for name, _ in columns}
        self.names: list[str] = [composed(name) for name, _ in columns]
        check_names(database.written(link, statement, self.names), path)
        self.told: dict[str, Kind | None] = {composed(name): kind for name, kind in columns}

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """Kinds of the columns; of those that have none of their own, by what is stored in all rows."""
        found = dict(self.told)
        for name in (name for name, kind in self.told.items() if kind is None):
            rows = self.all(f"DISTINCT typeof({self.quoted(name)})")
            found[name] = kinds.of_storage({row[0] for row in rows})
        return {name: kind for name, kind in found.items() if kind is not None}

    def quoted(self, name: str) -> str:
        """Name of a column as the database has it in a statement."""
        return f"q.{self.link.quoted(self.written[name])}"

    def count(self) -> int:
        """Rows of the query."""
        return int(self.all("COUNT(*)")[0][0])

    def all(self, what: str, tail: str = "", values: Mapping[str, object] | None = None) -> list[Any]:
        """Rows of a small answer: `what` of the query `q`, with what follows it in the statement."""
        return self.link.rows(self._whole(what, tail), {**self.statement.values, **(values or {})})

    def tables(
        self,
        names: Sequence[str],
        where: str = "",
        values: Mapping[str, object] | None = None,
        most: int | None = None,
    ) -> Iterator[pa.Table]:
        """Columns of the rows, part by part, at least one part.

        Parameters
        ----------
        names : sequence of str
        where : str
            Condition on `q`, with names of `values`.
        most : int, optional
            Rows at most.

        Raises
        ------
        SourceError
            A value is none of its column's kind.
        """
        if not names:
            yield pa.table({})
            return
        limit = "" if most is None else f" LIMIT {most:d}"
        condition = f" WHERE {where}" if where else ""
        sql = self._whole(", ".join(map(self.quoted, names)), condition + limit)
        yield pa.table({name: kinds.empty(self.kinds[name]) for name in names})
        for cells in self.link.parts(sql, {**self.statement.values, **(values or {})}):
            yield pa.table({
                name: self._column(name, column) for name, column in zip(names, cells, strict=True)
            })  # fmt: skip

    def within(self, column: str, window: Window) -> tuple[str, dict[str, object]]:
        """Condition that a time lies in a window, and its values."""
        start, end = window
        time = self.database.moment(self.quoted(column))
        parts = [f"{time} >= :begin"] * (start is not None) + [f"{time} < :until"] * (end is not None)
        values = {"begin": start, "until": end}
        return " AND ".join(parts), {name: moment for name, moment in values.items() if moment is not None}

    def days(self, column: str, unit: str, extra: str = "", window: Window = (None, None)) -> list[Any]:
        """Times cut to a unit, how many rows each has, and what `extra` adds; the database groups them.

        Rows without a time are counted under None, whatever the window.
        """
        assert self.database.cut is not None
        cut = self.database.cut(self.quoted(column), unit)
        where, values = self.within(column, window)
        condition = f" WHERE ({where} OR {self.quoted(column)} IS NULL)" if where else ""
        return self.all(f"{cut}, COUNT(*){extra}", f"{condition} GROUP BY {cut}", values)

    def _column(self, name: str, cells: Cells) -> pa.Array:
        try:
            return kinds.to_arrow(cells, self.kinds[name])
        except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:
            in_bytes = (
                is_binary(cells.type)
                if isinstance(cells, pa.Array)
                else any(isinstance(cell, bytes) for cell in cells)
            )
            found = "holds bytes that are no text" if in_bytes else f"cannot be read: {error}"
            raise SourceError(
                f"{self.path}: column '{name}' {found}: leave it out of the query, or CAST it"
            ) from None

    def _whole(self, what: str, tail: str = "") -> str:
        """A statement that asks for something of the query, which is called `q` in it."""
        return f"SELECT {what} FROM (\n{self.statement.sql}\n) q{tail}"  # noqa: S608 - names are quoted, values bound


@contextmanager
def opened(wanted: Wanted) -> Iterator[Session]:
    """Send a recipe's query to its database.

    Raises
    ------
    SourceError
        The template, the query, the connection or the database's answer is wrong.
    """
    database, statement = prepared(wanted)
    try:
        with database.link(address_of(wanted, statement), database) as link:
            yield Session(link, database, statement, path_of(wanted))
    except SourceError as error:
        if error.message.startswith(str(path_of(wanted))) or error.key not in (
            None,
            "model.loader.connection_uri",
        ):
            raise
        where = f"{path_of(wanted)}: " if error.key is None else ""
        raise SourceError(f"{where}{error.message}", error.key) from None


def address_of(wanted: Wanted, statement: Statement) -> Address:
    """Where the database is, and what the query asks it for."""
    return Address(connection_uri(wanted), (wanted.base, Path()), statement.tables)


def prepared(wanted: Wanted) -> tuple[Database, Statement]:
    """Database and statement of a recipe."""
    database = database_of(connection_uri(wanted))
    place = str(path_of(wanted))
    text = text_of(wanted)
    if wanted.uri.lower().endswith(".sql") and "{{" in text:
        raise SourceError(f"{place} holds {{{{ … }}}}: a template is called .sql.j2")
    sql = wanted.sql
    marked = render(text, {} if sql is None else sql.params, () if sql is None else sql.identifiers, place)
    return database, admit(marked, database.dialect, place)


def connection_uri(wanted: Wanted) -> str:
    """Address of the database."""
    if wanted.sql is None or not wanted.sql.connection:
        raise SourceError(
            "a query needs a database: set it here, as sqlite:///data/shop.db, or set ML_ASSETS_CONNECTION_URI",
            key="model.loader.connection_uri",
        )
    return wanted.sql.connection


def text_of(wanted: Wanted) -> str:
    """SQL as it is written, in the recipe or in its file."""
    if not is_file(wanted):
        return wanted.uri
    for base in (wanted.base, Path()):
        place = base / wanted.uri
        if place.is_file():
            try:
                return place.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise SourceError(f"{place} cannot be read: {error}") from None
    raise SourceError(
        f"source_uri '{wanted.name}': there is no such file in {wanted.base} or in the current folder"
    )


def is_file(wanted: Wanted) -> bool:
    """Whether the SQL is in a file, not in the recipe."""
    return not is_query(wanted.uri)


def path_of(wanted: Wanted) -> Path:
    """What messages call the query."""
    return Path(wanted.name) if is_file(wanted) else Path("the query")
