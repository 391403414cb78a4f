"""A model under a new name: its line in the ledger, its versions and its experiment in MLflow."""

from __future__ import annotations

from datetime import datetime

from ml_assets.registry.champions import FORMER, RENAMED, is_left
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.versions import Registry

BEGUN = "renaming"
"""Kind of the entry with which a change of name begins; `RENAMED` ends the old line."""


def begin(ledger: Ledger, old: str, new: str, actor: str) -> None:
    """Note that a model changes its name: from here on a call that was killed can be repeated."""
    ledger.append_once(
        old, BEGUN, key=_key(ledger, BEGUN, old, new), actor=actor, reason=f"is to go on as {new}"
    )


def has_begun(ledger: Ledger, old: str, new: str) -> bool:
    """Whether an earlier call has begun."""
    return ledger.by_key(old, _key(ledger, BEGUN, old, new)) is not None


def has_ended(ledger: Ledger, old: str, new: str) -> bool:
    """Whether an earlier call has done it all."""
    return ledger.by_key(old, _key(ledger, RENAMED, old, new)) is not None


def end(ledger: Ledger, old: str, new: str, actor: str) -> None:
    """End the line under the old name, and let the new one know of it."""
    begun = ledger.by_key(old, _key(ledger, BEGUN, old, new))
    reason, key = f"was {old} before", f"{FORMER}:{old}:{begun.id if begun else 0}"
    ledger.append_once(new, FORMER, key=key, actor=actor, reason=reason, record={"name": old})
    ledger.append_once(
        old, RENAMED, key=_key(ledger, RENAMED, old, new), actor=actor, reason=f"goes on as {new}"
    )


def _key(ledger: Ledger, kind: str, old: str, new: str) -> str:
    """Key of an entry of a change of name; another one each time that a model has come back to its old name."""
    times = len(ledger.find(old, [FORMER]))
    return f"{kind}:{new}:{times}" if times else f"{kind}:{new}"


def comes_home(ledger: Ledger, old: str, new: str) -> bool:
    """Whether a model gets a name again that it had before, and that nobody has had since."""
    return new in former_names(ledger, old) and is_left(ledger, new)


def former_names(ledger: Ledger, name: str) -> dict[str, datetime]:
    """Give the names that a model had, each with the time at which it got the next one; not the one that it has."""
    told = {entry.record["name"]: datetime.fromisoformat(entry.at) for entry in ledger.find(name, [FORMER])}
    return {former: at for former, at in told.items() if former != name}


def copy_history(ledger: Ledger, old: str, new: str) -> None:
    """Write every entry of a model once more under its new name; a second call adds nothing.

    The ledger is never changed, so the old entries stay where they are; where the model comes back to a name, those
    that came from there are there still.
    """
    for entry in ledger.entries(old):
        if entry.kind in (BEGUN, RENAMED) or str(entry.key).startswith(f"{RENAMED}:{new}:"):
            continue
        ledger.append_once(
            new,
            entry.kind,
            key=entry.key or f"{RENAMED}:{old}:{entry.id}",
            state=entry.state,
            actor=entry.actor,
            decision_id=entry.decision_id,
            from_version=entry.from_version,
            to_version=entry.to_version,
            batch=entry.batch,
            reason=entry.reason,
            record=entry.record,
            at=datetime.fromisoformat(entry.at),
        )


def rename_in_mlflow(registry: Registry, old: str, new: str) -> None:
    """Rename the registered model and the experiment, where they still have the old name."""
    if registry.aliases(old) is not None and registry.aliases(new) is None:
        registry.client.rename_registered_model(old, new)
    before = registry.client.get_experiment_by_name(old)
    if before is not None and registry.client.get_experiment_by_name(new) is None:
        registry.client.rename_experiment(before.experiment_id, new)
