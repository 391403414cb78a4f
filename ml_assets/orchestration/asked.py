"""A person's wish for a training: asked once, while one waits to be begun or is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.orchestration.history import read_history
from ml_assets.registry.persons import asked
from ml_assets.retraining.said import is_open

if TYPE_CHECKING:
    import dagster as dg

    from ml_assets.lifecycle.state import ModelState
    from ml_assets.records import History


def under_way(instance: dg.DagsterInstance, state: ModelState) -> str:
    """Say which training runs, or is asked for and waits to be begun; empty where there is none."""
    history = read_history(instance, state)
    running = [attempt for attempt in history.attempts if attempt.outcome == "in_flight"]
    if running:
        return (
            f"a training is under way since {_minute(running[-1].at)} UTC, run {running[-1].run}: nothing was asked "
            "for; when it has ended, ask again if it is still wanted"
        )
    waits = asked_words(state, history)
    return waits and f"{waits}; nothing was asked for a second time"


def asked_words(state: ModelState, history: History) -> str:
    """Say which training is asked for and not begun; empty where none is."""
    ask = asked(state.ledger, state.name)
    if ask is None or not is_open(ask, history):
        return ""
    failed = sum(attempt.at >= ask.at for attempt in history.attempts)
    again = f" (begun and failed {'once' if failed == 1 else 'twice'})" if failed else ""
    return (
        f"a training is asked for since {_minute(ask.at)} UTC by {ask.actor}: {ask.reason}{again}; the daemon of "
        "`ml-assets ui` begins it at its next look"
    )


def _minute(at: str) -> str:
    return at[:16].replace("T", " ")
