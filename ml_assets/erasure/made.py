"""An erasure from its plan to its entry in the ledger; killed anywhere, the same command goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ml_assets.erasure.beside import forget_beside
from ml_assets.erasure.entity import Entity
from ml_assets.erasure.kept import Rewritten, forget, ids_of, rewrite, rewritten
from ml_assets.erasure.versions import (
    checked,
    delete_models,
    learned_by,
    models_that_name,
    rewrite_files,
    rewritten_files,
)
from ml_assets.failures import WrongUsageError
from ml_assets.lifecycle.erased import FOLDER, entity_hash
from ml_assets.lifecycle.state import ModelState
from ml_assets.lifecycle.storage import predictions_of
from ml_assets.recipe.faults import did_you_mean
from ml_assets.records.erasure import Erasure
from ml_assets.registry import erasures
from ml_assets.registry.ledger import Entry
from ml_assets.serving.log_erased import erase_rows, logged_rows
from ml_assets.shown import counted, listed
from ml_assets.store.seal import opened, sealed

JOURNAL: Final = f"{FOLDER}/{{}}.journal.json"
"""Names of the rows while they are being erased, by the hash of their entity: predictions know no more of them."""


@dataclass(frozen=True)
class Found:
    """What is kept of an entity.

    Parameters
    ----------
    entity : Entity
        With the names of its rows.
    record : Erasure
        What the ledger will say.
    begun : Entry or None
        The entry of a call that was killed.
    before : bool
        Whether it was erased before: what was made from its rows is then looked through once more.
    """

    entity: Entity
    record: Erasure
    begun: Entry | None
    before: bool = False

    @property
    def known(self) -> bool:
        """Whether any row, file or model is known to hold it."""
        found = self.record
        return bool(found.rows or found.files or found.logged or found.learned or found.deleted)

    @property
    def nothing(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.known or self.before or self.begun)


def entity_named(state: ModelState, text: str) -> Entity:
    """
    Read `COLUMN=VALUE`.

    Raises
    ------
    WrongUsageError
        If it is not of that form, the recipe has no `entity_cols`, or the column is none of them.
    """
    column, equals, value = text.partition("=")
    known = list(state.recipe.model.data_interface.entity_cols)
    if not equals or not column or not value:
        raise WrongUsageError(f"--entity {column!r}: write COLUMN=VALUE, as customer=4711")
    if not known:
        raise WrongUsageError(
            f"{state.name}: its recipe does not say which column names an entity: write it, "
            f"model.data_interface.entity_cols: [{column}], and ask again"
        )
    if column not in known:
        raise WrongUsageError(
            f"--entity: {column!r} is none of entity_cols ({listed(known)}).{did_you_mean(column, known)}"
        )
    return Entity(column, value)


def look(state: ModelState, entity: Entity, versions: tuple[int, ...] = ()) -> Found:
    """Find what is kept of an entity, and what would become of it; nothing is changed."""
    checked(state, versions)
    hashed = entity_hash(state, entity.column, entity.value)
    known = _journal(state, hashed)
    entity = Entity(entity.column, entity.value, ids_of(state, entity) | known)
    begun = erasures.begun(state.ledger, state.name, hashed)
    killed = None if begun is None else Erasure.model_validate(begun.record)
    gone = erasures.deleted(state.ledger, state.name)
    left = tuple(version for version in versions if version not in gone)
    record = Erasure(column=entity.column, entity=hashed, deleted=left)
    for each in rewritten(state, entity):
        record = _with(record, each)
    record = record.model_copy(
        update={
            "files": rewritten_files(state, entity),
            "learned": learned_by(state, entity),
            "logged": logged_rows(predictions_of(state.settings, state.name), entity.rows_of),
        }
    )
    before = any(each.entity == hashed for each in erasures.erasures(state.ledger, state.name))
    return Found(entity, record if killed is None else _together(killed, record), begun, before)


def _with(record: Erasure, each: Rewritten) -> Erasure:
    rows = {**record.rows, each.asset: {**record.rows.get(each.asset, {}), each.batch: each.rows}}
    return record.model_copy(update={"rows": rows, "frames": {**record.frames, each.before: each.now}})


def _together(before: Erasure, left: Erasure) -> Erasure:
    """Put what a killed call meant to do beside what is left of it."""
    rows = {asset: {**left.rows.get(asset, {}), **batches} for asset, batches in before.rows.items()}
    return before.model_copy(
        update={
            "rows": {**left.rows, **rows},
            "frames": {**left.frames, **before.frames},
            "files": {**left.files, **before.files},
            "learned": tuple(sorted({*before.learned, *left.learned})),
            "deleted": tuple(sorted({*before.deleted, *left.deleted})),
            "logged": max(before.logged, left.logged),
        }
    )


def erase(
    state: ModelState, found: Found, actor: str, at: str, forget_events: Callable[[Entity], None]
) -> tuple[Entry, tuple[int, ...]]:
    """Erase what was found, under the model's lock; said in the ledger before and after.

    Returns
    -------
    Entry, tuple of int
        The ledger's entry, and versions whose model itself names the value still.
    """
    entity, record, place = found.entity, found.record, state.store.place
    journal = JOURNAL.format(record.entity)
    place.write(journal, sealed(json.dumps({"ids": sorted(entity.ids)})))
    begun = found.begun or state.ledger.append(
        state.name, erasures.ERASE, state="intent", actor=actor, reason=_reason(record), record=record
    )
    erase_rows(predictions_of(state.settings, state.name), entity.rows_of, at)
    rewrite(state, entity)
    rewrite_files(state, entity)
    delete_models(state, record.deleted)
    forget(state, entity)
    forget_beside(state, entity)
    forget_events(entity)
    entry = state.ledger.append(
        state.name,
        erasures.ERASE,
        decision_id=begun.decision_id,
        actor=actor,
        reason=_reason(record),
        record=record,
    )
    place.delete(journal)
    left = tuple(version for version in record.learned if version not in record.deleted)
    return entry, models_that_name(state, entity, left)


def _journal(state: ModelState, hashed: str) -> frozenset[int]:
    content = state.store.place.read(JOURNAL.format(hashed))
    return frozenset() if content is None else frozenset(json.loads(opened(content))["ids"])


def _reason(record: Erasure) -> str:
    learned = f"learned by version{'s' * (len(record.learned) > 1)} {listed(record.learned)}"
    models = f"; the model of version {listed(record.deleted)} is deleted" if record.deleted else ""
    return (
        f"{counted(record.total, 'row')} of {counted(len(record.rows.get('raw_data', {})), 'batch')} and "
        f"{counted(record.logged, 'logged prediction')} of one entity, on request; "
        f"{learned if record.learned else 'no version had learned them'}{models}"
    )
