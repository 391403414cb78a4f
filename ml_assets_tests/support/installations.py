"""Where an installation keeps its state: SQLite in its home, or PostgreSQL; made, copied, and what is lost of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import pytest

from ml_assets.registry import postgres
from ml_assets.settings import Settings, read_settings
from ml_assets.settings.services import LEDGER, MLFLOW
from ml_assets_tests.support.databases import database

KINDS = ("sqlite", "postgresql")
IN_BOTH = pytest.mark.parametrize("registry", KINDS, indirect=True)
"""For tests of a registry that are always tried in both; the others are tried in PostgreSQL among the slow ones."""
FILES = {"ledger": "ledger.db", "mlflow": "mlflow.db"}
SCHEMAS = {"ledger": LEDGER, "mlflow": MLFLOW}


def with_database(home: Path, address: str) -> Settings:
    """Settings of a home whose history is in PostgreSQL."""
    return read_settings({"ML_ASSETS_HOME": str(home), "ML_ASSETS_DATABASE_URI": address})


@contextmanager
def template(folder: Path) -> Iterator[str]:
    """Address of a database with MLflow's tables: making them takes seconds, copying them a part of one."""
    with database("postgresql", folder) as address:
        settings = with_database(folder, address)
        assert settings.database is not None
        postgres.make_mlflow(settings.database, settings.mlflow_artifacts.as_uri())
        yield address


class Copies:
    """Makes copies of installations, and removes them at the end."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Copies:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def copy(
        self, settings: Settings, home: Path, lost: Literal["ledger", "mlflow"] | None = None
    ) -> Settings:
        """Copy the databases of an installation to another home; one of them may be lost on the way."""
        home.mkdir()
        if settings.database is None:
            for name, file in FILES.items():
                for path in settings.home.glob(f"{file}*") if name != lost else ():
                    shutil.copyfile(path, home / path.name)
            return Settings(home=home)
        made = database("postgresql", home, settings.database.uri)
        copied = with_database(home, self._stack.enter_context(made))
        if lost is not None:
            assert copied.database is not None
            with postgres.connected(copied.database, SCHEMAS[lost]) as connection:
                connection.exec_driver_sql(f"DROP SCHEMA {SCHEMAS[lost]} CASCADE")
        return copied
