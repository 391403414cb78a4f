"""Whether the ledger, MLflow's database and the files of every model are what was written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ml_assets.failures import SPACE, MendableError
from ml_assets.records.health import Examined
from ml_assets.registry import alias, champions, postgres
from ml_assets.registry.flaws import flaws_in_charge
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.versions import Registry
from ml_assets.settings import Settings
from ml_assets.settings.services import LEDGER
from ml_assets.shown import counted


def examine(settings: Settings) -> Iterator[Examined]:
    """Look at the ledger, at MLflow's database, and at the versions of every model in the ledger."""
    yield from server(settings)
    try:
        ledger = Ledger(settings.ledger)
    except MendableError as error:
        yield Examined(
            part="ledger", found=str(error), ok=False, remedy="see docs/operations.md, Lost ledger"
        )
        return
    yield Examined(part="ledger", found=f"{counted(ledger.newest_id(), 'entry')}, chain whole")
    if (database := settings.mlflow_database) is not None and database.is_file():
        yield sound(database)
    registry = Registry(settings, ledger)
    for recipe in ledger.recipes():
        yield from _versions(registry, recipe)


def server(settings: Settings) -> Iterator[Examined]:
    """Ask the environment's PostgreSQL who it is; nothing where there is none."""
    if settings.database is None:
        return
    try:
        with postgres.connected(settings.database, LEDGER) as connection:
            version = connection.exec_driver_sql("SHOW server_version").scalar()
    except postgres.UnreachableError as error:
        said, _, remedy = str(error).rpartition(": ")
        yield Examined(part="PostgreSQL", found=said, ok=False, remedy=remedy)
    else:
        yield Examined(part="PostgreSQL", found=f"{version} answers at {settings.database.place}")


def sound(database: Path) -> Examined:
    """Let SQLite examine a database file."""
    remedy = "stop the processes and restore it from a backup"
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            said = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except (
        sqlite3.OperationalError
    ) as error:  # a full or read-only disk, a lock: nothing is known of the file
        found = f"{database} could not be looked at: {error}"
        return Examined(part=database.name, found=found, ok=False, remedy=f"{SPACE}, then ask again")
    except sqlite3.DatabaseError as error:
        said = str(error)
    if said != "ok":
        return Examined(part=database.name, found=f"{database} is damaged: {said}", ok=False, remedy=remedy)
    return Examined(part=database.name, found="whole")


def _versions(registry: Registry, recipe: str) -> Iterator[Examined]:
    versions = champions.versions(registry.ledger, recipe)
    if not versions:
        return
    part = f"{recipe}: models"
    if lost := registry.lost(recipe):
        yield Examined(part=part, found=lost, ok=False, remedy="see docs/operations.md, Lost registry")
        return
    if moved := alias.moved(registry, recipe):
        yield Examined(part=part, found=moved, ok=False, remedy="see docs/operations.md, A moved alias")
    for said in flaws_in_charge(registry.ledger, recipe):
        what, _, remedy = said.rpartition(". ")
        yield Examined(
            part=part, found=what, ok=False, remedy=f"{remedy[0].lower()}{remedy[1:]}: `ml-assets train`"
        )
    faults = [text for info in versions for text in registry.files.faults(recipe, info.version)]
    for text in faults:
        yield Examined(part=part, found=text, ok=False, remedy="restore it from a backup, or train again")
    if not faults:
        yield Examined(
            part=part, found=f"{len(versions)} version{'s' * (len(versions) != 1)}, all files as registered"
        )
