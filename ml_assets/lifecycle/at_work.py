"""One command at a time on a model: on this machine by a lock of the home, among machines by one of their database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from ml_assets.lifecycle.state import PATIENCE, Busy, ModelState, locked, locked_by_another
from ml_assets.registry.ledger import LedgerBusyError

_OURS: Final[set[tuple[str, str]]] = set()
"""Locks of databases that this process holds: the ledger's address and the name."""


@contextmanager
def at_work(state: ModelState) -> Iterator[None]:
    """Be the one command that changes a model; whatever ends the process ends it.

    Raises
    ------
    Busy
        Another process is at work on it, here or, where the ledger is in PostgreSQL, on another machine.
    """
    with ExitStack() as held:
        held.enter_context(locked(state.settings.locks, state.command_lock))
        if state.ledger.is_shared:
            try:
                held.enter_context(state.ledger.lock(state.command_lock, PATIENCE))
            except LedgerBusyError:
                raise Busy(
                    f"a process on another machine, or of another home, is at work on {state.command_lock!r} (lock in "
                    f"{state.settings.ledger_place}): wait until it has ended, then run the same command again"
                ) from None
            ours = str(state.ledger.url), state.command_lock
            _OURS.add(ours)
            held.callback(_OURS.discard, ours)
        yield


def at_work_elsewhere(state: ModelState) -> bool:
    """Whether another living process is at work on a model, here or on another machine."""
    if locked_by_another(state.settings.locks, state.command_lock):
        return True
    ledger = state.ledger
    if not ledger.is_shared or (str(ledger.url), state.command_lock) in _OURS:
        return False
    return ledger.is_locked(state.command_lock)
