"""Real databases for tests: a file of SQLite, and a database of its own on each server that answers."""

from __future__ import annotations

import os
import socket
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
import sqlalchemy as sa

SERVERS = {
    "postgresql": os.environ.get(
        "ML_ASSETS_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test"
    ),
    "mariadb": os.environ.get("ML_ASSETS_TEST_MARIADB", "mariadb+pymysql://root@127.0.0.1:3306/test"),
}
"""By the beginning of `connection_uri`."""
KINDS = ("sqlite", *SERVERS)
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
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'rows.db'}"
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
    try:
        yield sa.make_url(SERVERS[kind]).set(database=name).render_as_string(hide_password=False)
    finally:
        with server(kind) as connection:
            force = " WITH (FORCE)" if kind == "postgresql" else ""
            connection.exec_driver_sql(f"DROP DATABASE {name}{force}")


def listening() -> list[str]:
    """Kinds of servers whose port is open."""
    found = []
    for kind, address in SERVERS.items():
        url = sa.make_url(address)
        with socket.socket() as probe:
            probe.settimeout(3)
            if probe.connect_ex((url.host or "127.0.0.1", url.port or 0)) == 0:
                found.append(kind)
    return found


if __name__ == "__main__":
    sys.stdout.write(",".join(listening()))
