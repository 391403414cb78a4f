"""Who is in charge: the change of champion, by promotion or rollback, and its repair after a kill.

A change is three writes: the intent (ledger), the alias (MLflow: one atomic row), the outcome (ledger).
Whatever moment the process dies, the alias says the old version or the new one, and the next `promote`,
`rollback` or `reconcile` writes the outcome that the alias shows. One lock per model, released by the
operating system when its holder dies, makes check and change one step among processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from pydantic import BaseModel

from ml_assets.failures import MendableError
from ml_assets.registry import alias, champions, erasures
from ml_assets.registry.alias import CHALLENGER, CHAMPION
from ml_assets.registry.ledger import Entry, Fields
from ml_assets.registry.pipelines import plain
from ml_assets.registry.rebuild import is_lost, rebuild
from ml_assets.registry.versions import LostRegistryError, Registry

TRIED_ROWS = 5
IN_CHARGE = "in charge"
"""Tag of a registered model in MLflow: who serves, since when and why."""
TAG_LENGTH = 5000  # MLflow's limit on the value of a tag


class StaleChampionError(MendableError, RuntimeError):
    """The champion is not the one that the decision was made against."""


class NothingToRollBackError(MendableError, RuntimeError):
    """There is no earlier champion."""


def promote(
    registry: Registry,
    recipe: str,
    version: int,
    *,
    expected_champion: int | None,
    reason: str,
    actor: str,
    record: BaseModel | Mapping[str, Any] | None = None,
    batch: str | None = None,
) -> Entry:
    """Make a version champion if the champion is still the one the decision was made against.

    The same call again, after a kill at whatever moment, finishes the same change.

    Returns
    -------
    Entry
        The outcome in the ledger; of the change made before, where that was this very one.

    Raises
    ------
    StaleChampionError
        If another version has become champion since; the ledger has an `aborted` entry.
    IntegrityError
        If the version's files were changed; likewise.
    """
    with registry.ledger.lock(recipe):
        _reconcile(registry, recipe)
        registry.version(recipe, version)
        last = champions.last_change(registry.ledger, recipe)
        current = last.to_version if last else None
        if last is not None and current == version and _same(last, "promote", expected_champion, version):
            return _set_back(registry, last, actor)
        change = Fields(
            from_version=current,
            to_version=version,
            reason=reason,
            actor=actor,
            record=record or {},
            batch=batch,
        )
        if current != expected_champion or current == version:
            was = "none" if expected_champion is None else f"version {expected_champion}"
            now = "there is none" if current is None else f"version {current} is"
            message = f"{recipe}: version {version} was judged against {was} as champion, but now {now}"
            aborted: Fields = {**change, "state": "aborted", "reason": message}
            registry.ledger.append(recipe, "promote", **aborted)
            raise StaleChampionError(f"{message}; compare the two anew")
        return _change(registry, recipe, "promote", **change)


def rollback(
    registry: Registry,
    recipe: str,
    *,
    actor: str,
    to: int | None = None,
    expected_champion: int | None = None,
    reason: str = "asked for",
    record: BaseModel | Mapping[str, Any] | None = None,
    batch: str | None = None,
) -> Entry:
    """Make the previous champion, or the version `to`, champion again, once it was seen to work.

    The same call again, after a kill at whatever moment, finishes the same change: it goes no step further back.
    Where the last change was a rollback, only `to` goes on.

    Returns
    -------
    Entry
        The outcome in the ledger; of the last change, where that had put this version in charge.

    Raises
    ------
    NothingToRollBackError
        If there is no earlier champion.
    IntegrityError
        If that version's files were changed; the champion stays.
    StaleChampionError
        If `expected_champion` is given and another version is in charge.
    """
    with registry.ledger.lock(recipe):
        _reconcile(registry, recipe)
        last = champions.last_change(registry.ledger, recipe)
        current = last.to_version if last else None
        if last is not None and _done_already(last, current, to, expected_champion):
            return _set_back(registry, last, actor)
        if expected_champion not in (None, current):
            raise StaleChampionError(
                f"{recipe}: version {expected_champion} was to be rolled back, but version {current} is"
                " champion now; nothing was changed"
            )
        if to is None:
            gone = {current, *erasures.deleted(registry.ledger, recipe)}
            earlier = [v for v in champions.champions(registry.ledger, recipe) if v not in gone]
            if current is None or not earlier:
                now = "no champion" if current is None else f"one champion so far, version {current}"
                raise NothingToRollBackError(f"{recipe} has {now}: there is nothing to go back to")
            to = earlier[-1]
        registry.version(recipe, to)
        erasures.see_kept(registry.ledger, recipe, to)
        return _change(
            registry,
            recipe,
            "rollback",
            from_version=current,
            to_version=to,
            reason=reason,
            actor=actor,
            record=record or {},
            batch=batch,
        )


def _done_already(last: Entry, current: int | None, to: int | None, expected: int | None) -> bool:
    """Whether a rollback has nothing left to do: it was done, or the version is in charge anyhow."""
    if expected is not None:
        return to == current and _same(last, "rollback", expected, to)
    return to == current if to is not None else last.kind == "rollback"


def _same(last: Entry, kind: str, before: int | None, after: int | None) -> bool:
    return (last.kind, last.from_version, last.to_version) == (kind, before, after)


def set_back(registry: Registry, recipe: str, actor: str) -> Entry | None:
    """Let the alias name the version in charge again, if others moved it: the last change, or this one."""
    with registry.ledger.lock(recipe):
        last = champions.last_change(registry.ledger, recipe)
        return None if last is None else _set_back(registry, last, actor)


def _set_back(registry: Registry, last: Entry, actor: str) -> Entry:
    named = alias.named(registry, last.recipe)
    if last.to_version is None or named == last.to_version:
        return last
    registry.client.set_registered_model_alias(last.recipe, CHAMPION, str(last.to_version))
    return registry.ledger.append(
        last.recipe,
        "reconcile",
        actor=actor,
        from_version=named,
        to_version=last.to_version,
        reason=f"the alias champion, which others had moved, was set back to version {last.to_version}",
    )


def _change(registry: Registry, recipe: str, kind: str, **fields: Unpack[Fields]) -> Entry:
    """Write the intent, set the alias once the version was seen to work, write the outcome."""
    intended: Fields = {**fields, "state": "intent"}
    intent = registry.ledger.append(recipe, kind, **intended)
    assert intent.to_version is not None
    try:
        try_out(registry, recipe, intent.to_version)
        registry.client.set_registered_model_alias(recipe, CHAMPION, str(intent.to_version))
    except BaseException as error:
        _settle(registry, intent, f"{type(error).__name__}: {error}")
        raise
    return _settle(registry, intent, "the alias was not set")


def try_out(registry: Registry, recipe: str, version: int) -> None:
    """Load a version, verified, and let it predict a few rows it was trained on."""
    info = registry.version(recipe, version)
    rows = plain(registry.files.reference(recipe, version).head(TRIED_ROWS), info.trained.training)
    registry.files.load(recipe, version).predict(rows)


def _settle(registry: Registry, intent: Entry, otherwise: str) -> Entry:
    """Write the outcome of an intent: what the alias shows; its actor is who had decided."""
    assert intent.to_version is not None
    aliases = registry.aliases(intent.recipe) or {}
    done = aliases.get(CHAMPION) == intent.to_version
    if done and aliases.get(CHALLENGER) == intent.to_version:
        registry.client.delete_registered_model_alias(intent.recipe, CHALLENGER)
    if done:  # before the outcome: a kill here is settled again
        registry.client.set_registered_model_tag(intent.recipe, IN_CHARGE, _in_charge(intent))
    entry, _ = registry.ledger.append_once(
        intent.recipe,
        intent.kind,
        key=f"outcome:{intent.decision_id}",
        state="done" if done else "aborted",
        actor=intent.actor,
        decision_id=intent.decision_id,
        from_version=intent.from_version,
        to_version=intent.to_version,
        batch=intent.batch,
        reason=intent.reason if done else otherwise,
        record=intent.record,
    )
    return entry


def _in_charge(change: Entry) -> str:
    """Say who is in charge since when, by whom and why, as a tag of the registered model."""
    how = "promoted" if change.kind == "promote" else "back in charge"
    at = f"{change.at[:16].replace('T', ' ')} UTC"
    batch = f", batch {change.batch}" if change.batch else ""
    return f"version {change.to_version}, {how} {at}{batch} by {change.actor}: {change.reason}"[:TAG_LENGTH]


def reconcile(registry: Registry, recipe: str | None = None, *, give_up_lost: bool = False) -> list[Entry]:
    """Bring ledger and alias together after a kill, a loss, or a hand that moved the alias.

    Open intents are finished or aborted as the alias shows; a lost ledger is made anew from MLflow; an alias that
    others moved is noted, one that they deleted is set again. A second call finds nothing to do.

    Raises
    ------
    LostRegistryError
        If MLflow's registry has lost the champion; with `give_up_lost` the ledger then has none any
        more, and the next model is a first one.
    """
    entries: list[Entry] = []
    for name in registry.ledger.recipes() if recipe is None else (recipe,):
        with registry.ledger.lock(name):
            entries += _reconcile(registry, name, give_up_lost)
    return entries


def _reconcile(registry: Registry, recipe: str, give_up_lost: bool = False) -> list[Entry]:
    killed = "the process was killed before the alias was set"
    ledger = registry.ledger
    entries = [_settle(registry, intent, killed) for intent in ledger.open_intents(recipe)]
    written = champions.champion_version(ledger, recipe)
    shown = alias.named(registry, recipe)
    if shown == written:
        return entries
    if written is None and is_lost(registry, recipe):
        return entries + rebuild(registry, recipe)
    lost = registry.lost(recipe)
    if lost and not give_up_lost:
        raise LostRegistryError(lost)
    if not lost and shown is not None:
        noted = alias.note(registry, recipe)
        return entries + ([noted] if noted else [])
    if lost:
        shown, reason = (
            None,
            f"MLflow's registry no longer has version {written}; the next model is a first one",
        )
    else:
        registry.client.set_registered_model_alias(recipe, CHAMPION, str(written))
        shown, reason = written, f"the alias champion was gone; set again to version {written}"
    entries.append(
        ledger.append(
            recipe,
            "reconcile",
            actor="reconcile",
            from_version=written,
            to_version=shown,
            reason=reason,
        )
    )
    return entries
