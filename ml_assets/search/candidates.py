"""What is searched: the recipe's own estimator, or without a class path, several families."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_assets.estimators.families import Candidate, families
from ml_assets.estimators.libraries import input_wanted
from ml_assets.features.treatment import unprepared
from ml_assets.recipe.schema import Recipe, Tuning

SEARCH_SECONDS = 120.0
"""Time limit of the automatic search where the recipe names none."""


def candidates(recipe: Recipe) -> dict[str, Candidate]:
    """Return the recipe's estimator, or every family of the task."""
    class_path = recipe.model.class_path
    if class_path is None:
        return families(recipe.task)
    return {class_path: candidate(class_path, recipe.model.hyperparameters, recipe)}


def candidate(class_path: str, params: Mapping[str, Any], recipe: Recipe) -> Candidate:
    """Return one estimator; a preparation that the recipe names is kept to, whatever the library understands."""
    return Candidate(class_path, params, input=input_wanted(class_path, params, not unprepared(recipe)))


def search_settings(recipe: Recipe) -> Tuning:
    """Return the recipe's tuning section as the search needs it.

    The automatic search gets a time limit; switched off (`enabled: false`) it only compares the families'
    first points.
    """
    tuning = recipe.hyperparameter_tuning
    if recipe.model.class_path is not None:
        return tuning
    changes: dict[str, object] = {}
    if tuning.timeout is None:
        changes["timeout"] = SEARCH_SECONDS
    if not tuning.enabled:
        changes["n_trials"] = len(families(recipe.task))
    return tuning.model_copy(update=changes)
