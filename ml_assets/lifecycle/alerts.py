"""Alerts: once per occasion, to the log and the operator's channels; a channel that fails stops nothing."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from ml_assets.lifecycle.channels import CHANNELS, FAULTS, configured, fault
from ml_assets.settings import Alerts

if TYPE_CHECKING:
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.registry.ledger import Ledger

Event = Literal[
    "drift",
    "fault",
    "breach",
    "concept",
    "retrain",
    "blocked",
    "not_staleness",
    "failed_run",
    "promotion_refused",
    "promotion_forced",
    "rollback",
    "rollback_failed",
    "broken_recipe",
    "alias_moved",
    "ledger_rebuilt",
    "missing_batch",
    "unreadable",
]

TITLES: dict[Event, str] = {
    "drift": "the data have drifted",
    "fault": "the data are faulty",
    "breach": "the live metric is in breach",
    "concept": "its predictions are worse than on the hold-out",
    "retrain": "is trained again",
    "blocked": "training is blocked",
    "not_staleness": "this is not staleness",
    "failed_run": "a run failed",
    "promotion_refused": "a challenger was refused",
    "promotion_forced": "a version was promoted without the gate",
    "rollback": "rolled back",
    "rollback_failed": "the rollback failed",
    "broken_recipe": "the recipe is broken",
    "alias_moved": "others moved its alias in MLflow",
    "ledger_rebuilt": "its ledger was lost and is made anew",
    "missing_batch": "a batch has not come",
    "unreadable": "the source cannot be read",
}
ERRORS: frozenset[Event] = frozenset({"failed_run", "rollback_failed", "broken_recipe", "unreadable"})

logger = logging.getLogger("ml_assets.alerts")


def tell(state: ModelState, event: Event, occasion: str, text: str, batch: str | None = None) -> bool:
    """Tell the operator about an event of a model; see `alert`."""
    return alert(state.ledger, state.settings.alerts, state.name, event, occasion, text, batch)


def alert(
    ledger: Ledger,
    alerts: Alerts,
    model: str,
    event: Event,
    occasion: str,
    text: str,
    batch: str | None = None,
) -> bool:
    """Tell the operator about an event, unless it was told before.

    The ledger has one entry per occasion, written first: of several processes one sends. What a channel could
    not deliver is a second entry.

    Parameters
    ----------
    ledger : Ledger
        Where it is written down.
    alerts : Alerts
        The operator's channels.
    model : str
        Name of the model.
    event : str
        One of `TITLES`.
    occasion : str
        What makes this event the same one if it is found again.
    text : str
        What happened.
    batch : str, optional
        At which batch.

    Returns
    -------
    bool
        Whether it was new.
    """
    channels = configured(alerts)
    at = datetime.now(UTC)
    body = {
        "source": "ml_assets",
        "model": model,
        "event": event,
        "title": TITLES[event],
        "text": text,
        "batch": batch,
        "at": at.isoformat(timespec="seconds"),
    }
    entry, new = ledger.append_once(
        model[:80],
        "alert",
        key=f"alert:{event}:{occasion}"[:300],
        actor="alerts",
        batch=batch,
        reason=f"{TITLES[event]}: {text}",
        record={"event": event, "channels": ["log", *channels]},
        at=at,
    )
    if not new:
        return False
    level = logging.ERROR if event in ERRORS else logging.WARNING
    logger.log(level, "%s %s: %s", model, TITLES[event], text)
    for name in channels:
        try:
            CHANNELS[name](alerts, body)
        except FAULTS as error:
            reason = f"not delivered by {name}: {fault(error)}"
            logger.error("alert about %s %s", model, reason)
            ledger.append(
                model[:80],
                "alert",
                state="aborted",
                actor="alerts",
                decision_id=entry.decision_id,
                batch=batch,
                reason=reason,
                record={"event": event, "channels": [name]},
            )
    return True
