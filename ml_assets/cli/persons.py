"""What persons decide about a model: the one way of the command line and of the pages."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from ml_assets.cli.models import actor, known_state, refresh_overview, roll_back, show_change
from ml_assets.lifecycle import approval
from ml_assets.lifecycle.approval import wanted
from ml_assets.lifecycle.at_work import at_work
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import STATIC
from ml_assets.orchestration.asked import under_way
from ml_assets.orchestration.examine import daemon_lives
from ml_assets.orchestration.runs import open_instance
from ml_assets.orchestration.walk import WalkError
from ml_assets.registry import persons
from ml_assets.registry.ledger import Entry

MOST_DAYS = 3_650


def approve_version(name: str, version: int, reason: str, by: str | None = None) -> dict[str, Any]:
    """Say yes to a challenger that waits."""
    state = known_state(name)
    newest = state.ledger.newest_id()
    with at_work(state):
        entry = approval.approve(state, version, actor=by or actor(), reason=reason)
    show_change(state)
    changed = entry.id > newest
    text = f"version {version} is champion{' now' if changed else ' already'}: {entry.reason}"
    return _told(state, entry, changed, text) | {"version": version, "champion_version": version}


def refuse_version(name: str, version: int, reason: str, by: str | None = None) -> dict[str, Any]:
    """Say no to a challenger that waits."""
    state = known_state(name)
    newest = state.ledger.newest_id()
    entry = approval.refuse(state, version, actor=by or actor(), reason=reason)
    refresh_overview(state.settings)
    text = f"version {version} was refused by {entry.actor}, the champion stays: {entry.reason}"
    return _told(state, entry, entry.id > newest, text) | {"version": version}


def ask_training(name: str, reason: str, by: str | None = None) -> dict[str, Any]:
    """Ask for a training, unless one is under way or asked for; what looks at the model next begins it."""
    wanted(reason)
    state = known_state(name)
    with open_instance(state.settings) as instance:
        if text := under_way(instance, state):
            return _nothing(name, text)
        lives = daemon_lives(instance)
    entry = persons.ask(
        state.ledger, name, actor=by or actor(), reason=reason.strip(), batch=_newest_batch(state)
    )
    text = f"a training is asked for: the daemon of `ml-assets ui` begins it within {state.settings.sensor_seconds} s"
    if not lives:
        text += "; but no daemon is at work: start `ml-assets ui`, or train now with `ml-assets train`"
    return _told(state, entry, True, text)


def pause_model(name: str, reason: str, days: float | None, by: str | None = None) -> dict[str, Any]:
    """Let nothing be trained by itself, for so many days or until it is resumed."""
    wanted(reason)
    if days is not None and not (math.isfinite(days) and 0 < days <= MOST_DAYS):
        raise WalkError(f"days: found {days:g}; allowed: more than 0, at most {MOST_DAYS:,}")
    state = known_state(name)
    before = persons.paused(state.ledger, name, datetime.now(UTC))
    entry = persons.pause(state.ledger, name, actor=by or actor(), reason=reason.strip(), days=days)
    text = f"{persons.pause_words(entry)}; batches are watched, probation goes on"
    if before is not None:
        text += f" (before: {persons.pause_words(before)})"
    return _told(state, entry, True, text) | {"until": entry.record["until"]}


def resume_model(name: str, reason: str, by: str | None = None) -> dict[str, Any]:
    """End a pause; where there is none, nothing is changed."""
    wanted(reason)
    state = known_state(name)
    pause = persons.paused(state.ledger, name, datetime.now(UTC))
    if pause is None:
        return _nothing(name, "it is not paused; nothing was changed")
    entry = persons.resume(state.ledger, name, actor=by or actor(), reason=reason.strip())
    return _told(state, entry, True, "it is trained by itself again, as its recipe says")


def roll_back_for(name: str, instead_of: int, to: int, reason: str, by: str) -> dict[str, Any]:
    """Put an earlier version back in charge, if the one that the person saw still is."""
    wanted(reason)
    return roll_back(name, to, reason=reason.strip(), by=by, instead_of=instead_of)


def _told(state: ModelState, entry: Entry, changed: bool, text: str) -> dict[str, Any]:
    return {"name": state.name, "changed": changed, "entry": entry.id, "by": entry.actor, "text": text}


def _nothing(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "changed": False, "entry": None, "text": text}


def _newest_batch(state: ModelState) -> str:
    """Batch that a training would speak for."""
    if state.recipe.batches is None:
        return STATIC
    known = state.store.batches("cleaned_features")
    if not known:
        raise WalkError(f"{state.name}: no batch was taken in yet, there is nothing to learn from")
    return known[-1]
