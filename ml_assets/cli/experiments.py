"""`ml-assets ab`: versions compared on live traffic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ml_assets.cli.models import actor, known_state
from ml_assets.lifecycle import experiments as steps
from ml_assets.lifecycle.experiments import Wish
from ml_assets.lifecycle.state import ModelState
from ml_assets.registry import experiments


def start(name: str, wish: Wish, reason: str) -> dict[str, Any]:
    """Begin an experiment."""
    one = steps.begin(known_state(name), wish, actor=actor(), reason=reason)
    return {
        "name": name,
        "experiment": one.number,
        "champion": one.experiment.champion,
        "arms": [arm.model_dump() for arm in one.experiment.arms],
        "entity": list(one.experiment.entity),
        "text": f"{experiments.words(one)}; servers follow within seconds",
    }


def stop(name: str, reason: str) -> dict[str, Any]:
    """End the experiment that is running."""
    entry, changed = steps.stop(known_state(name), actor=actor(), reason=reason)
    text = f"experiment {entry.record['experiment']} has ended ({entry.record['how']}): {entry.reason}"
    return {"name": name, "changed": changed, "entry": entry.id, "text": text}


def status(name: str) -> dict[str, Any]:
    """Tell how the newest experiment stands."""
    return _told(known_state(name))


def _told(state: ModelState) -> dict[str, Any]:
    found = experiments.newest(state.ledger, state.name)
    if found is None:
        return {"name": state.name, "experiment": None, "text": "no version was compared on live traffic yet"}
    one, ended = found
    running = ended is None and experiments.overtaken(state.ledger, one) is None
    hours = one.hours(datetime.now(UTC).timestamp())
    words = experiments.words(one)
    text = words if ended is None else f"{words}\n  it has ended ({ended.record['how']}): {ended.reason}"
    return {
        "name": state.name,
        "experiment": one.number,
        "running": running,
        "champion": one.experiment.champion,
        "shares": one.experiment.shares(hours) if running else {},
        "arms": [arm.model_dump() for arm in one.experiment.arms],
        "ended": None
        if ended is None
        else {"how": ended.record["how"], "reason": ended.reason, "entry": ended.id},
        "text": text,
    }
