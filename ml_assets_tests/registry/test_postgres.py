"""The schemas in PostgreSQL are made once and whole, whoever races for them and whenever a kill comes."""

from __future__ import annotations

import time
from pathlib import Path

import sqlalchemy as sa

from ml_assets.registry.database import aliased, create_database, has_version
from ml_assets.settings import Settings
from ml_assets_tests.support.databases import database
from ml_assets_tests.support.installations import with_database
from ml_assets_tests.support.processes import processes


def _schemas(address: str) -> set[str]:
    with sa.create_engine(address, poolclass=sa.NullPool).connect() as connection:
        names = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        return set(connection.exec_driver_sql(names).scalars()) - {"public"}


def _make(settings: Settings) -> None:
    create_database(settings)


def test_a_killed_creation_leaves_nothing_and_a_race_makes_one(tmp_path: Path) -> None:
    with database("postgresql", tmp_path) as address:
        settings = with_database(tmp_path, address)
        assert not has_version(settings, "churn", 1), "nothing is there yet"
        context = processes()
        killed = context.Process(target=_make, args=(settings,))
        killed.start()
        deadline = time.monotonic() + 120
        while not _schemas(address) and time.monotonic() < deadline:
            time.sleep(0.05)
        (half,) = _schemas(address)
        killed.kill()
        killed.join()
        assert half.startswith("mlflow_")
        racers = [context.Process(target=_make, args=(settings,)) for _ in range(2)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join(120)
            assert racer.exitcode == 0
        assert _schemas(address) == {"mlflow"}
        assert aliased(settings, "churn", "champion") is None
        with sa.create_engine(address, poolclass=sa.NullPool).connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM mlflow.experiments").scalar() == 1
