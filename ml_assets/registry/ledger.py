"""The ledger: every training, promotion, rollback and retrain decision, written once and never changed.

One table, `decisions`. Triggers in the database itself refuse UPDATE, DELETE and REPLACE, so that no
program, ours included, can rewrite history by accident. SQLite (one file) or PostgreSQL (a URL).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Required, TypedDict, Unpack

import sqlalchemy as sa
from pydantic import BaseModel
from pydantic_core import to_json

from ml_assets.failures import MendableError
from ml_assets.records import Record

State = Literal["intent", "done", "aborted"]

BUSY_SECONDS = 60  # a promotion takes a second or two; a process that waits longer than this is stuck

decisions = sa.Table(
    "decisions",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("recipe", sa.String(80), nullable=False),
    sa.Column("decision_id", sa.String(40), nullable=False, index=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("from_version", sa.Integer),
    sa.Column("to_version", sa.Integer),
    sa.Column("batch", sa.String(40)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("record", sa.JSON, nullable=False),
    sa.Column("key", sa.String(300)),
    sa.UniqueConstraint("recipe", "key", name="decisions_recipe_key"),
    sa.Index("decisions_recipe_kind", "recipe", "kind"),
    sqlite_autoincrement=True,
)

# REPLACE deletes a row without firing a delete trigger in SQLite (sqlite.org/lang_conflict.html),
# hence the third one.
APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER IF NOT EXISTS decisions_no_update BEFORE UPDATE ON decisions"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: UPDATE refused'); END",
        "CREATE TRIGGER IF NOT EXISTS decisions_no_delete BEFORE DELETE ON decisions"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: DELETE refused'); END",
        "CREATE TRIGGER IF NOT EXISTS decisions_no_replace BEFORE INSERT ON decisions"
        " WHEN EXISTS (SELECT 1 FROM decisions WHERE id = NEW.id OR (recipe = NEW.recipe AND key = NEW.key))"
        " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: this entry exists'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION decisions_refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN RAISE EXCEPTION USING MESSAGE = 'the ledger is append-only: ' || TG_OP || ' refused'; END $$",
        "CREATE OR REPLACE TRIGGER decisions_no_change BEFORE UPDATE OR DELETE ON decisions"
        " FOR EACH ROW EXECUTE FUNCTION decisions_refuse()",
        "CREATE OR REPLACE TRIGGER decisions_no_truncate BEFORE TRUNCATE ON decisions"
        " FOR EACH STATEMENT EXECUTE FUNCTION decisions_refuse()",
    ),
}


class LedgerBusyError(MendableError, RuntimeError):
    """Another living process has held the lock for too long."""


class Entry(Record):
    """One row of the ledger."""

    id: int
    at: str
    recipe: str
    decision_id: str
    kind: str
    state: State
    actor: str
    from_version: int | None
    to_version: int | None
    batch: str | None
    reason: str
    record: dict[str, Any]
    key: str | None


class Fields(TypedDict, total=False):
    """What an entry says beside its recipe and kind; `actor` and `reason` must be given."""

    actor: Required[str]
    """Who or what decided."""
    reason: Required[str]
    """Why, in a sentence."""
    state: State
    """`done` by default."""
    decision_id: str
    """Ties an intent to its outcome; a new one by default."""
    from_version: int | None
    to_version: int | None
    batch: str | None
    record: BaseModel | Mapping[str, Any]
    """The evidence; stored as JSON."""
    at: datetime
    """When it happened; now by default."""


class Ledger:
    """The append-only table of decisions.

    Parameters
    ----------
    place : Path or str
        A SQLite file (made, with its folder, when it is missing) or a database URL.
    """

    def __init__(self, place: Path | str) -> None:
        if isinstance(place, str) and "://" in place:
            self.url = sa.make_url(place)
        else:
            self.url = sa.URL.create("sqlite", database=str(Path(place).absolute()))
        self._dialect = self.url.get_backend_name()
        if self._dialect not in APPEND_ONLY:
            raise ValueError(f"ledger: {self._dialect!r} is not a database for it; use sqlite or postgresql")
        # No pool: a connection must not travel into a forked process.
        self._engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        if self._dialect == "sqlite":
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
        self._create()

    def _create(self) -> None:
        if self._dialect == "sqlite":
            Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)
        if self._complete():
            return
        with self.lock("ledger"):
            if self._dialect == "sqlite":
                with self._engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            with self._engine.begin() as connection:
                decisions.metadata.create_all(connection)
                for statement in APPEND_ONLY[self._dialect]:
                    connection.exec_driver_sql(statement)

    def _complete(self) -> bool:
        """Whether the table and all its triggers are there (a kill may have come between them)."""
        triggers = {
            "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'decisions'",
            "postgresql": "SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass('decisions')"
            " AND NOT tgisinternal",
        }[self._dialect]
        expected = {"sqlite": 3, "postgresql": 2}[self._dialect]
        with self._engine.connect() as connection:
            return connection.exec_driver_sql(triggers).scalar() == expected

    def append(self, recipe: str, kind: str, **fields: Unpack[Fields]) -> Entry:
        """Write one entry."""
        return self._insert(_row(recipe, kind, None, fields))

    def append_once(
        self, recipe: str, kind: str, *, key: str, **fields: Unpack[Fields]
    ) -> tuple[Entry, bool]:
        """Write an entry unless the recipe has one with this key; the database decides who is first.

        Returns
        -------
        (Entry, bool)
            The entry that stands, and whether this call wrote it.
        """
        try:
            return self._insert(_row(recipe, kind, key, fields)), True
        except sa.exc.IntegrityError:
            standing = self.by_key(recipe, key)
            if standing is None:
                raise
            return standing, False

    def _insert(self, row: dict[str, Any]) -> Entry:
        with self._engine.begin() as connection:
            result = connection.execute(sa.insert(decisions).values(row))
            assert result.inserted_primary_key is not None
            return Entry(id=result.inserted_primary_key[0], **row)

    def _select(self, query: sa.Select[Any]) -> tuple[Entry, ...]:
        with self._engine.connect() as connection:
            return tuple(Entry.model_validate(dict(row)) for row in connection.execute(query).mappings())

    def entries(
        self, recipe: str | None = None, kind: str | None = None, limit: int | None = None
    ) -> tuple[Entry, ...]:
        """Read entries, oldest first; with `limit`, the newest ones."""
        query = sa.select(decisions).order_by(decisions.c.id.desc()).limit(limit)
        if recipe is not None:
            query = query.where(decisions.c.recipe == recipe)
        if kind is not None:
            query = query.where(decisions.c.kind == kind)
        return self._select(query)[::-1]

    def last(
        self, recipe: str, kinds: Sequence[str] | None = None, state: State | None = None
    ) -> Entry | None:
        """Read the newest entry of a recipe, of these kinds and this state where given."""
        query = sa.select(decisions).where(decisions.c.recipe == recipe)
        if kinds is not None:
            query = query.where(decisions.c.kind.in_(kinds))
        if state is not None:
            query = query.where(decisions.c.state == state)
        found = self._select(query.order_by(decisions.c.id.desc()).limit(1))
        return found[0] if found else None

    def by_key(self, recipe: str, key: str) -> Entry | None:
        """Read the entry that `append_once` wrote under a key."""
        found = self._select(sa.select(decisions).where(decisions.c.recipe == recipe, decisions.c.key == key))
        return found[0] if found else None

    def decision(self, decision_id: str) -> tuple[Entry, ...]:
        """Read the entries of one decision, oldest first: its intent and its outcome."""
        query = sa.select(decisions).where(decisions.c.decision_id == decision_id)
        return self._select(query.order_by(decisions.c.id))

    def open_intents(self, recipe: str | None = None) -> tuple[Entry, ...]:
        """Read the intents that have no outcome yet, oldest first."""
        outcome = decisions.alias("outcome")
        closed = sa.exists().where(
            outcome.c.decision_id == decisions.c.decision_id, outcome.c.state != "intent"
        )
        query = sa.select(decisions).where(decisions.c.state == "intent", ~closed)
        if recipe is not None:
            query = query.where(decisions.c.recipe == recipe)
        return self._select(query.order_by(decisions.c.id))

    def recipes(self) -> tuple[str, ...]:
        """Read the names of all recipes that have an entry, sorted."""
        query = sa.select(decisions.c.recipe).distinct().order_by(decisions.c.recipe)
        with self._engine.connect() as connection:
            return tuple(connection.execute(query).scalars())

    @contextmanager
    def lock(self, name: str, seconds: float = BUSY_SECONDS) -> Iterator[None]:
        """Hold a lock among all users of this ledger; it ends with the process, however that ends.

        SQLite: `locks/NAME.champion.lock` beside the file. PostgreSQL: an advisory lock. Not re-entrant.

        Raises
        ------
        LedgerBusyError
            If another process holds it for longer than `seconds`.
        """
        with self._try_lock(name) as attempt:
            deadline = time.monotonic() + seconds
            while not attempt():
                if time.monotonic() > deadline:
                    raise LedgerBusyError(
                        f"{name}: another process has been changing its champion for {seconds:g} s;"
                        " look for a hung process, stop it, and try again"
                    )
                time.sleep(0.01)
            yield

    @contextmanager
    def _try_lock(self, name: str) -> Iterator[Any]:
        if self._dialect == "sqlite":
            path = Path(str(self.url.database)).parent / "locks" / f"{name}.champion.lock"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as handle:

                def locked() -> bool:
                    try:
                        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        return False
                    return True

                yield locked
        else:
            number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
            statement = sa.select(sa.func.pg_try_advisory_lock(number))
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                yield lambda: bool(connection.execute(statement).scalar())


def _row(recipe: str, kind: str, key: str | None, fields: Fields) -> dict[str, Any]:
    at = fields.get("at") or datetime.now(UTC)
    record = fields.get("record", {})
    values = record.model_dump() if isinstance(record, BaseModel) else record
    return {
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "recipe": recipe,
        "decision_id": fields.get("decision_id") or uuid.uuid4().hex,
        "kind": kind,
        "state": fields.get("state", "done"),
        "actor": fields["actor"],
        "from_version": fields.get("from_version"),
        "to_version": fields.get("to_version"),
        "batch": fields.get("batch"),
        "reason": fields["reason"],
        # NaN is no JSON; as "NaN" a pydantic float field reads it back.
        "record": json.loads(to_json(values, inf_nan_mode="strings")),
        "key": key,
    }


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA synchronous=FULL")
