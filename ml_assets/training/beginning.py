"""A training whose network begins from a version: what is taken along from it, and what cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.features.categories import TypedColumns
from ml_assets.features.columns import Roles, roles_of
from ml_assets.networks.beginning import Start, start_of
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.schema.model import FROZEN, NETWORKS, START_FROM
from ml_assets.shown import listed


@dataclass(frozen=True)
class Beginning:
    """What a training takes along from a version: its network, columns, levels of categories and classes.

    Parameters
    ----------
    start : Start
    numeric, categorical : tuple of str
    levels : dict of str to list of str
        Of each category, in the order that the weights know.
    labels : tuple, optional
        Classes, in the order that the weights know; None of numbers.
    """

    start: Start
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    levels: dict[str, list[str]]
    labels: tuple[Any, ...] | None

    @property
    def version(self) -> int:
        """Of which it is."""
        return self.start.version

    def roles(self, rows: pd.DataFrame, found: Roles, recipe: Recipe) -> Roles:
        """Let the columns be those of the version; others that would be features are told.

        Raises
        ------
        ValueError
            If one is missing, or is of another kind.
        """
        missing = [name for name in (*self.numeric, *self.categorical) if name not in rows.columns]
        if missing:
            raise ValueError(
                f"start_from: version {self.version} learned {listed(map(repr, missing))}, which the rows lack: leave "
                "start_from out"
            )
        kept = roles_of((*self.numeric, *self.categorical), rows, recipe)
        moved = sorted({*kept.numeric} ^ {*self.numeric})
        if moved:
            kinds = ["a category", "a number"]
            told = (f"{name!r} as {kinds[name in self.numeric]}" for name in moved)
            raise ValueError(
                f"start_from: version {self.version} learned {listed(told)}, and it is the other now: mend the column, "
                "or leave start_from out"
            )
        new = {name: f"version {self.version}, from which the network begins, has no such column"
               for name in found.features if name not in kept.features}  # fmt: skip
        excluded = {name: reason for name, reason in found.excluded.items() if name not in kept.features}
        return replace(kept, excluded=excluded | new)

    def see_labels(self, y: Any) -> None:
        """Hold the classes of a training against those that the weights know.

        Raises
        ------
        ValueError
            If there are others, or some are missing.
        """
        if self.labels is None:
            return
        known, found = {*map(str, self.labels)}, {*map(str, np.unique(y))}
        if known != found:
            raise ValueError(
                f"start_from: version {self.version} knows the classes {listed(sorted(known))}, and the rows have "
                f"{listed(sorted(found))}: leave start_from out"
            )


def beginning_of(pipeline: Any, version: int) -> Beginning:
    """Take from a fitted Pipeline what the network of another training begins from.

    Raises
    ------
    ValueError
        If its estimator is no network, or columns were prepared for it.
    """
    prepared, model = pipeline[0], pipeline[-1]
    for _ in range(2):  # a threshold or calibration, and weights of classes
        model = model if hasattr(model, "network_") else getattr(model, "estimator_", model)
    start = start_of(model, version)
    if not isinstance(prepared, TypedColumns):
        raise ValueError(
            f"start_from: the columns of version {version} were prepared for the network, which each training learns "
            "anew: begin from a version whose recipe has no such preparation, or leave start_from out"
        )
    labels = getattr(pipeline[-1], "classes_", None)
    return Beginning(
        start,
        tuple(prepared.numeric),
        tuple(prepared.categorical),
        prepared.levels_,
        None if labels is None else tuple(labels),
    )


def from_scratch(recipe: Recipe) -> Recipe:
    """Return the recipe of the same network with weights drawn at random."""
    if recipe.model.start_from is None:
        return recipe
    kept = without_start(recipe.model.class_path or "", recipe.model.hyperparameters)
    return recipe.model_copy(update={"model": recipe.model.model_copy(update={"hyperparameters": kept})})


def without_start(class_path: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a network is told of its beginning.

    >>> without_start("ml_assets.networks.MLPClassifier", {"max_epochs": 5, "start_from": 3, "frozen_epochs": 1})
    {'max_epochs': 5}
    """
    told = (START_FROM, FROZEN) if class_path.startswith(NETWORKS) else ()
    return {name: value for name, value in params.items() if name not in told}


def forget(estimator: Any, version: int) -> None:
    """Let a fitted network keep the number of the version alone, not its weights beside its own."""
    while estimator is not None:
        if isinstance(getattr(estimator, START_FROM, None), Start):
            setattr(estimator, START_FROM, version)
        inner = getattr(estimator, "estimator", None)
        if isinstance(getattr(inner, START_FROM, None), Start):
            setattr(inner, START_FROM, version)
        estimator = getattr(estimator, "estimator_", None)
