"""What steps have cost, in a table beside the ledger: measurements, no decisions, so no part of its chain.

Each question is answered by an index: what it costs grows with what it is about, and a decision asks about a few runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from ml_assets.failures import MendableError
from ml_assets.records.costs import AssetCost, StepCost, TrainingCost
from ml_assets.registry.ledger import Ledger, LedgerBusyError
from ml_assets.registry.ledger_file import engine_of

EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Since when all that was measured ended."""
TRAINED: Final = "trained_model"
"""Asset whose step makes a run one that trained."""

metadata = sa.MetaData()
costs = sa.Table(
    "costs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("recipe", sa.String(80), nullable=False),
    sa.Column("asset", sa.String(40), nullable=False),
    sa.Column("batch", sa.String(90), nullable=False),
    sa.Column("run", sa.String(40), nullable=False),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("ok", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("cpu_seconds", sa.Float, nullable=False),
    sa.Column("peak_bytes", sa.BigInteger),
    sa.Column("rows_read", sa.BigInteger, nullable=False),
    sa.Column("rows_written", sa.BigInteger, nullable=False),
    sa.Column("bytes_written", sa.BigInteger, nullable=False),
    sa.Index("costs_recipe_at", "recipe", "at"),
    sa.Index("costs_run", "run"),
)

SUMS: Final = (
    *(
        sa.func.sum(costs.c[name]).label(name)
        for name in ("seconds", "cpu_seconds", "rows_read", "rows_written", "bytes_written")
    ),
    sa.func.max(costs.c.peak_bytes).label("peak_bytes"),
    sa.func.sum(sa.case((costs.c.ok, 0), else_=1)).label("failed"),
)
"""What is asked of many steps together."""


BEYOND: Final = 1e18
"""What no figure of a step comes to."""


class UnkeptError(MendableError, RuntimeError):
    """The database did not take a measurement."""


def keep(ledger: Ledger, cost: StepCost) -> None:
    """Keep what a step has cost.

    Raises
    ------
    UnkeptError
        The database does not take it now: a step's work must not fail for that.
    """
    try:
        if not _is_whole(ledger):
            _make(ledger)
        with engine_of(ledger.url).begin() as connection:
            connection.execute(sa.insert(costs).values(cost.model_dump()))
    except (sa.exc.SQLAlchemyError, LedgerBusyError) as error:
        raise UnkeptError(str(error.__cause__ or error)) from error


def by_asset(ledger: Ledger, since: datetime, recipe: str) -> list[AssetCost]:
    """Add up what a model's steps that ended since then have cost, by asset."""
    query = sa.select(costs.c.recipe, costs.c.asset, sa.func.count().label("steps"), *SUMS)
    query = query.where(costs.c.recipe == recipe, costs.c.at >= iso(since), *_sound(ledger))
    query = query.group_by(costs.c.recipe, costs.c.asset)
    return [AssetCost.model_validate(row) for row in _asked(ledger, query)]


def by_training(ledger: Ledger, since: datetime, recipe: str) -> list[TrainingCost]:
    """Add up what each run has cost that trained a model and ended since then, the newest first."""
    trained = sa.select(costs.c.run).where(
        costs.c.recipe == recipe, costs.c.at >= iso(since), costs.c.asset == TRAINED
    )
    told = (sa.func.max(costs.c[name]).label(name) for name in ("at", "batch", "version"))
    query = sa.select(costs.c.run, *told, *SUMS)
    query = query.where(costs.c.recipe == recipe, costs.c.run.in_(trained), *_sound(ledger))
    query = query.group_by(costs.c.run).order_by(sa.func.max(costs.c.id).desc())
    return [TrainingCost.model_validate(row) for row in _asked(ledger, query)]


def cpu_of_runs(ledger: Ledger, runs: Collection[str]) -> dict[str, float]:
    """Read the CPU seconds of runs; one of which no step has ended has none."""
    query = sa.select(costs.c.run, sa.func.sum(costs.c.cpu_seconds).label("cpu"))
    query = query.where(costs.c.run.in_(runs), *_sound(ledger)).group_by(costs.c.run)
    return {row["run"]: row["cpu"] for row in _asked(ledger, query)}


def left_out(ledger: Ledger, recipe: str) -> int:
    """Count the rows of a model that are not as a step writes them: no sum has them."""
    query = sa.select(sa.func.count().label("rows")).where(
        costs.c.recipe == recipe, ~sa.and_(*_sound(ledger))
    )
    return sum(int(row["rows"]) for row in _asked(ledger, query))


def _sound(ledger: Ledger) -> list[sa.ColumnElement[bool]]:
    """What holds of a row that a step has written: SQLite keeps whatever another program puts into a column."""
    figures = [
        column for column in costs.c if isinstance(column.type, sa.Float | sa.Integer) and column.name != "id"
    ]
    sound = [
        sa.and_(column >= 0, column < BEYOND)
        if not column.nullable
        else sa.func.coalesce(column, 0).between(0, BEYOND)
        for column in figures
    ]
    if ledger.url.get_backend_name() != "sqlite":
        return sound
    kinds = {sa.Float: ("real", "integer"), sa.Integer: ("integer", "null"), sa.Boolean: ("integer",)}
    for column in costs.c:
        wanted = next((kinds[kind] for kind in kinds if isinstance(column.type, kind)), ("text",))
        sound.append(sa.func.typeof(column).in_(wanted))
    return sound


def rename(ledger: Ledger, old: str, new: str) -> None:
    """Give what a model has cost to its new name."""
    if _is_there(ledger):
        with engine_of(ledger.url).begin() as connection:
            connection.execute(sa.update(costs).where(costs.c.recipe == old).values(recipe=new))


def _asked(ledger: Ledger, query: sa.Select[Any]) -> list[Mapping[str, Any]]:
    if not _is_there(ledger):
        return []
    with engine_of(ledger.url).connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _is_there(ledger: Ledger) -> bool:
    """Whether anything was ever measured here."""
    with engine_of(ledger.url).connect() as connection:
        return sa.inspect(connection).has_table(costs.name)


def _is_whole(ledger: Ledger) -> bool:
    """Whether the table has its indexes: a kill may have come between."""
    with engine_of(ledger.url).connect() as connection:
        seen = sa.inspect(connection)
        return seen.has_table(costs.name) and len(seen.get_indexes(costs.name)) >= len(costs.indexes)


def _make(ledger: Ledger) -> None:
    with ledger.lock("costs"), engine_of(ledger.url).begin() as connection:
        metadata.create_all(connection)
        for index in costs.indexes:
            index.create(connection, checkfirst=True)


def iso(at: datetime) -> str:
    """Write a time as the table has it: texts of it sort like times."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
