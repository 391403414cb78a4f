"""`ml-assets test-alerts`: whether each alert channel takes a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ml_assets.lifecycle.channels import PATIENCE, configured
from ml_assets.lifecycle.trial_alert import try_channels
from ml_assets.settings import read_settings

NONE = (
    "no alert channel is set up: alerts go to the log and the ledger alone. Set ML_ASSETS_ALERT_WEBHOOK, "
    "ML_ASSETS_ALERT_SLACK, ML_ASSETS_ALERT_URLS or ML_ASSETS_ALERT_EMAIL, see Alerts in docs/operations.md"
)


def send_tests(say: Callable[[str], None]) -> dict[str, Any]:
    """Send one message by each channel.

    Returns
    -------
    dict
        `ok`, and `channels`: each with `channel`, `sent`, `reason`, `variable`.
    """
    alerts = read_settings().alerts
    if not (count := len(configured(alerts))):
        return {"ok": False, "channels": []}
    say(
        f"sending a test message by {count} channel{'s' * (count > 1)}, at most {PATIENCE * alerts.timeout:g} s each"
    )
    tried = list(try_channels(alerts))
    return {"ok": all(each.sent for each in tried), "channels": [each.model_dump() for each in tried]}


def tests_text(result: dict[str, Any]) -> str:
    """Tell per channel whether it took the message, else why not and which setting to look at."""
    lines = [
        f"sent    {each['channel']}"
        if each["sent"]
        else f"FAILED  {each['channel']}: {each['reason']}. Look at {each['variable']}"
        for each in result["channels"]
    ]
    return "\n".join(lines) or NONE
