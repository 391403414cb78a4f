"""The chain of the ledger: each entry's hash covers the entry and the hash before, so that no byte changes unnoticed.

The links are a table of their own beside the entries: an old ledger is chained when it is first opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from ml_assets.registry.table import decisions, links

BEGINNING: Final = "0" * 64

TEXTS: Final = [sa.cast(column, sa.Text) for column in decisions.columns]
"""An entry as the database holds it, letter for letter."""

_VERIFIED: Final[dict[str, tuple[int, str]]] = {}
"""Ledgers whose entries this process has verified: how far, and the hash there."""


def link(before: str, texts: Sequence[str | None]) -> str:
    """Hash an entry together with the hash of the one before."""
    return hashlib.sha256(json.dumps([before, *texts]).encode()).hexdigest()


def queue(connection: sa.Connection) -> None:
    """Let one writer at a time read the newest link and write the next; first in its transaction."""
    statement = {
        "sqlite": "BEGIN IMMEDIATE",
        "postgresql": "SELECT pg_advisory_xact_lock(hashtext('decisions_chain'))",
    }
    connection.exec_driver_sql(statement[connection.dialect.name])


def extend(connection: sa.Connection) -> None:
    """Chain the entries that have no link yet: the one just written, or those of an old ledger."""
    newest = connection.execute(sa.select(links).order_by(links.c.id.desc()).limit(1)).one_or_none()
    number, before = (0, BEGINNING) if newest is None else (newest.id, newest.hash)
    query = sa.select(decisions.c.id, *TEXTS).where(decisions.c.id > number).order_by(decisions.c.id)
    for entry, *texts in connection.execute(query).all():
        before = link(before, texts)
        connection.execute(sa.insert(links).values(id=entry, hash=before))


def is_whole(connection: sa.Connection) -> bool:
    """Whether the newest entry has its link."""
    newest = (sa.select(sa.func.max(column)).scalar_subquery() for column in (decisions.c.id, links.c.id))
    entry, chained = connection.execute(sa.select(*newest)).one()
    return bool(entry == chained)


def verify(connection: sa.Connection, place: str) -> str | None:
    """Say what is not as it was written; None where all is. What this process has verified is not read again."""
    number, before = _VERIFIED.get(place, (0, BEGINNING))
    if number and connection.execute(sa.select(links.c.hash).where(links.c.id == number)).scalar() != before:
        number, before = 0, BEGINNING  # another ledger in the same place
    if not number and (fault := _structure(connection)):
        return fault
    verified, fault = _follow(connection.execute(following(number)), number, before)
    if fault is None:
        _VERIFIED[place] = verified
    return fault


def following(number: int) -> sa.Select[Any]:
    """Ask for the entries after one: id, hash of the link, and what was hashed."""
    return (
        sa.select(decisions.c.id, links.c.hash, *TEXTS)
        .select_from(sa.outerjoin(decisions, links, decisions.c.id == links.c.id))
        .where(decisions.c.id > number)
        .order_by(decisions.c.id)
    )


def _follow(rows: Iterable[Any], number: int, before: str) -> tuple[tuple[int, str], str | None]:
    for entry, expected, *texts in rows:
        found = link(before, texts)
        if found != expected:
            return (number, before), f"entry {entry} is not what was written"
        number, before = entry, found
    return (number, before), None


def _structure(connection: sa.Connection) -> str | None:
    """Count entries and links; let SQLite compare its tables with its indexes, which could have lost an entry."""
    if connection.dialect.name == "sqlite":
        said = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        if said != "ok":
            return str(said)
    counts = (sa.select(sa.func.count()).select_from(table).scalar_subquery() for table in (decisions, links))
    entries, chained = connection.execute(sa.select(*counts)).one()
    return None if entries == chained else f"{entries} entries are there, {chained} were written"
