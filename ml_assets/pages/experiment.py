"""What is compared on live traffic, as the page of a model shows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup

from ml_assets.pages import charts
from ml_assets.records.experiments import ArmResult
from ml_assets.registry import experiments
from ml_assets.registry.ledger import Ledger
from ml_assets.shown import figure


def on_traffic(ledger: Ledger, name: str, now: datetime) -> dict[str, Any] | None:
    """Read the newest experiment of a model: its arms, what is known of them, and its end; None where there is none."""
    found = experiments.newest(ledger, name)
    if found is None:
        return None
    one, ended = found
    last = experiments.last_look(ledger, one)
    arms = last[1].arms if last is not None else ()
    shares = one.experiment.shares(one.hours(now.timestamp()))
    running = ended is None and experiments.overtaken(ledger, one) is None
    metric = last[1].metric if last is not None else ""
    return {
        "start": one.entry,
        "ended": ended,
        "running": running,
        "words": experiments.words(one, now),
        "look": last[0] if last is not None else None,
        "arms": [(arm, shares.get(arm.name)) for arm in arms],
        "metric": metric,
        "picture": _picture(arms, metric),
    }


def _picture(arms: Sequence[ArmResult], metric: str) -> Markup:
    known = [
        (f"version {arm.version}", arm.gain, arm.low, arm.high)
        for arm in arms
        if arm.gain is not None and arm.low is not None and arm.high is not None
    ]
    told = "; ".join(
        f"{each} {figure(gain, 3)}, {figure(low, 3)} to {figure(high, 3)}" for each, gain, low, high in known
    )
    return charts.gains(
        known, f"gain in {metric} over the champion", f"Gain in {metric} over the champion: {told}"
    )
