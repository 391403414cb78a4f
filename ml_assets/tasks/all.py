"""All tasks, by the name that a recipe gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.tasks.base import Task
from ml_assets.tasks.causal import CAUSAL
from ml_assets.tasks.classification import CLASSIFICATION
from ml_assets.tasks.clustering import CLUSTERING
from ml_assets.tasks.recommendation import RECOMMENDATION
from ml_assets.tasks.regression import REGRESSION
from ml_assets.tasks.timeseries import TIMESERIES

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe

TASKS: dict[str, Task] = {
    task.name: task for task in (CLASSIFICATION, REGRESSION, TIMESERIES, CAUSAL, CLUSTERING, RECOMMENDATION)
}


def task_of(recipe: Recipe) -> Task:
    """Return the task of a recipe, which its rules have let through."""
    return TASKS[recipe.task]
