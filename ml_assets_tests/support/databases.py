"""Real databases for tests: a file of SQLite, and a database of its own on each server that answers."""

from __future__ import annotations

import os
import socket
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pytest
import sqlalchemy as sa

SERVERS = {
    "postgresql": os.environ.get(
        "ML_ASSETS_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test"
    ),
    "mariadb": os.environ.get("ML_ASSETS_TEST_MARIADB", "mariadb+pymysql://root@127.0.0.1:3306/test"),
}
"""By the beginning of `connection_uri`."""
REDIS = os.environ.get("ML_ASSETS_TEST_REDIS", "redis://127.0.0.1:6379/9")
KINDS = ("sqlite", *SERVERS)
QUERIED = ("duckdb", "parquet", *KINDS)
"""Kinds that rows are read from: those, a database of DuckDB, and a folder whose Parquet files DuckDB reads."""
FILES = {
    "sqlite": "sqlite:///{folder}/rows.db",
    "duckdb": "duckdb:///{folder}/rows.duckdb",
    "parquet": "duckdb:///{folder}",
}
"""Addresses of those that are files."""
REQUIRED = "ML_ASSETS_TEST_REQUIRED"
"""Kinds of servers whose tests may not be skipped, separated by commas: what this module prints, run by itself."""


def absent(kind: str, reason: str) -> NoReturn:
    """Skip for want of a server; fail where it is there."""
    if kind in os.environ.get(REQUIRED, "").split(","):
        pytest.fail(f"{kind} is there, and its test would be skipped: {reason}")
    pytest.skip(reason)


@contextmanager
def server(kind: str) -> Iterator[sa.Connection]:
    """Connect to a server; skip where none answers."""
    engine = sa.create_engine(SERVERS[kind], poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    try:
        connection = engine.connect()
    except sa.exc.OperationalError as error:
        absent(kind, f"no {kind} at {engine.url}: {error.orig}")
    with connection:
        yield connection


@contextmanager
def database(kind: str, folder: Path, template: str | None = None) -> Iterator[str]:
    """Address of a new database, which is gone afterwards; skip where no server answers.

    Parameters
    ----------
    template : str, optional
        Address of a database of PostgreSQL that it begins as; whoever is connected to that one is disconnected.
    """
    if kind in FILES:
        yield FILES[kind].format(folder=folder)
        return
    name = f"ml_assets_{uuid.uuid4().hex[:12]}"
    with server(kind) as connection:
        like = ""
        if template is not None:
            first = sa.make_url(template).database
            connection.execute(
                sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
                {"name": first},
            )
            like = f" TEMPLATE {first}"
        connection.exec_driver_sql(f"CREATE DATABASE {name}{like}")
        if kind == "postgresql":  # nothing here outlives the server: no transaction need wait for its disk
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit TO off")
    try:
        yield sa.make_url(SERVERS[kind]).set(database=name).render_as_string(hide_password=False)
    finally:
        with server(kind) as connection:
            force = " WITH (FORCE)" if kind == "postgresql" else ""
            connection.exec_driver_sql(f"DROP DATABASE {name}{force}")


def put(address: str, frame: pd.DataFrame, table: str = "orders", *, index: bool = False) -> None:
    """Write the rows of a table anew."""
    if not address.startswith("duckdb"):
        engine = sa.create_engine(address, poolclass=sa.NullPool)
        frame.to_sql(table, engine, index=index, if_exists="replace")
        return
    given = frame.reset_index() if index else frame
    texts = given.select_dtypes("object").columns
    kinds = "".join(f", CAST({name} AS VARCHAR) AS {name}" for name in texts)
    replaced = f"REPLACE ({kinds[2:]})" if kinds else ""
    with _duckdb(address, table) as connection:
        connection.register("given", given)
        connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * {replaced} FROM given")


def execute(address: str, sql: str, table: str = "orders") -> None:
    """Carry out a statement that changes a table."""
    if address.startswith("duckdb"):
        with _duckdb(address, table) as connection:
            connection.execute(sql)
        return
    with sa.create_engine(address, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql(sql)


@contextmanager
def _duckdb(address: str, table: str) -> Iterator[Any]:
    """Open a database of DuckDB for writing; a folder has each table in a file."""
    duckdb = pytest.importorskip("duckdb")
    place = Path(address.removeprefix("duckdb:///"))
    file = place / f"{table}.parquet"
    with duckdb.connect(":memory:" if place.is_dir() else str(place)) as connection:
        if file.is_file():
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM '{file}'")
        yield connection
        if place.is_dir():
            connection.execute(f"COPY {table} TO '{file}'")


def listening() -> list[str]:
    """Kinds of servers whose port is open."""
    found = []
    for kind, address in {**SERVERS, "redis": REDIS}.items():
        url = sa.make_url(address)
        with socket.socket() as probe:
            probe.settimeout(3)
            if probe.connect_ex((url.host or "127.0.0.1", url.port or 0)) == 0:
                found.append(kind)
    return found


if __name__ == "__main__":
    sys.stdout.write(",".join(listening()))
