"""Locks of PostgreSQL that belong to no row: they hold among machines and end with the process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import sqlalchemy as sa

HELD: Final = sa.text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid::bigint = :high AND objid::bigint = :low"
)
"""Whether any session holds a lock, by the halves of its number."""


def number(name: str) -> int:
    """Number of the lock of a name, 64 bits."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


@contextmanager
def held(connection: sa.Connection, name: str) -> Iterator[Callable[[], bool]]:
    """Give what tries to take the lock of a name; it is given back at the end, not when the server sees the end."""
    taken = False

    def attempt() -> bool:
        nonlocal taken
        taken = bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(number(name)))).scalar())
        return taken

    try:
        yield attempt
    finally:
        if taken:
            with suppress(sa.exc.DBAPIError):  # the connection is gone, and the lock with it
                connection.execute(sa.select(sa.func.pg_advisory_unlock(number(name))))


def is_held(connection: sa.Connection, name: str) -> bool:
    """Whether any session holds the lock of a name."""
    high, low = divmod(number(name) % 2**64, 2**32)
    return bool(connection.execute(HELD, {"high": high, "low": low}).scalar())
