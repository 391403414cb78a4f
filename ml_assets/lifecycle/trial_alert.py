"""One message by each channel that the operator has set up, to see that alerts arrive."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from datetime import UTC, datetime

from ml_assets.lifecycle.channels import FAULTS, TEST, configured, fault
from ml_assets.records import Record
from ml_assets.settings import Alerts

VARIABLE = {
    "webhook": "ML_ASSETS_ALERT_WEBHOOK",
    "slack": "ML_ASSETS_ALERT_SLACK",
    "email": "ML_ASSETS_ALERT_EMAIL and ML_ASSETS_SMTP_…",
}
"""Setting of a channel; the others are services of `ML_ASSETS_ALERT_URLS`."""


class Delivery(Record):
    """What became of the message on one channel."""

    channel: str
    sent: bool
    reason: str = ""
    variable: str


def try_channels(alerts: Alerts) -> Iterator[Delivery]:
    """Send one test message by each channel, one after the other; neither ledger nor digest know of it."""
    body = {
        "source": "ml_assets",
        "model": "ml_assets",
        "event": TEST,
        "title": "a test message",
        "text": f"This is a test, sent by `ml-assets test-alerts` on {platform.node()}: alerts arrive here.",
        "todo": "nothing",
        "batch": None,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    for channel, send in configured(alerts).items():
        variable = VARIABLE.get(channel, "ML_ASSETS_ALERT_URLS")
        try:
            send(body)
        except FAULTS as error:
            yield Delivery(channel=channel, sent=False, reason=fault(error), variable=variable)
        else:
            yield Delivery(channel=channel, sent=True, variable=variable)
