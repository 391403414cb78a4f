"""`ml-assets ab`: versions compared on live traffic."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ml_assets.cli.models import actor, known_state, show_change
from ml_assets.lifecycle import experiments as steps
from ml_assets.lifecycle.at_work import at_work
from ml_assets.lifecycle.experiment_looks import Seen, look_at_experiment
from ml_assets.lifecycle.experiments import Wish
from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.live_answers import live_answers
from ml_assets.records.experiments import ArmResult
from ml_assets.registry import experiments
from ml_assets.registry.experiments import Running
from ml_assets.registry.wording import describe
from ml_assets.shown import counted, figure


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


def stop(name: str, reason: str, by: str | None = None) -> dict[str, Any]:
    """End the experiment that is running."""
    entry, changed = steps.stop(known_state(name), actor=by or actor(), reason=reason)
    text = f"experiment {entry.record['experiment']} has ended ({entry.record['how']}): {entry.reason}"
    return {"name": name, "changed": changed, "entry": entry.id, "text": text}


def status(name: str) -> dict[str, Any]:
    """Look at the newest experiment, do what its labels say, and tell how it stands."""
    state = known_state(name)
    found = None
    if experiments.newest(state.ledger, name) is not None:
        with at_work(state):
            found = look_at_experiment(state, live_answers)
        if found is not None and found.fresh:
            show_change(state)
    return _told(state, found)


def _told(state: ModelState, seen: Seen | None) -> dict[str, Any]:
    found = experiments.newest(state.ledger, state.name)
    if found is None:
        return {
            "name": state.name,
            "experiment": None,
            "text": "no version was compared on live traffic yet",
        }
    one, ended = found
    last = experiments.last_look(state.ledger, one)
    arms = last[1].arms if last is not None else ()
    said = seen.promotion if seen is not None else None
    lines = [experiments.words(one), *_arm_lines(one, arms, last[1].metric if last else "")]
    if ended is not None:
        lines.append(f"it has ended ({ended.record['how']}): {ended.reason}")
    elif last is not None:
        lines.append(last[1].reason)
    if said is not None:
        lines.append(describe(said))
    return {
        "name": state.name,
        "experiment": one.number,
        "running": ended is None,
        "champion": one.experiment.champion,
        "shares": one.experiment.shares(one.hours(datetime.now(UTC).timestamp())) if ended is None else {},
        "arms": [arm.model_dump() for arm in one.experiment.arms],
        "results": [arm.model_dump() for arm in arms],
        "ratio_p": last[1].ratio_p if last is not None else None,
        "ended": None
        if ended is None
        else {"how": ended.record["how"], "reason": ended.reason, "entry": ended.id},
        "gate": None if said is None else {"outcome": said.kind, "reason": said.reason, "entry": said.id},
        "text": "\n  ".join(lines),
    }


def _arm_lines(one: Running, arms: Sequence[ArmResult], metric: str) -> list[str]:
    """One line for each arm: rows, labels, score."""
    if not arms:
        return [
            "no label has come for what was answered yet"
            + ("" if one.experiment.entity else "; without an entity each request is dealt out anew")
        ]
    return [
        f"{arm.name} (version {arm.version}): {counted(arm.rows, 'row')}, {arm.labelled:,} with labels"
        + ("" if arm.score is None else f", {metric} {figure(arm.score)}")
        for arm in arms
    ]
