"""Dagster's log without an entity: samples of rows stand in the metadata of its events."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_assets.registry import postgres
from ml_assets.settings import Settings
from ml_assets.settings.services import DAGSTER

if TYPE_CHECKING:
    from ml_assets.erasure.entity import Entity

TEXTS: Final = {
    "event_logs": ("id", "event"),
    "asset_keys": ("id", "last_materialization"),
    "runs": ("id", "run_body"),
}
"""Tables of Dagster that hold events or runs as JSON: key and column."""


def forget_events(settings: Settings, entity: Entity) -> None:
    """Take an entity out of Dagster's events: of its tables of samples the rows, of its texts the value."""
    asked = {f"form{place}": form for place, form in enumerate(entity.forms)}
    if settings.database is not None:
        with postgres.connected(settings.database, DAGSTER) as connection:
            for table, (key, column) in TEXTS.items():
                holds = " OR ".join(f"strpos({column}, %({name})s) > 0" for name in asked)
                found = connection.exec_driver_sql(
                    f"SELECT {key}, {column} FROM {table} WHERE {holds}",  # noqa: S608 - names of ours
                    asked,
                ).all()
                for number, text in changed(found, entity):
                    connection.exec_driver_sql(
                        f"UPDATE {table} SET {column} = %(text)s WHERE {key} = %(key)s",  # noqa: S608 - names of ours
                        {"text": text, "key": number},
                    )
        return
    for path in sorted((settings.dagster_home / "history").rglob("*.db")):
        _forget_in(path, entity)


def _forget_in(path: Path, entity: Entity) -> None:
    """Change one file; what stood there before is overwritten, in its write-ahead log too."""
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        connection.execute("PRAGMA secure_delete=ON")
        there = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        for table, (key, column) in TEXTS.items():
            if table not in there:
                continue
            holds = " OR ".join(f"instr({column}, ?)" for _ in entity.forms)
            found = connection.execute(
                f"SELECT {key}, {column} FROM {table} WHERE {holds}",  # noqa: S608 - names of ours
                entity.forms,
            ).fetchall()
            with connection:
                connection.executemany(
                    f"UPDATE {table} SET {column} = ? WHERE {key} = ?",  # noqa: S608 - names of ours
                    [(text, number) for number, text in changed(found, entity)],
                )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def changed(found: Iterable[Any], entity: Entity) -> list[tuple[Any, str]]:
    """Give the texts that become others."""
    result = []
    for number, text in found:
        new = _without(text, entity.out_of_json, entity.out_of_text)
        if new != text:
            result.append((number, new))
    return result


def _without(text: str, in_json: Callable[[Any], Any], in_text: Callable[[str], str]) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return in_text(text)
    new = in_json(value)
    return text if new == value else json.dumps(new)
