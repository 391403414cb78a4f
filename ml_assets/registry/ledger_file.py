"""Where the ledger is kept: its one engine, and the words for a file that is damaged."""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from ml_assets.failures import MendableError
from ml_assets.registry.table import SQLITE_SECONDS


class LedgerDamagedError(MendableError, RuntimeError):
    """The ledger's file is no database any more, or a damaged one."""


@lru_cache(maxsize=32)
def engine_of(url: sa.URL) -> sa.Engine:
    """Give the one engine of a place: it remembers how its questions are put, for every model."""
    # No pool: a connection must not travel into a forked process.
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    def tell_damage(context: sa.engine.ExceptionContext) -> None:
        if type(context.original_exception) is sqlite3.DatabaseError:  # its subclasses are other matters
            raise damaged(url, str(context.original_exception))

    if url.get_backend_name() == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "handle_error", tell_damage)
    return engine


def damaged(url: sa.URL, fault: str) -> LedgerDamagedError:
    """Say what is wrong with a ledger, where it is, and what to do; no password is in it."""
    place = url.set(username=None, password=None, query={}) if url.host else url.database
    return LedgerDamagedError(
        f"{place} is damaged ({fault}): stop the processes and restore it from a backup, or move it"
        " away: versions and champions are then read back from MLflow, decisions are lost"
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout={SQLITE_SECONDS * 1000}")
    connection.execute("PRAGMA synchronous=FULL")
