"""The same commands with everything in PostgreSQL; what is set and what answers, told without a password."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.e2e.test_command_line import MONTHLY, check_train
from ml_assets_tests.support.command_line import ml_assets, ml_assets_process, shoppers
from ml_assets_tests.support.databases import database

SECRET = "hunter2"
NOBODY = "127.0.0.1:9"
"""An address at which nothing listens."""


@pytest.fixture
def dev(shop: Shop, environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The shop under `APP_ENV=dev`: its home is empty, its history will be in PostgreSQL."""
    shutil.rmtree(shop.home)
    with database("postgresql", tmp_path) as address:
        environment.setenv("APP_ENV", "dev")
        environment.setenv("ML_ASSETS_DATABASE_URI", address)
        environment.setenv("ML_ASSETS_DATABASE_PASSWORD", SECRET)  # the server trusts whoever comes
        yield address


def test_a_model_lives_in_postgresql_by_the_same_commands(dev: str, shop: Shop) -> None:
    outcomes = [ml_assets("train", "--recipe-file", shop.folder / "good.yaml", "--json")]
    check_train(outcomes[0])
    months = [shoppers(160, month).assign(day=f"2024-0{month}-15") for month in (1, 2, 3)]
    path = shop.recipe("monthly", pd.concat(months), **{"training: {window: all}": MONTHLY})
    outcomes.append(walked := ml_assets("backfill", "--recipe-file", path, "--json"))
    assert [row["champion_version"] for row in walked.result["batches"]] == [None, 1, 1]
    assert ml_assets("backfill", "monthly", "--json").result == walked.result, "nothing is done twice"
    outcomes.append(ml_assets("train", "--recipe-file", shop.folder / "good.yaml", "--json"))
    outcomes.append(ml_assets("promote", "good", "2", "--force", "--json"))
    outcomes.append(rolled := ml_assets("rollback", "good", "--json"))
    assert (rolled.code, rolled.result["champion_version"]) == (0, 1)
    outcomes.append(status := ml_assets("status", "--json"))
    versions = {row["name"]: row["champion_version"] for row in status.result["recipes"]}
    assert versions == {"good": 1, "monthly": 1}
    outcomes.append(ml_assets("explain", "good", "--json"))
    outcomes.append(healthy := ml_assets("doctor", "--json"))
    assert [each for each in healthy.result["checks"] if not each["ok"] and each["part"] != "Redis"] == []
    assert [outcome.code for outcome in outcomes[:-1]] == [0] * (len(outcomes) - 1)
    with sa.create_engine(dev, poolclass=sa.NullPool).connect() as connection:
        tables = "SELECT count(*) FROM {}"
        found = [
            connection.exec_driver_sql(tables.format(name)).scalar()
            for name in ("dagster.runs", "mlflow.model_versions", "ml_assets.decisions")
        ]
    assert found[0] >= 6 and found[1] == 3 and found[2] >= 6
    assert [path.name for path in shop.home.rglob("*.db")] == [], "no history in files"
    for outcome in outcomes:
        assert SECRET not in outcome.out + outcome.err
    for path in shop.home.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_a_home_belongs_to_one_kind_of_database(
    dev: str, shop: Shop, environment: pytest.MonkeyPatch
) -> None:
    assert ml_assets("status", "--json").code == 0
    for variable in ("APP_ENV", "ML_ASSETS_DATABASE_URI"):
        environment.delenv(variable)
    refused = ml_assets("status", "--json")
    assert refused.code == 2
    assert (
        f"{shop.home}: its history is in PostgreSQL, and no database is set. Set ML_ASSETS_HOME"
        in refused.message
    )
    shutil.rmtree(shop.home)
    assert ml_assets("status", "--json").code == 0
    environment.setenv("APP_ENV", "dev")
    environment.setenv("ML_ASSETS_DATABASE_URI", dev)
    refused = ml_assets("status", "--json")
    assert refused.code == 2
    assert "its history is in SQLite (ledger.db), not in postgresql://" in refused.message


@pytest.mark.parametrize(
    "command", [("status",), ("train", "--recipe-file", "good.yaml"), ("explain", "good")]
)
def test_a_database_that_does_not_answer_is_told_in_one_line(
    shop: Shop, environment: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    shutil.rmtree(shop.home)
    environment.setenv("APP_ENV", "dev")
    environment.setenv("ML_ASSETS_DATABASE_URI", f"postgresql://me:{SECRET}@{NOBODY}/ml")
    began = time.monotonic()
    ended = ml_assets_process(*command, "--json", folder=shop.folder)
    assert time.monotonic() - began < 30
    assert ended.code == 1
    assert "connection failed: " in ended.message and "\n" not in ended.message
    assert "Connection refused" in ended.message and "ML_ASSETS_DATABASE_URI" in ended.message
    assert SECRET not in ended.out + ended.err


def test_the_environment_is_told_with_its_layers(shop: Shop, environment: pytest.MonkeyPatch) -> None:
    own = shop.write("own.txt", "sensor_seconds: 7\ndatabase: {uri: 'postgresql://me@127.0.0.1:9/ml'}")
    environment.setenv("APP_ENV", "dev")
    environment.setenv("ML_ASSETS_CONFIG", str(own))
    environment.setenv("ML_ASSETS_DATABASE_PASSWORD", SECRET)
    environment.setenv("ML_ASSETS_SENSOR_SECOND", "5")
    with socket.socket() as redis:  # takes whoever knocks, and says nothing
        redis.bind(("127.0.0.1", 0))
        redis.listen()
        environment.setenv("ML_ASSETS_REDIS_URI", f"redis://:{SECRET}@127.0.0.1:{redis.getsockname()[1]}/0")
        told = ml_assets("status", "--environment", "--json")
        shown = ml_assets("status", "--environment")
    assert told.code == 1 and "error" not in told.result
    rows = {row["key"]: (row["value"], row["from"]) for row in told.result["settings"]}
    assert rows["sensor_seconds"] == ("7", str(own))
    assert rows["tuning_timeout"] == ("3600", "base.yaml")
    assert rows["serving.enabled"] == ("true", "dev.yaml")
    assert rows["home"] == (str(shop.home), "ML_ASSETS_HOME")
    assert rows["database.password"] == ("(set; not shown)", "ML_ASSETS_DATABASE_PASSWORD")
    assert rows["warehouse.uri"] == (None, None)
    assert told.result["unknown"] == ["ML_ASSETS_SENSOR_SECOND"]
    assert "ML_ASSETS_SENSOR_SECOND is set, and no setting is called so. Did you mean" in shown.out
    assert {each["part"]: each["ok"] for each in told.result["checks"]} == {
        "home": True, "disk": True, "PostgreSQL": False, "Redis": True, "feature store": True, "alerts": True,
    }  # fmt: skip
    assert f"NOT WELL  PostgreSQL: postgresql://{NOBODY}/ml: connection failed: " in shown.out
    for outcome in (told, shown):
        assert SECRET not in outcome.out + outcome.err
