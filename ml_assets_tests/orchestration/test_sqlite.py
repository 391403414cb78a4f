"""Dagster's storage in SQLite at less cost: the same files and answers, and nothing is asked twice."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from dagster._core.scheduler.instigation import InstigatorType, TickData, TickStatus
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

from ml_assets.lifecycle.known import load_states
from ml_assets.orchestration import sqlite
from ml_assets.orchestration.model_status import all_statuses
from ml_assets.orchestration.runs import dagster_yaml, open_instance
from ml_assets.settings import Settings
from ml_assets_tests.support.damage import RECIPE, write

KEY = dg.AssetKey(["churn", "drift_report"])
SENSOR = ("origin", "selector")

WRITTEN: tuple[Callable[[dg.DagsterInstance], object], ...] = (
    lambda instance: instance.add_run(dg.DagsterRun("churn_train", tags={"of": "churn"})),
    lambda instance: instance.report_runless_asset_event(
        dg.AssetMaterialization(KEY, partition="2024-01-01")
    ),
    lambda instance: instance.create_tick(
        TickData(
            SENSOR[0], "churn_retrain", InstigatorType.SENSOR, TickStatus.SKIPPED, 1.0, selector_id=SENSOR[1]
        )
    ),
)

ASKED: tuple[Callable[[dg.DagsterInstance], Any], ...] = (
    lambda instance: [
        record.dagster_run for record in instance.get_run_records(dg.RunsFilter(tags={"of": "churn"}))
    ],
    lambda instance: instance.run_storage.get_runs_count(),
    lambda instance: [event.partition_key for event in instance.fetch_materializations(KEY, limit=5).records],
    lambda instance: instance.event_log_storage.get_maximum_record_id(),
    lambda instance: [tick.tick_data for tick in instance.get_ticks(*SENSOR, limit=5)],
    lambda instance: instance.get_instigator_state(*SENSOR),
)

SCHEMA = re.compile("PRAGMA|sqlite_master|secondary_indexes|alembic")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(os, "environ", dict(os.environ))  # opening an instance names its home there
    return Settings(home=tmp_path / "home", recipes=(tmp_path,))


@contextmanager
def opened_by_dagster(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Open a home as Dagster does by itself."""
    place = settings.dagster_home / "dagster.yaml"
    place.write_bytes(dagster_yaml().read_bytes())
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield instance


@contextmanager
def statements() -> Iterator[list[str]]:
    """Note what is asked of databases meanwhile."""
    noted: list[str] = []

    def note(*told: Any) -> None:
        noted.append(told[2])

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield noted
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def test_a_home_is_the_same_whoever_opens_it(home: Settings) -> None:
    with open_instance(home) as ours:
        assert isinstance(ours.run_storage, sqlite.RunStorage)
        for write_one in WRITTEN:
            write_one(ours)
        told = [ask(ours) for ask in ASKED]
    with opened_by_dagster(home) as theirs:
        assert not isinstance(theirs.run_storage, sqlite.RunStorage)
        assert [ask(theirs) for ask in ASKED] == told
        for write_one in WRITTEN:
            write_one(theirs)
        told = [ask(theirs) for ask in ASKED]
    with open_instance(home) as ours:
        assert [ask(ours) for ask in ASKED] == told
        assert ours.run_storage.get_runs_count() == 2


def contents(file: Path) -> tuple[list[Any], list[Any]]:
    """Tables and indexes of a file, and its revision."""
    with closing(sqlite3.connect(file)) as connection:
        parts = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
        mode = connection.execute("PRAGMA journal_mode").fetchall()
        return parts, [*mode, *connection.execute("SELECT version_num FROM alembic_version")]


def test_the_files_of_a_run_are_those_that_dagster_makes(home: Settings, tmp_path: Path) -> None:
    for storage in (sqlite.EventLogStorage, SqliteEventLogStorage):
        with storage(str(tmp_path / storage.__name__)).run_connection("one"):
            pass
    for name in ("one.db", "index.db"):
        ours, theirs = (tmp_path / f"{kind}EventLogStorage" / name for kind in ("", "Sqlite"))
        assert contents(ours) == contents(theirs), name
    (tmp_path / "EventLogStorage" / "two.db").write_bytes(b"")  # killed as it began
    with sqlite.EventLogStorage(str(tmp_path / "EventLogStorage")).run_connection("two"):
        assert contents(tmp_path / "EventLogStorage" / "two.db") == contents(ours.with_name("one.db"))


def test_migrations_are_imported_once_in_a_process(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_instance(home) as instance, instance.event_log_storage.run_connection("one"):
        pass
    monkeypatch.setattr(ScriptDirectory, "_load_revisions", lambda _: pytest.fail("imported again"))
    with open_instance(home) as instance:
        with instance.event_log_storage.run_connection("two"):
            pass
        assert [ask(instance) for ask in ASKED]


def test_a_home_that_was_moved_is_not_looked_for_where_it_was(home: Settings) -> None:
    with open_instance(home) as instance:
        WRITTEN[0](instance)
    moved = home.model_copy(update={"home": home.home.rename(home.home.with_name("moved"))})
    with open_instance(moved) as instance:
        assert instance.run_storage.get_runs_count() == 1
    assert not home.home.exists()


@pytest.mark.parametrize("number", range(len(ASKED)))
def test_the_schema_is_not_asked_about_again(home: Settings, number: int) -> None:
    with open_instance(home) as instance:
        for write_one in WRITTEN:
            write_one(instance)
        ASKED[number](instance)
        with statements() as noted:
            ASKED[number](instance)
    assert noted
    assert not [text for text in noted if SCHEMA.search(text)]


PER_MODEL = 32
"""Statements for which another model that has never been trained is asked about; MLflow's database comes on top."""


def test_what_is_the_same_for_all_models_is_asked_once(home: Settings, tmp_path: Path) -> None:
    counts = []
    with open_instance(home) as instance:
        for names in (("birch", "elm"), ("fir", "larch", "oak", "pine")):
            for name in names:
                write(tmp_path, name, RECIPE.format(name=name))
            states, faults = load_states(home)
            for _ in range(2):  # the first time makes the ledger
                with statements() as noted:
                    all_statuses(instance, states, faults, home, datetime.now(UTC))
            counts.append((len(states), len(noted)))
    (few, of_few), (many, of_many) = counts
    assert (few, many) == (2, 6)
    assert of_many - of_few <= PER_MODEL * (many - few), noted
