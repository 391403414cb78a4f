"""A network begins from a version whose columns it can read, and is judged by rows that the version had not learned."""

from __future__ import annotations

from typing import Any

from ml_assets.recipe.planned import not_yet
from ml_assets.recipe.rules.columns import prepared_columns
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.schema.model import FROZEN, NETWORKS, START_FROM
from ml_assets.recipe.space import Nested, searched

PARAMETERS = ("model", "hyperparameters")
ALONE = "is for the network of model.class_path alone, which no other estimator holds: leave it out here"


def beginning(recipe: Recipe) -> Found:
    """A version is named as such, by a network that is fitted alone and with fixed hyperparameters."""
    model = recipe.model
    for key, path, hyperparameters in model.named:
        inside = [each for name, each in hyperparameters.items() if _names_start(each)]
        if inside or (key and path.startswith(NETWORKS) and _names_start(Nested(path, hyperparameters))):
            yield ("model", *key, "hyperparameters"), f"{START_FROM} {ALONE}"
    if not (model.class_path or "").startswith(NETWORKS):
        return
    given = model.hyperparameters.get(START_FROM)
    frozen = model.hyperparameters.get(FROZEN, 0)
    if isinstance(frozen, bool) or not isinstance(frozen, int) or frozen < 0:
        yield (*PARAMETERS, FROZEN), f"must be a whole number ≥ 0, as 3; found {frozen!r}"
    if given is None:
        if FROZEN in model.hyperparameters:
            yield (
                (*PARAMETERS, FROZEN),
                f"is for a network that begins from a version: write {START_FROM}, or leave it out",
            )
        return
    key = (*PARAMETERS, START_FROM)
    if given != "champion" and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
        yield key, f"found {given!r}; allowed: champion, or the number of a version"
    for path in searched(model.hyperparameters):
        if path != START_FROM:
            yield (
                (*PARAMETERS, path),
                f"is searched, and a search judges by rows that the version of {START_FROM} has learned: give it one "
                f"value, or leave {START_FROM} out",
            )
    for name, asked in (
        ("threshold", model.threshold is not None),
        ("calibration", model.calibration != "off"),
    ):
        if asked:
            yield (
                ("model", name),
                f"is learned on rows that no fit had learned, and the version of {START_FROM} has: leave one out",
            )
    if model.ensemble is not None:
        yield ("model", "ensemble"), not_yet(f"an ensemble with {START_FROM}", "Leave one out")
    if len(recipe.targets) > 1:
        yield key, not_yet(f"{START_FROM} with several targets", "Leave it out")
    for prepared in prepared_columns(recipe):
        yield (
            prepared,
            f"is learned anew by each training, and the weights of the version of {START_FROM} know another: leave one "
            "out (a network prepares its columns itself)",
        )


def _names_start(value: Any) -> bool:
    """Whether an estimator inside another one would begin from a version."""
    if isinstance(value, Nested):
        own = value.class_path.startswith(NETWORKS) and START_FROM in value.hyperparameters
        return own or any(map(_names_start, value.hyperparameters.values()))
    if isinstance(value, dict):
        return any(map(_names_start, value.values()))
    return isinstance(value, list) and any(map(_names_start, value))
