"""Batches that a person has confirmed as the new normal: an entry of the ledger, undone by another."""

from __future__ import annotations

from ml_assets.registry.ledger import Entry, Ledger

ACCEPT = "accept"


def accept(
    ledger: Ledger, recipe: str, batch: str, *, actor: str, reason: str, faulty: bool, sha256: str
) -> Entry:
    """Write that a batch is the new normal: whether it was found faulty, and which rows were meant."""
    record = {"undone": False, "faulty": faulty, "sha256": sha256}
    return ledger.append(recipe, ACCEPT, actor=actor, reason=reason, batch=batch, record=record)


def take_back(ledger: Ledger, recipe: str, batch: str, *, actor: str, reason: str) -> Entry:
    """Write that it is not after all."""
    record = {**confirmations(ledger, recipe)[batch].record, "undone": True}
    return ledger.append(recipe, ACCEPT, actor=actor, reason=reason, batch=batch, record=record)


def confirmations(ledger: Ledger, recipe: str) -> dict[str, Entry]:
    """Read what is in force, by batch: the newest entry on each that was not undone."""
    newest = _newest(ledger, recipe)
    return {batch: newest[batch] for batch in sorted(newest) if not newest[batch].record["undone"]}


def taken_back(ledger: Ledger, recipe: str) -> dict[str, str]:
    """Read which batches are as faulty again as before they were accepted, with the hash of their rows then."""
    records = {batch: entry.record for batch, entry in _newest(ledger, recipe).items()}
    return {batch: each["sha256"] for batch, each in records.items() if each["undone"] and each["faulty"]}


def _newest(ledger: Ledger, recipe: str) -> dict[str, Entry]:
    return {str(entry.batch): entry for entry in ledger.find(recipe, [ACCEPT])}


def accepted(ledger: Ledger, recipe: str) -> tuple[str, ...]:
    """Name the batches that are the new normal, oldest first."""
    return tuple(confirmations(ledger, recipe))


def confirmed_words(ledger: Ledger, recipe: str) -> tuple[str, ...]:
    """Say what is the new normal, who said so and why, oldest batch first."""
    return tuple(
        f"{batch} is accepted as the new normal, by {entry.actor} on {entry.at[:10]}: {entry.reason}"
        for batch, entry in confirmations(ledger, recipe).items()
    )
