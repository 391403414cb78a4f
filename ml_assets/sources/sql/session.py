"""A query and the database that answers it, open for a while: names, kinds, counts and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ml_assets.names import composed
from ml_assets.recipe.readable import is_query
from ml_assets.sources.header import check_names
from ml_assets.sources.marks import Window
from ml_assets.sources.paths import SourceError
from ml_assets.sources.sql import kinds
from ml_assets.sources.sql.databases import Database, connected, database_of
from ml_assets.sources.sql.kinds import Kind
from ml_assets.sources.sql.statement import Statement, admit
from ml_assets.sources.sql.template import render

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ml_assets.sources.wanted import Wanted

CHUNK = 50_000
"""Rows that are fetched, and made into columns, at once."""


class Session:
    """A query on an open connection; its rows are never all in memory but as columns."""

    def __init__(self, connection: Connection, database: Database, statement: Statement, path: Path) -> None:
        self.connection, self.database, self.statement, self.path = connection, database, statement, path
        result = self._run("*", " LIMIT 0")
        description = result.cursor.description
        self.written = {composed(str(column[0])): str(column[0]) for column in description}
        self.names: list[str] = [composed(str(column[0])) for column in description]
        check_names(self.names, path)
        told = {composed(str(column[0])): database.kind(column) for column in description}
        result.close()
        untold = [name for name, kind in told.items() if kind is None]
        self.kinds: dict[str, Kind] = {
            name: kind for name, kind in told.items() if kind is not None
        } | self._stored(untold)

    def quoted(self, name: str) -> str:
        """Name of a column as the database has it in a statement."""
        return "q." + self.connection.dialect.identifier_preparer.quote(self.written[name]).replace(
            ":", r"\:"
        )

    def count(self) -> int:
        """Rows of the query."""
        return int(self.all("COUNT(*)")[0][0])

    def all(self, what: str, tail: str = "") -> list[Any]:
        """Rows of a small answer: `what` of the query `q`, with what follows it in the statement."""
        return list(self._run(what, tail).all())

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
        result = self._run(", ".join(map(self.quoted, names)), condition + limit, values, streamed=True)
        with closing(result):
            yield pa.table({name: kinds.empty(self.kinds[name]) for name in names})
            for rows in result.partitions(CHUNK):
                yield pa.table({
                    name: self._column(name, list(cells))
                    for name, cells in zip(names, zip(*rows, strict=True), strict=True)
                })  # fmt: skip

    def within(self, column: str, window: Window) -> tuple[str, dict[str, object]]:
        """Condition that a time lies in a window, and its values."""
        start, end = window
        parts = [f"{self.quoted(column)} >= :begin"] * (start is not None) + [
            f"{self.quoted(column)} < :until"
        ] * (end is not None)
        values = {"begin": start, "until": end}
        return " AND ".join(parts), {name: moment for name, moment in values.items() if moment is not None}

    def days(self, column: str, unit: str, extra: str = "") -> list[Any]:
        """Times cut to a unit, how many rows each has, and what `extra` adds; the database groups them."""
        assert self.database.cut is not None
        cut = self.database.cut(self.quoted(column), unit)
        return self.all(f"{cut}, COUNT(*){extra}", f" GROUP BY {cut}")

    def _column(self, name: str, cells: list[Any]) -> pa.Array:
        try:
            return kinds.to_arrow(cells, self.kinds[name])
        except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:
            example = next((cell for cell in cells if isinstance(cell, bytes)), None)
            found = "holds bytes that are no text" if example is not None else f"cannot be read: {error}"
            raise SourceError(
                f"{self.path}: column '{name}' {found}: leave it out of the query, or CAST it"
            ) from None

    def _run(
        self, what: str, tail: str = "", values: Mapping[str, object] | None = None, *, streamed: bool = False
    ) -> Any:
        from sqlalchemy import text

        whole = f"SELECT {what} FROM (\n{self.statement.sql}\n) q{tail}"  # noqa: S608 - names are quoted, values bound
        options: dict[str, Any] = {"stream_results": True, "max_row_buffer": CHUNK} if streamed else {}
        given: dict[str, object] = {**self.statement.values, **(values or {})}
        return self.connection.execute(text(whole), given, execution_options=options)

    def _stored(self, names: list[str]) -> dict[str, Kind]:
        """Kinds of columns that have none of their own, by what is stored in all rows."""
        found: dict[str, Kind] = {}
        for name in names:
            rows = self.all(f"DISTINCT typeof({self.quoted(name)})")
            found[name] = kinds.of_storage({row[0] for row in rows})
        return found


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
        with connected(connection_uri(wanted), database, (wanted.base, Path())) as connection:
            yield Session(connection, database, statement, path_of(wanted))
    except SourceError as error:
        if error.message.startswith(str(path_of(wanted))) or error.key not in (None, "loader.connection_uri"):
            raise
        where = f"{path_of(wanted)}: " if error.key is None else ""
        raise SourceError(f"{where}{error.message}", error.key) from None


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
            key="loader.connection_uri",
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
