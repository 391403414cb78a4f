"""Whether MLflow's alias and the ledger agree on who is in charge; where they do not, the operator is told."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ml_assets.lifecycle.alerts import tell
from ml_assets.registry import alias
from ml_assets.registry.rebuild import REBUILD

if TYPE_CHECKING:
    from ml_assets.lifecycle.state import ModelState


def look_at_alias(state: ModelState) -> None:
    """Mend and tell what does not agree: a lost ledger is made anew, an alias that others moved is noted.

    For ticks and overviews: it asks our database, never a tracking server, and imports MLflow only where
    something is to be done.
    """
    if not state.settings.own_mlflow or not alias.differs(state.registry, state.name):
        return
    from ml_assets.registry import charge
    from ml_assets.registry.versions import LostRegistryError

    entries = []
    with suppress(LostRegistryError):  # `status` says it, and every command that needs the champion
        entries = charge.reconcile(state.registry, state.name)
    for entry in entries:
        if entry.kind == alias.MOVED:
            tell(state, "alias_moved", str(entry.id), entry.reason)
        elif entry.actor == REBUILD and entry.kind == "reconcile":
            tell(state, "ledger_rebuilt", entry.decision_id, entry.reason)
