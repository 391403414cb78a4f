"""MLflow's database: where it is, made whole or not at all, and the client that speaks to it."""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_assets.failures import MendableError
from ml_assets.registry import postgres
from ml_assets.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

DELETED = "Deleted_Internal"
"""Stage of a version that was deleted: MLflow keeps its row, so that its number is not given again."""
TALKATIVE = (
    "urllib3.connectionpool",
    "mlflow.sklearn",
    "mlflow.models.model",
    "alembic",
)


REPEATING = "mlflow.store.db.utils"
"""Logs each error that it raises, with its traceback."""


def configure(settings: Settings) -> MlflowClient:
    """Make a client, and the database where it is needed and missing.

    Telemetry is switched off, and MLflow's advice about pickled models too: ours are verified by hash.
    """
    # MLflow reads these where it is imported: there is no other way to tell it.
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")  # 7 would keep a person waiting for minutes
    if settings.mlflow_user is not None and settings.mlflow_password is not None:
        os.environ["MLFLOW_TRACKING_USERNAME"] = settings.mlflow_user
        os.environ["MLFLOW_TRACKING_PASSWORD"] = settings.mlflow_password.get_secret_value()
    from mlflow import MlflowClient

    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger(REPEATING).setLevel(logging.CRITICAL)
    create_database(settings)
    uri = settings.tracking_uri
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def create_database(settings: Settings) -> None:
    """Make MLflow's database unless it is there: whole or not at all, whenever a kill comes."""
    if settings.own_mlflow and settings.database is not None:
        postgres.make_mlflow(settings.database, settings.artifacts_uri)
    elif (target := settings.mlflow_database) is not None and not target.exists():
        settings.locks.mkdir(parents=True, exist_ok=True)
        with (settings.locks / "mlflow.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists():
                _create_file(settings, target)


def _create_file(settings: Settings, target: Path) -> None:
    import sqlite3

    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with tempfile.TemporaryDirectory(dir=settings.addressed_home.absolute(), prefix=".mlflow-") as folder:
        made = Path(folder) / target.name
        store = SqlAlchemyStore(f"sqlite:///{made}", settings.artifacts_uri)
        store.engine.dispose()
        connection = sqlite3.connect(made)
        connection.execute("PRAGMA journal_mode=WAL")  # stays in the file; readers do not stop the writer
        connection.close()
        with made.open("rb") as handle:
            os.fsync(handle.fileno())
        # What a deleted database left, SQLite would write into the new one.
        for left in ("-wal", "-shm"):
            target.with_name(target.name + left).unlink(missing_ok=True)
        made.replace(target)


class DamagedDatabaseError(MendableError, RuntimeError):
    """A database is no database any more, or a damaged one."""


def has_version(settings: Settings, recipe: str, version: int) -> bool:
    """Whether our MLflow database has a version of a model; read without MLflow, whose import takes seconds."""
    question = (
        "SELECT 1 FROM model_versions WHERE name = :name AND version = :version AND current_stage != :stage"
    )
    values = {"name": recipe, "version": version, "stage": DELETED}
    return _ask(settings, "model_versions", question, values) is not None


def aliased(settings: Settings, recipe: str, alias: str) -> int | None:
    """Read which version an alias names in our MLflow database, without MLflow; None where there is none."""
    question = "SELECT version FROM registered_model_aliases WHERE name = :name AND alias = :alias"
    found = _ask(settings, "registered_model_aliases", question, {"name": recipe, "alias": alias})
    return None if found is None else int(found)


def tagged(settings: Settings, recipe: str, version: int, key: str) -> str | None:
    """Read a tag of a version in our MLflow database, without MLflow; None where there is none."""
    question = "SELECT value FROM model_version_tags WHERE name = :name AND version = :version AND key = :key"
    found = _ask(settings, "model_version_tags", question, {"name": recipe, "version": version, "key": key})
    return None if found is None else str(found)


def _ask(settings: Settings, table: str, question: str, values: dict[str, object]) -> Any:
    """Read one value; None where the database, its table or the row is missing."""
    import sqlite3

    if settings.database is not None:
        return postgres.ask(settings.database, table, question, values)
    database = settings.mlflow_database
    if database is None or not database.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = ?", (table,))
            if not tables.fetchone()[0]:
                return None
            found = connection.execute(question, values).fetchone()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise DamagedDatabaseError(
            f"{database} is damaged ({error}): stop the processes and restore it from a backup, or move it away and"
            " train again with `ml-assets train --recipe-file FILE`"
        ) from None
    return None if found is None else found[0]
