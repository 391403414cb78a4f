"""What is kept in PostgreSQL: a schema each for Dagster, MLflow and the ledger, made whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa

from ml_assets.failures import MendableError
from ml_assets.settings.services import DAGSTER, LEDGER, MLFLOW, Database

FORBIDDEN: Final = "42501"
"""What PostgreSQL says where a right is missing (insufficient_privilege)."""


class UnreachableError(MendableError, RuntimeError):
    """The database of the environment cannot be used."""


@contextmanager
def connected(database: Database, schema: str) -> Iterator[sa.Connection]:
    """Connect for one piece of work, committed at its end.

    Raises
    ------
    UnreachableError
        There is no driver, the server does not answer, does not let us in, or does not let us make schemas.
    """
    try:
        engine = sa.create_engine(database.at(schema).get_secret_value(), poolclass=sa.NullPool)
    except ModuleNotFoundError:
        raise UnreachableError(
            "PostgreSQL needs a driver: run `pip install 'ml_assets[postgres]'`, then the same command again"
        ) from None
    try:
        connection = engine.connect()
    except sa.exc.OperationalError as error:
        said = next(iter(str(error.orig).splitlines()), "no answer").strip()
        raise UnreachableError(
            f"{database.place}: {said}: start it, or correct ML_ASSETS_DATABASE_URI and ML_ASSETS_DATABASE_PASSWORD"
        ) from None
    try:
        with connection, connection.begin():
            yield connection
    except sa.exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != FORBIDDEN:
            raise
        raise UnreachableError(
            f"{database.place}: {error.orig}: its owner gives the user the right by GRANT CREATE ON DATABASE"
        ) from None


def prepare(database: Database) -> None:
    """Make the schemas of Dagster's tables and of the ledger, which make their tables themselves.

    Raises
    ------
    UnreachableError
        The database cannot be used.
    """
    with connected(database, DAGSTER) as connection:
        for name in (DAGSTER, LEDGER):
            _make_schema(connection, name)


def make_mlflow(database: Database, artifacts: str) -> None:
    """Make MLflow's tables unless they are there, under another name first: a kill leaves no half of them."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with connected(database, MLFLOW) as connection:
        if has_schema(connection, MLFLOW):
            return
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('mlflow_schema'))")
        if has_schema(connection, MLFLOW):
            return
        _drop_halves(connection)
        made = f"{MLFLOW}_{uuid.uuid4().hex[:12]}"
        with connected(database, made) as other:
            other.execute(sa.schema.CreateSchema(made))
        store = SqlAlchemyStore(database.at(made).get_secret_value(), artifacts)
        store.engine.dispose()
        connection.exec_driver_sql(f"ALTER SCHEMA {made} RENAME TO {MLFLOW}")


def _drop_halves(connection: sa.Connection) -> None:
    """Remove what a kill left of MLflow's tables."""
    names = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^mlflow_[0-9a-f]{12}$'"
    for left in connection.exec_driver_sql(names).scalars().all():
        connection.execute(sa.schema.DropSchema(left, cascade=True))


def ask(database: Database, table: str, question: str, values: dict[str, object]) -> Any:
    """Read one value of MLflow's tables; None where the table or the row is missing."""
    with connected(database, MLFLOW) as connection:
        if connection.execute(sa.select(sa.func.to_regclass(table))).scalar() is None:
            return None
        return connection.execute(sa.text(question), values).scalar()


def has_schema(connection: sa.Connection, name: str) -> bool:
    """Whether there is a schema of a name, just now."""
    # Asked of the table: to_regnamespace tells a transaction what it told before, whatever others have committed since.
    found = connection.execute(sa.text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": name})
    return found.scalar() is not None


def _make_schema(connection: sa.Connection, name: str) -> None:
    if not has_schema(connection, name):
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('schemas'))")  # two would collide
        connection.execute(sa.schema.CreateSchema(name, if_not_exists=True))
