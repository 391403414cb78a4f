"""What is searched: the recipe's own estimator, or without a class path, several families."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ml_assets.estimators.candidate import Candidate, Family
from ml_assets.estimators.families import (
    BLENDS,
    FACTORIZATIONS,
    OF_SEVERAL,
    STACKS,
    VOTES,
    families,
)
from ml_assets.estimators.libraries import input_wanted
from ml_assets.features.treatment import unprepared
from ml_assets.recipe.schema import Ensemble, Recipe, Tuning
from ml_assets.recipe.space import Nested
from ml_assets.recipe.tasks import ESTIMATOR_KINDS

SEARCH_SECONDS = 120.0
"""Time limit of the automatic search where the recipe names none."""
PLENTY = 10_000
"""Trials where the recipe names seconds alone: the families know when another has little to find."""


def candidates(recipe: Recipe) -> dict[str, Candidate]:
    """Return the recipe's estimator, or every family of the task."""
    class_path, params = recipe.model.class_path, recipe.model.hyperparameters
    if class_path is None and recipe.recommends:
        return {name: Candidate(path) for name, path in FACTORIZATIONS.items()}
    if class_path is None:
        return {name: family.candidate for name, family in searched_families(recipe).items()}
    if recipe.model.ensemble is not None:
        class_path, params = composed(recipe, recipe.model.ensemble)
    return {class_path: candidate(class_path, params, recipe)}


def composed(recipe: Recipe, ensemble: Ensemble) -> tuple[str, dict[str, Any]]:
    """Return class path and hyperparameters of an ensemble."""
    kind, named, inputs = ESTIMATOR_KINDS[recipe.task], {}, {}
    for k, (_, class_path, hyperparameters) in enumerate(recipe.model.named, start=1):
        name = f"{k}_{class_path.rpartition('.')[2]}"
        named[name] = Nested(class_path, hyperparameters)
        inputs[name] = input_wanted(class_path, hyperparameters, not unprepared(recipe))
    typed = "categories" in inputs.values()
    params: dict[str, Any] = {
        "estimators": [{"name": name, "estimator": each} for name, each in named.items()],
        "numbers": [name for name, wanted in inputs.items() if typed and wanted == "numbers"],
        "typed": typed,
    }
    if ensemble.method in ("averaging", "voting"):
        params["weights"] = [1.0, *(each.weight for each in ensemble.estimators)]
        return VOTES if ensemble.method == "voting" else BLENDS[kind], params
    held = {
        "held": ensemble.method == "blending",
        "ordered": by_time(recipe),
        "random_state": recipe.random_state,
    }
    return STACKS[kind], params | held


def searched_families(recipe: Recipe, y: Any = None) -> dict[str, Family]:
    """Return the families of the automatic search; a preparation that the recipe names is kept to in each.

    Parameters
    ----------
    recipe : Recipe
    y : Series or DataFrame of shape (n_rows, ...), optional
        What is to be learned; default: few rows of one number or two classes.
    """
    found = families(
        recipe.task, None if y is None else len(y), several=y is not None and _several_sums(y, recipe)
    )
    if unprepared(recipe):
        return found
    return {
        name: replace(family, candidate=replace(family.candidate, input="numbers"))
        for name, family in found.items()
    }


def _several_sums(y: Any, recipe: Recipe) -> bool:
    """Whether boosting has a sum for each of several targets or classes."""
    from ml_assets.tasks.several import most_classes

    return y.ndim > 1 or (ESTIMATOR_KINDS[recipe.task] == "Classifier" and most_classes(y) > 2)


def candidate(class_path: str, params: Mapping[str, Any], recipe: Recipe) -> Candidate:
    """Return one estimator; a preparation that the recipe names is kept to, whatever the library understands."""
    if class_path in OF_SEVERAL:
        return Candidate(class_path, params, input="categories" if params["typed"] else "numbers")
    return Candidate(class_path, params, input=input_wanted(class_path, params, not unprepared(recipe)))


def by_time(recipe: Recipe) -> bool:
    """Whether the newest rows are held out, not some drawn at random."""
    method = recipe.evaluation.validation.method
    if recipe.forecasts:
        return True
    if method == "time_split" and recipe.batches is None:
        raise ValueError("validation.method: 'time_split' needs `batches.column`, the time of each row.")
    return method == "time_split" or (method is None and recipe.batches is not None)


def longest(recipe: Recipe, most: float | None) -> float:
    """Seconds of a search: what the recipe asks for, or the operator's limit where that is less."""
    limits = (search_settings(recipe).timeout, most)
    return min((limit for limit in limits if limit is not None), default=math.inf)


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
    elif tuning.n_trials is None:
        changes["n_trials"] = PLENTY
    if not tuning.enabled:
        changes["n_trials"] = len(families(recipe.task))
    return tuning.model_copy(update=changes)
