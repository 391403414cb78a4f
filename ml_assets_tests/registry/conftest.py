"""A registry whose MLflow has no model yet, in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_assets.registry.versions import Registry
from ml_assets.settings import Settings
from ml_assets_tests.support.databases import database
from ml_assets_tests.support.installations import Copies, template, with_database
from ml_assets_tests.support.registry_workers import open_registry


@pytest.fixture(scope="session")
def postgres_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with template(tmp_path_factory.mktemp("postgres_template")) as address:
        yield address


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def registry(request: pytest.FixtureRequest, mlflow_home: Path) -> Iterator[Registry]:
    if request.param == "sqlite":
        yield open_registry(Settings(home=mlflow_home))
        return
    (mlflow_home / "mlflow.db").unlink()
    with database("postgresql", mlflow_home, request.getfixturevalue("postgres_template")) as address:
        yield open_registry(with_database(mlflow_home, address))


@pytest.fixture
def copies() -> Iterator[Copies]:
    with Copies() as made:
        yield made
