"""The budget of CPU, `retraining.budget.cpu_hours`: what of it is spent, and when it is free again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ml_assets.shown import counted, figure
from ml_assets.sources.calendar import index_between

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe
    from ml_assets.recipe.schema.time import Budget
    from ml_assets.records.costs import TrainingCost

HOUR: Final = 3600.0
"""Seconds."""


def cpu_words(spent: Sequence[tuple[int, float]], newest: int, budget: Budget) -> str:
    """
    Say how much of the budget the trainings of its stretch took.

    Parameters
    ----------
    spent : sequence of (int, float)
        Of each training the position of its batch on the calendar, and seconds of CPU.
    newest : int
        Position of the newest batch, at which the stretch ends.

    >>> from ml_assets.recipe.schema.time import Budget
    >>> cpu_words([(0, 9000.0), (4, 1800.0)], 5, Budget(batches=4, cpu_hours=2))
    'the trainings of the last 4 batches (1) took 0.5 of 2 hours of CPU (retraining.budget.cpu_hours)'
    """
    lately = [cost for place, cost in spent if place > newest - budget.batches]
    return (
        f"the trainings of the last {counted(budget.batches, 'batch')} ({len(lately)}) took "
        f"{figure(sum(lately) / HOUR, 3)} of {budget.cpu_hours or 0:g} hours of CPU (retraining.budget.cpu_hours)"
    )


def batches_until_free(spent: Sequence[tuple[int, float]], newest: int, budget: Budget) -> int:
    """
    Count the batches that have to come until a training may be begun; 0 while one may.

    >>> from ml_assets.recipe.schema.time import Budget
    >>> [batches_until_free([(0, 5400.0), (2, 1800.0)], n, Budget(batches=4, cpu_hours=2)) for n in (2, 3, 4)]
    [2, 1, 0]
    """
    if budget.cpu_hours is None:
        return 0
    for wait in range(budget.batches):
        stretch = (cost for place, cost in spent if place > newest + wait - budget.batches)
        if sum(stretch) / HOUR < budget.cpu_hours:
            return wait
    return budget.batches


def spent_words(trainings: Sequence[TrainingCost], newest: str | None, recipe: Recipe) -> str:
    """Say that the budget is spent, and when it is free again; empty while something is left of it.

    Parameters
    ----------
    trainings : sequence of TrainingCost
        All of the model.
    newest : str or None
        The newest batch.
    """
    budget, batches = recipe.retraining.budget, recipe.batches
    if newest is None or batches is None:
        return ""
    spent = [
        (index_between(newest, each.batch, batches.period), each.cpu_seconds)
        for each in trainings
        if each.batch
    ]
    wait = batches_until_free(spent, 0, budget)
    return f"{cpu_words(spent, 0, budget)}, and none is begun by itself {held_words(wait)}" if wait else ""


def held_words(wait: int) -> str:
    """
    Say until when nothing is begun.

    >>> held_words(1), held_words(3)
    ('until the next batch', 'until 3 batches more have come')
    """
    return "until the next batch" if wait == 1 else f"until {wait:,} batches more have come"
