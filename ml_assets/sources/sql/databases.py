"""The databases that queries are sent to, one row each: all that depends on one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ml_assets.recipe.faults import did_you_mean
from ml_assets.shown import shown
from ml_assets.sources.paths import SourceError
from ml_assets.sources.sql import alchemy, duck, kinds
from ml_assets.sources.sql.kinds import Kind
from ml_assets.sources.sql.link import PATIENCE, Address, Link
from ml_assets.sources.sql.statement import Statement

AGAIN = re.compile(r".+:\d+")
"""How SQLite calls a column whose name stands there already."""


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
    arguments: Mapping[str, object] = MappingProxyType({"connect_timeout": PATIENCE})
    """What its driver is given beside the address: the seconds to wait for a connection, as it calls them."""
    style: str | None = None
    """How values are marked for the driver (PEP 249, `paramstyle`), where that is not its own way."""
    typed: bool = False
    """Whether a value must say its type."""
    moment: Callable[[str], str] = lambda time: time
    """A time as it is compared with one in UTC without a zone."""
    failing: Callable[[], tuple[type[Exception], ...]] = tuple
    """Errors that its driver raises past SQLAlchemy."""
    link: Callable[[Address, Database], AbstractContextManager[Link]] = alchemy.connected
    """Opens it for reading alone."""
    files: Callable[[Address, Database], list[Path]] = lambda _address, _database: []
    """Files of this machine that it lies in."""
    written: Callable[[Link, Statement, list[str]], list[str]] = lambda _link, _statement, names: names
    """Names as the query has them, where it calls one that stands there twice otherwise, instead of refusing it."""


def _cut_in_mysql(time: str, unit: str) -> str:
    form = {"day": "%Y-%m-%d", "hour": "%Y-%m-%d %H:00:00", "minute": "%Y-%m-%d %H:%i:00"}[unit]
    # No colon may look like the name of a parameter.
    return f"CAST(DATE_FORMAT({time}, '{form}') AS DATETIME)".replace(":", r"\:")


def _hashed_in_mysql(columns: list[str]) -> str:
    cells = ", ".join(f"COALESCE(CAST({name} AS CHAR), CHAR(30))" for name in columns)
    return f"CAST(CONV(SUBSTRING(MD5(CONCAT_WS(CHAR(31), {cells})), 1, 15), 16, 10) AS UNSIGNED)"


def _written_in_sqlite(_link: Link, _statement: Statement, names: list[str]) -> list[str]:
    """Of id, id:1 and x: id, id and x."""
    known = {name.casefold(): name for name in reversed(names)}
    first = {name: known.get(name.rpartition(":")[0].casefold(), name) for name in names}
    return [first[name] if AGAIN.fullmatch(name) else name for name in names]


def _written_in_duckdb(link: Link, statement: Statement, _names: list[str]) -> list[str]:
    return [name for name, _ in link.columns(statement.sql, statement.values)]


def _in_utc_of_snowflake(time: str) -> str:
    return f"CAST(CONVERT_TIMEZONE('UTC', CAST({time} AS TIMESTAMP_TZ)) AS TIMESTAMP_NTZ)"


def _google_errors() -> tuple[type[Exception], ...]:
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    return GoogleAPIError, GoogleAuthError


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
        arguments={"timeout": PATIENCE},
        files=alchemy.sqlite_files,
        written=_written_in_sqlite,
    ),
    "bigquery": Database(
        dialect="bigquery",
        driver="bigquery",
        extra="bigquery",
        opening=(),
        kind=kinds.in_bigquery,
        cut=lambda time, unit: f"DATETIME_TRUNC(CAST({time} AS DATETIME), {unit.upper()})",
        # Sums of an INT64 overflow.
        hashed=lambda columns: (
            f"CAST(FARM_FINGERPRINT(TO_JSON_STRING(STRUCT({', '.join(columns)}))) AS NUMERIC)"
        ),
        arguments={"prefer_bqstorage_client": False},  # that takes a further library
        typed=True,
        moment=lambda time: f"CAST({time} AS DATETIME)",  # a TIMESTAMP is not compared with a DATETIME
        failing=_google_errors,
    ),
    "snowflake": Database(
        dialect="snowflake",
        driver="snowflake",
        extra="snowflake",
        opening=("ALTER SESSION SET TIMEZONE = 'UTC'",),
        kind=kinds.in_snowflake,
        cut=lambda time, unit: f"DATE_TRUNC('{unit}', {_in_utc_of_snowflake(time)})",
        hashed=lambda columns: f"HASH({', '.join(columns)})",
        arguments={"login_timeout": PATIENCE, "paramstyle": "qmark"},
        style="qmark",  # its own way writes values into the SQL; by this one they travel beside it
        moment=lambda time: _in_utc_of_snowflake(time),
    ),
    "duckdb": Database(
        dialect="duckdb",
        driver="duckdb",
        extra="duckdb",
        opening=(),
        kind=lambda _: None,
        cut=lambda time, unit: f"date_trunc('{unit}', CAST({time} AS timestamp))",
        hashed=lambda columns: f"md5_number_lower(CAST(ROW({', '.join(columns)}) AS VARCHAR))",
        link=duck.connected,
        files=duck.files,
        written=_written_in_duckdb,
    ),
}
"""By the beginning of `connection_uri`."""
PLANNED = ("oracle", "mssql", "redshift", "trino")


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
        raise SourceError(
            f"found {found}{reason}; read are {known}.{hint}", key="model.loader.connection_uri"
        )
    return DATABASES[scheme]
