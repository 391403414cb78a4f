"""The ledger: every training, promotion, rollback and retrain decision, written once and never changed.

One table, `decisions`, and the chain of its hashes. Triggers in the database itself refuse UPDATE, DELETE and
REPLACE, so that no program, ours included, can rewrite history by accident; a process that opens the ledger verifies
the chain, so that no changed byte is believed. SQLite (one file) or PostgreSQL (a URL).
"""

from __future__ import annotations

import fcntl
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Required, TypedDict, Unpack

import sqlalchemy as sa
from pydantic import BaseModel, SecretStr
from pydantic_core import to_json

from ml_assets.failures import MendableError
from ml_assets.records import Record
from ml_assets.registry import advisory, chain, table
from ml_assets.registry.ledger_file import damaged, engine_of
from ml_assets.registry.table import APPEND_ONLY, decisions

State = Literal["intent", "done", "aborted"]

BUSY_SECONDS = 60  # a promotion takes a second or two; a process that waits longer than this is stuck

INTENDED = ("promote", "rollback")
"""Kinds of entries that are an intent first and an outcome later."""


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


class Equal(TypedDict, total=False):
    """Columns by which entries are asked for."""

    state: State
    actor: str
    from_version: int | None
    to_version: int | None
    batch: str | None


class Ledger:
    """The append-only table of decisions.

    Parameters
    ----------
    place : Path, str or SecretStr
        A SQLite file (made, with its folder, when it is missing) or a database URL, whose schema is made.
    """

    def __init__(self, place: Path | str | SecretStr) -> None:
        text = place.get_secret_value() if isinstance(place, SecretStr) else str(place)
        file = sa.URL.create("sqlite", database=str(Path(text).absolute()))
        self.url = sa.make_url(text) if "://" in text else file
        self._dialect = self.url.get_backend_name()
        if self._dialect not in APPEND_ONLY:
            raise ValueError(f"ledger: {self._dialect!r} is not a database for it; use sqlite or postgresql")
        self._engine = engine_of(self.url)
        self._found: dict[Any, tuple[Entry, ...]] | None = None
        self._standing: sa.Connection | None = None
        self._create()

    def _create(self) -> None:
        if self._dialect == "sqlite":
            Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)
        with self._engine.connect() as connection:
            complete = table.complete(connection) and chain.is_whole(connection)
        if not complete:
            self._make()
        with self._engine.connect() as connection:
            fault = chain.verify(connection, self.url.render_as_string())
        if fault is not None:
            raise damaged(self.url, fault)

    def _make(self) -> None:
        with self.lock("ledger"):
            if self._dialect == "sqlite":
                with self._engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            with self._engine.begin() as connection:
                chain.queue(connection)
                table.make(connection)
                chain.extend(connection)

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
        standing = self.by_key(recipe, key)
        if standing is not None:
            return standing, False
        try:
            return self._insert(_row(recipe, kind, key, fields)), True
        except sa.exc.IntegrityError:
            standing = self.by_key(recipe, key)
            if standing is None:
                raise
            return standing, False

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Find each thing once meanwhile, as it was when it was first asked for, or after the last entry of ours.

        In one thread: all is asked on one connection.
        """
        if self._standing is not None:
            yield
            return
        with self._engine.connect() as self._standing:
            self._found = {}
            try:
                yield
            finally:
                self._found = self._standing = None

    def _insert(self, row: dict[str, Any]) -> Entry:
        (self._found or {}).clear()
        with self._engine.begin() as connection:
            chain.queue(connection)
            result = connection.execute(sa.insert(decisions).values(row))
            assert result.inserted_primary_key is not None
            chain.extend(connection)
            return Entry(id=result.inserted_primary_key[0], **row)

    def _select(self, *queries: sa.Select[Any]) -> tuple[Entry, ...]:
        with self._connected() as connection:
            found = (row for query in queries for row in connection.execute(query).mappings())
            return tuple(Entry.model_validate(dict(row)) for row in found)

    def _connected(self) -> AbstractContextManager[sa.Connection]:
        return self._engine.connect() if self._standing is None else nullcontext(self._standing)

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

    def find(
        self, recipe: str, kinds: Sequence[str], limit: int | None = None, **equal: Unpack[Equal]
    ) -> tuple[Entry, ...]:
        """Read the entries of some kinds whose columns are as asked for, oldest first; with `limit`, the newest ones.

        What it costs depends on what is found, not on how many other entries there are.
        """
        asked = recipe, tuple(kinds), limit, tuple(sorted(equal.items()))
        known = {} if self._found is None else self._found
        if asked in known:
            return known[asked]
        query = sa.select(decisions).where(decisions.c.recipe == recipe)
        query = query.where(*(decisions.c[column] == value for column, value in equal.items()))
        query = query.order_by(decisions.c.id.desc()).limit(limit)
        found = self._select(*(query.where(decisions.c.kind == kind) for kind in kinds))
        newest = sorted(found, key=lambda entry: entry.id)
        known[asked] = tuple(newest if limit is None else newest[-limit:])
        return known[asked]

    def last(self, recipe: str, kinds: Sequence[str], **equal: Unpack[Equal]) -> Entry | None:
        """Read the newest entry of some kinds whose columns are as asked for."""
        return next(iter(self.find(recipe, kinds, 1, **equal)), None)

    def newest_version(self, recipe: str) -> int:
        """Read the highest number that a version was registered under; 0 before the first."""
        query = sa.select(sa.func.max(decisions.c.to_version)).where(
            decisions.c.recipe == recipe, decisions.c.kind == "train", decisions.c.state == "done"
        )
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar() or 0)

    def newest_id(self) -> int:
        """Read the id of the newest entry of all; 0 before the first."""
        with self._engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.max(decisions.c.id))).scalar() or 0)

    def changed_since(self, entry: int) -> frozenset[str]:
        """Read which recipes have entries after one."""
        query = sa.select(decisions.c.recipe).where(decisions.c.id > entry).distinct()
        with self._engine.connect() as connection:
            return frozenset(connection.execute(query).scalars())

    def by_id(self, recipe: str, entry: int) -> Entry | None:
        """Read an entry of a recipe by its number."""
        found = self._select(
            sa.select(decisions).where(decisions.c.id == entry, decisions.c.recipe == recipe)
        )
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
        """Read the intents that have no outcome yet, oldest first: of each recipe its newest one at most.

        A change begins with settling the one before, under the recipe's lock.
        """
        names = self.recipes() if recipe is None else (recipe,)
        newest = [self.last(name, INTENDED, state="intent") for name in names]
        found = [entry for entry in newest if entry and len(self.decision(entry.decision_id)) == 1]
        return tuple(sorted(found, key=lambda entry: entry.id))

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
            with (
                self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
                advisory.held(connection, name) as attempt,
            ):
                yield attempt

    @property
    def is_shared(self) -> bool:
        """Whether `lock` holds among machines."""
        return self._dialect != "sqlite"

    def is_locked(self, name: str) -> bool:
        """Whether any process holds `lock`, of a ledger in PostgreSQL."""
        with self._engine.connect() as connection:
            return advisory.is_held(connection, name)


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
