"""Real databases for tests: a file of SQLite, and a database of its own on each server that answers."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """Address of a new database, which is gone afterwards; skip where no server answers."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'rows.db'}"
        return
    server, name = SERVERS[kind], f"ml_assets_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(server, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    except sa.exc.OperationalError as error:
        pytest.skip(f"no {kind} at {engine.url}: {error.orig}")
    try:
        yield engine.url.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            force = " WITH (FORCE)" if kind == "postgresql" else ""
            connection.exec_driver_sql(f"DROP DATABASE {name}{force}")
