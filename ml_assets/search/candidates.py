"""What is searched: the recipe's own estimator, or without a class path, several families."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ml_assets.estimators.families import BLENDS, Candidate, Family, families
from ml_assets.estimators.libraries import input_wanted
from ml_assets.features.treatment import unprepared
from ml_assets.recipe.schema import Recipe, Tuning

SEARCH_SECONDS = 120.0
"""Time limit of the automatic search where the recipe names none."""
PLENTY = 10_000
"""Trials where the recipe names seconds alone: the families know when another has little to find."""


def candidates(recipe: Recipe) -> dict[str, Candidate]:
    """Return the recipe's estimator, or every family of the task."""
    class_path = recipe.model.class_path
    if class_path is None:
        return {name: family.candidate for name, family in searched_families(recipe).items()}
    return {class_path: candidate(class_path, recipe.model.hyperparameters, recipe)}


def searched_families(recipe: Recipe, rows: int | None = None) -> dict[str, Family]:
    """Return the families of the automatic search; a preparation that the recipe names is kept to in each."""
    found = families(recipe.task, rows)
    if unprepared(recipe):
        return found
    return {
        name: replace(family, candidate=replace(family.candidate, input="numbers"))
        for name, family in found.items()
    }


def candidate(class_path: str, params: Mapping[str, Any], recipe: Recipe) -> Candidate:
    """Return one estimator; a preparation that the recipe names is kept to, whatever the library understands."""
    if class_path in BLENDS.values():
        return Candidate(class_path, params, input="categories" if params["typed"] else "numbers")
    return Candidate(class_path, params, input=input_wanted(class_path, params, not unprepared(recipe)))


def search_settings(recipe: Recipe) -> Tuning:
    """Return the recipe's tuning section as the search needs it.

    The automatic search gets a time limit; switched off (`enabled: false`) it only compares the families' first points.
    A recipe that names seconds and no trials has it go on until they are over.
    """
    tuning = recipe.hyperparameter_tuning
    if recipe.model.class_path is not None:
        return tuning
    changes: dict[str, object] = {}
    if tuning.timeout is None:
        changes["timeout"] = SEARCH_SECONDS
    elif "n_trials" not in tuning.model_fields_set:
        changes["n_trials"] = PLENTY
    if not tuning.enabled:
        changes["n_trials"] = len(families(recipe.task))
    return tuning.model_copy(update=changes)
