"""Alerts to the log and the operator's channels: once per occasion, again while it lasts; no channel stops anything."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ml_assets.lifecycle.channels import FAULTS, configured, fault, told
from ml_assets.lifecycle.occasions import ERRORS, LASTING, TITLES, Event, remedy
from ml_assets.settings import Alerts
from ml_assets.shown import ended

if TYPE_CHECKING:
    from ml_assets.lifecycle.state import ModelState
    from ml_assets.registry.ledger import Entry, Fields, Ledger

SOURCE: Final = "ml_assets"
"""Who sends alerts; and what they are about, where it is no model."""
logger = logging.getLogger("ml_assets.alerts")


def tell(state: ModelState, event: Event, occasion: str, text: str, batch: str | None = None) -> bool:
    """Tell the operator about an event of a model; see `alert`."""
    from ml_assets.lifecycle.costs import spent
    from ml_assets.registry import persons
    from ml_assets.retraining.said import if_it_lasts

    paused = persons.paused(state.ledger, state.name, datetime.now(UTC)) is not None
    lasts = if_it_lasts(state.recipe.retraining, paused, spent(state))
    return alert(state.ledger, state.settings.alerts, state.name, event, occasion, text, batch, lasts)


def alert(
    ledger: Ledger,
    alerts: Alerts,
    model: str,
    event: Event,
    occasion: str,
    text: str,
    batch: str | None = None,
    lasts: str = "",
) -> bool:
    """Tell the operator about an event, unless it was told before; of what lasts, again after `alerts.repeat` hours.

    The ledger has one entry per telling, written first: of several processes one sends. What a channel could
    not deliver is a second entry. With `alerts.digest` only errors are sent at once: `send_digest` has the others.

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
    lasts : str
        What comes of it if it lasts.

    Returns
    -------
    bool
        Whether it was told now.
    """
    waits = alerts.digest > 0 and event not in ERRORS
    channels = () if waits else tuple(configured(alerts))
    body = {
        "source": SOURCE,
        "model": model,
        "event": event,
        "title": TITLES[event],
        "text": text,
        "todo": remedy(event, model, batch, lasts),
        "batch": batch,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    record = {
        "event": event,
        "channels": ["log", *channels],
        **({"digest": True, "todo": body["todo"]} if waits else {}),
    }
    entry = _first_told(ledger, alerts, body, f"alert:{event}:{occasion}"[:280], record)
    if entry is None:
        return False
    level = logging.ERROR if event in ERRORS else logging.WARNING
    logger.log(level, "%s %s What to do: %s", model, ended(entry.reason), body["todo"])
    _send(ledger, alerts, channels, body | {"text": entry.reason.partition(": ")[2]}, entry)
    return True


def _first_told(
    ledger: Ledger, alerts: Alerts, body: Mapping[str, Any], key: str, record: Mapping[str, Any]
) -> Entry | None:
    """Write the entry of a telling; None where another has told it, and it is not yet time to tell it again."""
    model, at = body["model"][:80], datetime.now(UTC)
    reason = f"{body['title']}: {body['text']}"
    fields: Fields = {"actor": "alerts", "batch": body["batch"], "reason": reason, "record": record, "at": at}
    entry, new = ledger.append_once(model, "alert", key=key, **fields)
    if new:
        return entry
    since = datetime.fromisoformat(entry.at)
    times = int((at - since).total_seconds() // (3600 * alerts.repeat)) if alerts.repeat else 0
    if body["event"] not in LASTING or not times:
        return None
    fields["reason"] = f"{body['title']}: still so since {since:%Y-%m-%d %H:%M} UTC: {body['text']}"
    entry, new = ledger.append_once(model, "alert", key=f"{key}:again:{times}", **fields)
    return entry if new else None


def send_digest(ledger: Ledger, alerts: Alerts, after: int) -> int:
    """Send what waits for the digest since an entry of the ledger, in one message.

    Returns
    -------
    int
        Id of the newest entry that was looked at.
    """
    entries = [entry for entry in ledger.entries(kind="alert", limit=MOST_IN_DIGEST) if entry.id > after]
    waiting = [entry for entry in entries if entry.record.get("digest") and entry.state == "done"]
    if waiting:
        models = sorted({entry.recipe for entry in waiting})
        lines = [
            f"{entry.recipe}: {ended(told({'text': entry.reason, 'batch': entry.batch}))} What to do: {_todo(entry)}"
            for entry in waiting
        ]
        body = {
            "source": SOURCE,
            "model": SOURCE,
            "event": "digest",
            "title": f"{len(waiting)} alerts about {len(models)} models",
            "text": "\n".join(lines),
            "todo": "`ml-assets status` shows how they are now",
            "batch": None,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        _send(ledger, alerts, tuple(configured(alerts)), body, waiting[-1])
    return entries[-1].id if entries else after


def _todo(entry: Entry) -> str:
    return str(entry.record.get("todo") or remedy(entry.record["event"], entry.recipe, entry.batch))


MOST_IN_DIGEST = 500
"""Newest alerts that one digest can hold."""


def _send(
    ledger: Ledger, alerts: Alerts, channels: Collection[str], body: Mapping[str, Any], entry: Entry
) -> None:
    ways = configured(alerts)
    for name in channels:
        try:
            ways[name](body)
        except FAULTS as error:
            reason = f"not delivered by {name}: {fault(error)}"
            logger.error("alert about %s %s", body["model"], reason)
            ledger.append(
                entry.recipe,
                "alert",
                state="aborted",
                actor="alerts",
                decision_id=entry.decision_id,
                batch=entry.batch,
                reason=reason,
                record={"event": body["event"], "channels": [name]},
            )
