"""The ledger as it was before one of its entries: what somebody who decided then could know."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ml_assets.registry import champions
from ml_assets.registry.champions import VersionInfo
from ml_assets.registry.ledger import Entry, Ledger
from ml_assets.registry.table import decisions
from ml_assets.registry.versions import Registry


class EarlierLedger(Ledger):
    """Read the entries before one; nothing is written.

    Parameters
    ----------
    ledger : Ledger
        The ledger as it is.
    before : int
        Id of the first entry that is not seen.
    """

    def __init__(self, ledger: Ledger, before: int) -> None:
        vars(self).update(vars(ledger))
        self._before, self._found, self._standing = before, None, None

    def _select(self, *queries: sa.Select[Any]) -> tuple[Entry, ...]:
        return super()._select(*(query.where(decisions.c.id < self._before) for query in queries))

    def _insert(self, row: dict[str, Any]) -> Entry:
        raise TypeError(f"an earlier state of the ledger takes no entry ({row['kind']})")


class EarlierRegistry(Registry):
    """The registry beside such a ledger: who was in charge then, whatever the alias says now."""

    def champion(self, recipe: str) -> VersionInfo | None:
        """Read the version that was in charge; None before the first promotion."""
        return champions.champion(self.ledger, recipe)
