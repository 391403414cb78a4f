"""Dagster's storage in SQLite, without what it does anew for each question: an engine, and a look at the schema.

Dagster makes an engine of SQLAlchemy for each connection, so each question is also translated anew, and asks before
many questions which columns and tables there are: that costs more than a short question itself. It imports all of its
migrations for each file that it opens, and twice for that of a new run. What is in the files, and where they are, is
the same as without this: a home can be opened by either.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage, sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.runs.sqlite import SqliteRunStorage
from dagster._core.storage.schedules.sqlite import SqliteScheduleStorage
from dagster._core.storage.sql import get_alembic_config
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS, create_db_conn_string
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)

if TYPE_CHECKING:
    from dagster._serdes import ConfigurableClassData

Asked = TypeVar("Asked", bound=Callable[..., bool])


def _lasting(question: Asked) -> Asked:
    """Remember that a part of the schema is there: it goes no more; that it is not there may change."""

    @wraps(question)
    def answer(self: Any, *about: str) -> bool:
        known: set[tuple[str, ...]] = self.__dict__.setdefault("_there", set())
        asked = (question.__name__, *about)
        if asked not in known and question(self, *about):
            known.add(asked)
        return asked in known

    return answer  # type: ignore[return-value]  # it takes what the question takes


def _engine(url: str, **connection: Any) -> sa.Engine:
    # No pool: a connection must not travel into a forked process, nor into another thread.
    return sa.create_engine(url, poolclass=sa.NullPool, connect_args=connection)


@cache
def _migrations() -> ScriptDirectory:
    """Dagster's migrations of files of events; the first question about them imports them all."""
    return ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__))


def _is_made(file: Path, *tables: str) -> bool:
    """Whether Dagster has made a file, with its revision and these tables."""
    if not file.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if not there.issuperset(("alembic_version", *tables)):
                return False
            return connection.execute("SELECT 1 FROM alembic_version").fetchone() is not None
    except sqlite3.Error:
        return False  # Dagster looks, and says what is wrong


class _OneEngine:
    """A storage of one file, which keeps its engine; Dagster's own class of it comes next in line."""

    def __init__(self, url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(url, inst_data)  # type: ignore[call-arg]  # that of Dagster's class
        self._engine = _engine(url)

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """Open a connection and a transaction."""
        with self._engine.connect() as connection, connection.begin():
            yield connection


class RunStorage(_OneEngine, SqliteRunStorage):
    """Runs."""

    has_run_stats_index_cols = _lasting(SqliteRunStorage.has_run_stats_index_cols)
    has_bulk_actions_selector_cols = _lasting(SqliteRunStorage.has_bulk_actions_selector_cols)
    has_backfill_id_column = _lasting(SqliteRunStorage.has_backfill_id_column)
    has_bulk_action_job_name_column = _lasting(SqliteRunStorage.has_bulk_action_job_name_column)
    has_backfill_tags_table = _lasting(SqliteRunStorage.has_backfill_tags_table)
    has_built_index = _lasting(SqliteRunStorage.has_built_index)


class EventLogStorage(SqliteEventLogStorage):
    """Events; those of assets are in one file, those of each run in another, which is left to Dagster."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        place = create_db_conn_string(str(Path(base_dir).absolute()), INDEX_SHARD_NAME)
        self._engine = _engine(place, timeout=SQLITE_BUSY_TIMEOUT_SECONDS)
        super().__init__(base_dir, inst_data)  # which may make that file, and ask it

    def _initdb(self, engine: sa.Engine, for_index_shard: bool = False) -> None:
        """Make what a new file needs, as Dagster does; what is no new one is left to Dagster."""
        try:
            with engine.connect() as connection:
                version = MigrationContext.configure(connection)
                if version.get_current_revision() is not None:
                    return
                if not sa.inspect(connection).get_table_names():
                    SqlEventLogStorageMetadata.create_all(engine)
                    connection.execute(sa.text("PRAGMA journal_mode=WAL;"))
                    version.stamp(_migrations(), "head")
                    connection.commit()
                    return
        except (sa.exc.DatabaseError, sqlite3.Error):
            pass  # another process makes it at this moment: Dagster waits for that
        super()._initdb(engine, for_index_shard)

    @contextmanager
    def index_connection(self) -> Iterator[sa.Connection]:
        """Open a connection to the events of assets, and a transaction; one at a time in a process, as Dagster does."""
        if INDEX_SHARD_NAME not in self._initialized_dbs:  # Dagster brings the file up to date
            with super().index_connection() as connection:
                yield connection
            return
        with self._db_lock, self._engine.connect() as connection, connection.begin():
            yield connection

    has_table = _lasting(SqliteEventLogStorage.has_table)


class ScheduleStorage(_OneEngine, SqliteScheduleStorage):
    """Ticks, and how sensors and schedules stand."""

    has_instigators_table = _lasting(SqliteScheduleStorage.has_instigators_table)
    has_built_index = _lasting(SqliteScheduleStorage.has_built_index)


class Storage(DagsterSqliteStorage):
    """All three, as `storage.custom` of dagster.yaml names them.

    Parameters
    ----------
    base_dir : str
        Dagster's home.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        place = str(Path(base_dir).expanduser())
        runs, events, schedules = (
            of(place) for of in (_runs_directory, _event_logs_directory, _schedule_directory)
        )
        made = _is_made(Path(runs, "runs.db"), "instance_info") and _is_made(Path(schedules, "schedules.db"))
        if made:
            self.base_dir, self._inst_data = place, inst_data
            super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]  # Dagster's
        else:
            super().__init__(place, inst_data)  # makes what is missing
        self._run_storage = RunStorage(create_db_conn_string(runs, "runs"))
        self._event_log_storage = EventLogStorage(events)
        self._schedule_storage = ScheduleStorage(create_db_conn_string(schedules, "schedules"))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Storage:
        """Make it of what dagster.yaml says."""
        return cls.from_local(inst_data=inst_data, **config_value)
