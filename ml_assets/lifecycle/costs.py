"""What a model costs, and how much of its budget is spent: without Dagster's log."""

from __future__ import annotations

from datetime import datetime

from ml_assets.lifecycle.state import ModelState
from ml_assets.records.costs import Spending
from ml_assets.registry import costs
from ml_assets.registry.spending import spending
from ml_assets.retraining.policy import HOUR
from ml_assets.shown import figure
from ml_assets.store.kept import bytes_kept

EVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def spent_by(state: ModelState, since: datetime) -> tuple[Spending, dict[str, int]]:
    """Tell what a model has cost since a time, and the bytes that its store holds now, by asset."""
    return spending(state.ledger, since, state.name), bytes_kept(state.store.place)


def usual_training(state: ModelState) -> float | None:
    """CPU seconds of a training, on average over all that were measured; None where none was."""
    known = [each.cpu_seconds for each in costs.by_training(state.ledger, EVER, state.name)]
    return sum(known) / len(known) if known else None


def budget_words(state: ModelState) -> str:
    """Say how much of `retraining.budget.cpu_hours` is spent; empty where there is none."""
    allowed = state.recipe.retraining.budget
    if allowed.cpu_hours is None:
        return ""
    newest = max(state.store.batches("cleaned_features"), default=None)
    if newest is None:
        return ""
    index = state.indexes()
    first = index(newest) - allowed.batches
    lately = [
        each
        for each in costs.by_training(state.ledger, EVER, state.name)
        if each.batch and index(each.batch) > first
    ]
    spent = sum(each.cpu_seconds for each in lately) / HOUR
    return (
        f"the trainings of the last {allowed.batches} batches ({len(lately)}) took {figure(spent, 3)} of "
        f"{allowed.cpu_hours:g} hours of CPU (retraining.budget.cpu_hours)"
    )
