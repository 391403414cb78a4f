"""Locks of PostgreSQL that belong to no row: they hold among machines and end with the process."""

from __future__ import annotations

import hashlib
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


def is_held(connection: sa.Connection, name: str) -> bool:
    """Whether any session holds the lock of a name."""
    high, low = divmod(number(name) % 2**64, 2**32)
    return bool(connection.execute(HELD, {"high": high, "low": low}).scalar())
