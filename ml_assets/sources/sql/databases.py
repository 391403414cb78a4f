"""The databases that queries are sent to, one row each: all that depends on one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from ml_assets.failures import MendableError
from ml_assets.recipe.faults import did_you_mean
from ml_assets.shown import shown
from ml_assets.sources.paths import SourceError
from ml_assets.sources.sql import kinds
from ml_assets.sources.sql.kinds import Kind

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

PATIENCE = 10
"""Seconds to wait for a connection."""


class Database(NamedTuple):
    """How a kind of database is spoken to."""

    dialect: str
    """Its SQL, as sqlglot calls it."""
    driver: str
    """Dialect and driver, as SQLAlchemy calls them."""
    extra: str | None
    """Extra of this package that installs the driver; None where it is always there."""
    opening: tuple[str, ...]
    """Statements before the first query: only reading, one moment for all queries, times in UTC."""
    kind: Callable[[Any], Kind | None]
    """Kind of a column by its description (DB-API 2.0, `cursor.description`); None: not told."""
    cut: Callable[[str, str], str] | None
    """A time cut to its day, hour or minute; None: its times have no type."""
    hashed: Callable[[list[str]], str] | None
    """Whole number of 60 bits or so that tells rows apart, from the columns of `q`; None: it has none."""


def _cut_in_mysql(time: str, unit: str) -> str:
    form = {"day": "%Y-%m-%d", "hour": "%Y-%m-%d %H:00:00", "minute": "%Y-%m-%d %H:%i:00"}[unit]
    # No colon may look like the name of a parameter.
    return f"CAST(DATE_FORMAT({time}, '{form}') AS DATETIME)".replace(":", r"\:")


def _hashed_in_mysql(columns: list[str]) -> str:
    cells = ", ".join(f"COALESCE(CAST({name} AS CHAR), CHAR(30))" for name in columns)
    return f"CAST(CONV(SUBSTRING(MD5(CONCAT_WS(CHAR(31), {cells})), 1, 15), 16, 10) AS UNSIGNED)"


_MYSQL = Database(
    dialect="mysql",
    driver="mysql+pymysql",
    extra="mysql",
    opening=("SET SESSION TRANSACTION READ ONLY", "SET time_zone = '+00\\:00'"),
    kind=kinds.in_mysql,
    cut=_cut_in_mysql,
    hashed=_hashed_in_mysql,
)
DATABASES: dict[str, Database] = {
    "postgresql": Database(
        dialect="postgres",
        driver="postgresql+psycopg",
        extra="postgres",
        opening=("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "SET TIME ZONE 'UTC'"),
        kind=kinds.in_postgresql,
        cut=lambda time, unit: f"date_trunc('{unit}', CAST({time} AS timestamp))",
        hashed=lambda columns: f"hashtextextended(CAST(ROW({', '.join(columns)}) AS text), 0)",
    ),
    "mysql": _MYSQL,
    "mariadb": _MYSQL._replace(driver="mariadb+pymysql"),
    "sqlite": Database(
        dialect="sqlite",
        driver="sqlite",
        extra=None,
        opening=(),
        kind=lambda _: None,
        cut=None,
        hashed=None,
    ),
}
"""By the beginning of `connection_uri`."""
PLANNED = ("bigquery", "snowflake", "duckdb", "oracle", "mssql", "redshift", "trino")


def database_of(connection_uri: str) -> Database:
    """Kind of database of an address.

    >>> database_of("postgresql://127.0.0.1/shop").dialect
    'postgres'

    Raises
    ------
    SourceError
        It is no address, or of no database that is read.
    """
    scheme = connection_uri.partition("://")[0].partition("+")[0].lower()
    scheme = "postgresql" if scheme == "postgres" else scheme
    if "://" not in connection_uri or scheme not in DATABASES:
        known = ", ".join(f"{name}://" for name in DATABASES)
        found = f"'{shown(scheme)}://'" if "://" in connection_uri else "what has no '://'"
        reason = " is not yet read" if scheme in PLANNED else ""
        hint = "" if reason else did_you_mean(scheme, list(DATABASES))
        raise SourceError(f"found {found}{reason}; read are {known}.{hint}", key="loader.connection_uri")
    return DATABASES[scheme]


@contextmanager
def connected(connection_uri: str, database: Database, bases: tuple[Path, ...]) -> Iterator[Connection]:
    """Open a database for reading alone.

    Parameters
    ----------
    connection_uri : str
        Address, as SQLAlchemy has it.
    database : Database
        Its kind.
    bases : tuple of Path
        Folders that a relative path of an SQLite file is looked for in.

    Raises
    ------
    SourceError
        Its driver is not installed, it does not answer, or it refuses what it is asked; no message holds the password.
    """
    from sqlalchemy import text
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    password: str | None = None
    try:
        url = _url(connection_uri, database, bases)
        password = url.password
        with _engine(url, database).connect() as connection:
            for statement in database.opening:
                connection.execute(text(statement))
            yield connection
    except MendableError:
        raise
    except (ArgumentError, ValueError) as error:
        raise SourceError(
            f"is no address of a database: {_words(error, password)}", key="loader.connection_uri"
        ) from None
    except SQLAlchemyError as error:
        raise SourceError(_words(getattr(error, "orig", None) or error, password)) from None


def _url(connection_uri: str, database: Database, bases: tuple[Path, ...]) -> URL:
    from sqlalchemy.engine import make_url

    _, _, rest = connection_uri.partition("://")
    url = make_url(f"{database.driver}://{rest}")
    if database.dialect != "sqlite":
        return url
    if not url.database or url.database == ":memory:":
        raise SourceError(
            "an SQLite database in memory has no rows: name its file", key="loader.connection_uri"
        )
    found = next((base / url.database for base in bases if (base / url.database).is_file()), None)
    if found is None:
        raise SourceError(f"there is no file {url.database}", key="loader.connection_uri")
    return url.set(database=f"file:{quote(str(found.absolute()))}", query={"mode": "ro", "uri": "true"})


def sqlite_file(connection_uri: str, bases: tuple[Path, ...]) -> Path | None:
    """File of an SQLite database; None for another."""
    database = database_of(connection_uri)
    if database.dialect != "sqlite":
        return None
    url = _url(connection_uri, database, bases)
    return Path(re.sub(r"^file:", "", str(url.database)))


def _engine(url: URL, database: Database) -> Engine:
    from sqlalchemy import NullPool, create_engine

    waiting = {"timeout": PATIENCE} if database.dialect == "sqlite" else {"connect_timeout": PATIENCE}
    try:
        return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=waiting)
    except ModuleNotFoundError as error:
        install = f"pip install 'ml_assets[{database.extra}]'"
        raise SourceError(
            f"the driver {error.name} is not installed: {install}", key="loader.connection_uri"
        ) from None


def _words(error: BaseException, password: str | None) -> str:
    """What a database said, on one line and without the password."""
    given = error.args[-1] if error.args and isinstance(error.args[-1], str) else str(error)
    line = " ".join(given.split()) or type(error).__name__
    return shown(line.replace(password, "***") if password else line)[:500]
