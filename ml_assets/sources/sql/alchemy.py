"""Databases by their dialects of SQLAlchemy: servers, and files of SQLite."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from ml_assets.failures import MendableError
from ml_assets.sources.paths import SourceError
from ml_assets.sources.sql.kinds import Kind
from ml_assets.sources.sql.link import CHUNK, Address, Cells, Link, found_file, words

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

    from ml_assets.sources.sql.databases import Database


class Alchemy:
    """A connection of SQLAlchemy; a large answer comes by a cursor on the server's side, where it has one."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self.connection, self.database = connection, database

    def columns(self, sql: str, values: Mapping[str, object]) -> list[tuple[str, Kind | None]]:
        """Names and kinds of the columns, by the description of an answer without rows."""
        dialect = self.connection.dialect
        # What Snowflake calls AMOUNT is what others call amount.
        name = dialect.normalize_name if dialect.requires_name_normalize else str
        with closing(self._run(f"{sql} LIMIT 0", values)) as result:
            return [(name(column[0]), self.database.kind(column)) for column in result.cursor.description]

    def rows(self, sql: str, values: Mapping[str, object]) -> list[Any]:
        """Rows of a small answer."""
        return list(self._run(sql, values).all())

    def parts(self, sql: str, values: Mapping[str, object]) -> Iterator[Sequence[Cells]]:
        """Rows of a large answer, as the values of each column."""
        with closing(self._run(sql, values, stream_results=True, max_row_buffer=CHUNK)) as result:
            for rows in result.partitions(CHUNK):
                yield list(zip(*rows, strict=True))

    def quoted(self, name: str) -> str:
        """Name as a statement has it."""
        return self.connection.dialect.identifier_preparer.quote(name).replace(":", r"\:")

    def _run(self, sql: str, values: Mapping[str, object], **options: Any) -> Any:
        from sqlalchemy import String, bindparam, text

        statement = text(sql)
        if self.database.typed:
            used = {name: values[name] for name in statement.compile().params}
            nothing = [bindparam(name, None, String) for name, value in used.items() if value is None]
            known = {name: value for name, value in used.items() if value is not None}
            return self.connection.execute(statement.bindparams(*nothing, **known), execution_options=options)
        return self.connection.execute(statement, dict(values), execution_options=options)


@contextmanager
def connected(address: Address, database: Database) -> Iterator[Link]:
    """Open a database for reading alone.

    Raises
    ------
    SourceError
        Its driver is not installed, it does not answer, or it refuses what it is asked; no message holds the password.
    """
    from sqlalchemy import text
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    password: str | None = None
    try:
        url = _url(address, database)
        password = url.password
        engine = _engine(url, database)
    except MendableError:  # a missing driver has no errors that could be imported
        raise
    except (ArgumentError, ValueError) as error:
        raise SourceError(
            f"is no address of a database: {words(error, password)}", key="model.loader.connection_uri"
        ) from None
    except database.failing() as error:
        raise SourceError(words(error, password), key="model.loader.connection_uri") from None
    try:
        with engine.connect() as connection:
            for statement in database.opening:
                connection.execute(text(statement))
            yield Alchemy(connection, database)
    except database.failing() as error:
        raise SourceError(words(error, password)) from None
    except SQLAlchemyError as error:
        raise SourceError(words(getattr(error, "orig", None) or error, password)) from None


def sqlite_files(address: Address, database: Database) -> list[Path]:
    """File of an SQLite database, and what was not yet written into it."""
    file = Path(unquote(re.sub(r"^file:", "", str(_url(address, database).database))))
    return [place for place in (file, file.with_name(f"{file.name}-wal")) if place.exists()]


def _url(address: Address, database: Database) -> URL:
    from sqlalchemy.engine import make_url

    _, _, rest = address.uri.partition("://")
    url = make_url(f"{database.driver}://{rest}")
    if database.dialect != "sqlite":
        return url
    if not url.database or url.database == ":memory:":
        raise SourceError(
            "an SQLite database in memory has no rows: name its file", key="model.loader.connection_uri"
        )
    found = found_file(url.database, address.bases)
    if found is None or not found.is_file():
        raise SourceError(f"there is no file {url.database}", key="model.loader.connection_uri")
    return url.set(database=f"file:{quote(str(found.absolute()))}", query={"mode": "ro", "uri": "true"})


def _engine(url: URL, database: Database) -> Engine:
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.exc import NoSuchModuleError

    style = {} if database.style is None else {"paramstyle": database.style}
    arguments: dict[str, Any] = {"connect_args": dict(database.arguments), **style}
    try:
        return create_engine(url, poolclass=NullPool, hide_parameters=True, **arguments)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        install = f"pip install 'ml_assets[{database.extra}]'"
        missing = getattr(error, "name", None) or database.driver
        raise SourceError(
            f"the driver {missing} is not installed: {install}", key="model.loader.connection_uri"
        ) from None
