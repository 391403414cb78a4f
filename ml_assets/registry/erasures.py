"""Erasures as entries of the ledger: what they changed is no fault, and what had learned the rows is known."""

from __future__ import annotations

from typing import Final

from ml_assets.records.erasure import Erasure
from ml_assets.registry import champions
from ml_assets.registry.integrity import IntegrityError
from ml_assets.registry.ledger import Entry, Ledger
from ml_assets.shown import listed, spanned

ERASE: Final = "erase"
"""Kind of the entries: an intent before anything is changed, and the outcome."""


def begun(ledger: Ledger, name: str, entity: str) -> Entry | None:
    """Find an erasure of an entity that was begun and not ended."""
    for entry in reversed(ledger.find(name, [ERASE], state="intent")):
        if entry.record["entity"] == entity and len(ledger.decision(entry.decision_id)) == 1:
            return entry
    return None


def erasures(ledger: Ledger, name: str) -> list[Erasure]:
    """Read what was erased, and what is being erased, oldest first."""
    found: dict[str, Erasure] = {}
    for entry in ledger.find(name, [ERASE]):
        found[entry.decision_id] = Erasure.model_validate(entry.record)
    return list(found.values())


def now(ledger: Ledger, name: str, sha256: str) -> str:
    """Hash that a frame has since its rows were erased; the same where none were."""
    for each in erasures(ledger, name):
        sha256 = each.frames.get(sha256, sha256)
    return sha256


def hashes_of(ledger: Ledger, name: str, version: int, file: str, registered: str | None) -> set[str | None]:
    """Hashes that a file of a version may have: the one that was registered, or the one since an erasure."""
    allowed = {registered}
    for entry in ledger.find(name, [ERASE]):
        new = Erasure.model_validate(entry.record).files.get(str(version), {}).get(file)
        if new is not None:
            allowed = {new} if entry.state == "done" else {*allowed, new}
    return allowed


def files_of(ledger: Ledger, name: str, version: int) -> dict[str, str]:
    """Hashes that files of a version have since erasures, by name; those that were not changed are left out."""
    found: dict[str, str] = {}
    for entry in ledger.find(name, [ERASE], state="done"):
        found |= Erasure.model_validate(entry.record).files.get(str(version), {})
    return found


def deleted(ledger: Ledger, name: str) -> set[int]:
    """Versions whose model was deleted."""
    return {version for each in erasures(ledger, name) for version in each.deleted}


def see_kept(ledger: Ledger, name: str, version: int) -> None:
    """
    See that a version's model was not deleted with the rows that it had learned.

    Raises
    ------
    IntegrityError
        It was.
    """
    if version in deleted(ledger, name):
        left = [info.version for info in champions.versions(ledger, name)]
        there = spanned([each for each in left if each not in deleted(ledger, name)], 12) or "none"
        raise IntegrityError(
            f"{name} version {version} was deleted by an erasure: take one that is left ({there}), or train again"
        )


def erased_words(ledger: Ledger, name: str) -> tuple[str, ...]:
    """Say which versions had learned what was erased since, and what is to be done; nothing where none had."""
    known = erasures(ledger, name)
    left = sorted({v for each in known for v in each.learned} - {v for each in known for v in each.deleted})
    if not left:
        return ()
    champion = champions.champion_version(ledger, name)
    versions = f"version{'s' * (len(left) > 1)} {listed(left)}"
    text = f"{versions} had learned rows that were erased since"
    if champion in left:
        text += f", the champion ({champion}) among them: train it again, `ml-assets retrain {name} REASON`"
    others = [version for version in left if version != champion]
    if others:
        numbers = ",".join(map(str, others))
        text += f"; `ml-assets erase {name} --entity COLUMN=VALUE --versions {numbers}` deletes the models"
    return (text,)
