"""The schemas in PostgreSQL are made once and whole, whoever races for them and whenever a kill comes."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa

from ml_assets.registry.database import aliased, create_database, has_version
from ml_assets.registry.postgres import UnreachableError, connected, has_schema, prepare
from ml_assets.settings import Settings
from ml_assets.settings.services import MLFLOW
from ml_assets_tests.support.databases import database, server
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


def test_who_waited_sees_what_was_made_meanwhile(tmp_path: Path) -> None:
    with database("postgresql", tmp_path) as address:
        settings = with_database(tmp_path, address)
        assert settings.database is not None
        with connected(settings.database, MLFLOW) as waiting:
            assert not has_schema(waiting, MLFLOW)
            with sa.create_engine(address, poolclass=sa.NullPool).begin() as other:
                other.execute(sa.schema.CreateSchema(MLFLOW))
            assert has_schema(waiting, MLFLOW)


def test_a_user_without_the_right_is_told_what_to_ask_for(tmp_path: Path) -> None:
    role = f"ml_assets_{uuid.uuid4().hex[:12]}"
    with database("postgresql", tmp_path) as address, server("postgresql") as owner:
        owner.exec_driver_sql(f"CREATE ROLE {role} LOGIN")
        try:
            url = sa.make_url(address).set(username=role)
            settings = with_database(tmp_path, url.render_as_string(hide_password=False))
            assert settings.database is not None
            with pytest.raises(
                UnreachableError, match=r"permission denied .*: its owner .* GRANT CREATE ON DATABASE"
            ):
                prepare(settings.database)
            owner.exec_driver_sql(f"GRANT CREATE ON DATABASE {url.database} TO {role}")
            prepare(settings.database)
            prepare(settings.database)
            assert _schemas(address) == {"dagster", "ml_assets"}
        finally:
            with sa.create_engine(address, poolclass=sa.NullPool).begin() as inside:
                inside.exec_driver_sql(f"DROP OWNED BY {role} CASCADE")
            owner.exec_driver_sql(f"DROP ROLE {role}")
