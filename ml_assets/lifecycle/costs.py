"""What a model costs, and how much of its budget is spent: without Dagster's log."""

from __future__ import annotations

from datetime import datetime

from ml_assets.lifecycle.state import ModelState
from ml_assets.records.costs import Spending
from ml_assets.registry import costs
from ml_assets.registry.spending import spending
from ml_assets.retraining.budget import cpu_words, spent_words
from ml_assets.store.kept import bytes_kept


def spent_by(state: ModelState, since: datetime) -> tuple[Spending, dict[str, int]]:
    """Tell what a model has cost since a time, and the bytes that its store holds now, by asset."""
    return spending(state.ledger, since, state.name), bytes_kept(state.store.place)


def usual_training(state: ModelState) -> float | None:
    """CPU seconds of a training, on average over all that were measured; None where none was."""
    known = [each.cpu_seconds for each in costs.by_training(state.ledger, costs.EVER, state.name)]
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
    known = costs.by_training(state.ledger, costs.EVER, state.name)
    return cpu_words(
        [(index(each.batch), each.cpu_seconds) for each in known if each.batch], index(newest), allowed
    )


def spent(state: ModelState) -> str:
    """Say that this budget is spent, and when it is free again; empty while something is left of it."""
    if state.recipe.retraining.budget.cpu_hours is None:
        return ""
    newest = max(state.store.batches("cleaned_features"), default=None)
    return spent_words(costs.by_training(state.ledger, costs.EVER, state.name), newest, state.recipe)
