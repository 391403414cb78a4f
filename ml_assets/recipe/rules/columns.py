"""Every column has one role, and the target is none of the others."""

from __future__ import annotations

from typing import Final

from ml_assets.recipe.faults import Key
from ml_assets.recipe.planned import PARAMS, not_yet
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.schema.model import NETWORKS
from ml_assets.recipe.tasks import EFFECTS, ESTIMATOR_KINDS

TARGET: Final[Key] = ("model", "data_interface", "target_col")
EMPTY: Final = "is an empty list: name a column, or leave the section out"
EMBEDDING: Final = "embedding"
ONE_KIND: Final = {
    "categorical_strategy": "categorical", "numerical_strategy": "numerical", "outlier_detection": "numerical",
}  # fmt: skip
"""Settings of a set of columns that are for one kind of column."""


def targets_columns(recipe: Recipe) -> Found:
    """A target is a column, which is no entity, no time and no feature."""
    if not recipe.has_target:
        return
    if recipe.model.data_interface.target_col is None:
        yield TARGET, "is missing: Column to predict. Allowed: text or list of text"
        return
    if not recipe.targets or not all(recipe.targets):
        yield TARGET, "is empty; allowed: the name of a column, or a list of names"
        return
    if recipe.treatment is not None and recipe.treatment in recipe.targets[:-1]:
        yield (
            (*TARGET[:-1], "treatment_col"),
            f"{recipe.treatment!r} is the target; name the column of the treatment",
        )
        return
    twice = [name for k, name in enumerate(recipe.targets) if name in recipe.targets[:k]]
    if twice:
        yield TARGET, f"names {twice[0]!r} twice: keep one"
    for target in dict.fromkeys(recipe.targets):
        yield from _target(recipe, target)


def _target(recipe: Recipe, target: str) -> Found:
    interface, params = recipe.model.data_interface, recipe.model.preprocessor.params
    role = "the treatment" if target == recipe.treatment else "the target"
    if recipe.batches is not None and recipe.batches.column == target:
        yield ("batches", "column"), f"{target!r} is {role}; name the column with the time of each row"
    if target in interface.entity_cols:
        yield ("model", "data_interface", "entity_cols"), f"{target!r} is {role}; leave it out"
    for name in ("categorical_features", "numerical_features"):
        if target in (getattr(params, name) or ()):
            why = (
                "is not known of a row to predict"
                if target == recipe.treatment
                else "would give the answer away"
            )
            yield (*PARAMS, name), f"{target!r} is {role}: as a feature it {why}; leave it out"


def treatment(recipe: Recipe) -> Found:
    """An effect needs a column that says which rows were treated; no other task has one."""
    interface, here = recipe.model.data_interface, ("model", "data_interface")
    if recipe.task not in EFFECTS:
        for name in ("treatment_col", "control"):
            if getattr(interface, name) is not None:
                yield (*here, name), f"is for task_type causal, not for {recipe.task}: leave it out"
        return
    if interface.treatment_col is None:
        yield (
            (*here, "task_type"),
            "causal needs treatment_col, the column that says which rows were treated: name it beside target_col",
        )
    if not isinstance(interface.target_col, str):
        yield TARGET, not_yet("causal with several targets", "Name one")
    params = recipe.model.preprocessor.params
    for key, strategy in (
        ((*PARAMS, "categorical_strategy"), params.categorical_strategy),
        *(
            ((*PARAMS, "column_sets", k, "categorical_strategy"), group.categorical_strategy)
            for k, group in enumerate(params.column_sets)
        ),
    ):
        if strategy == "target":
            yield key, "encodes a category by its outcome, not by the effect: write onehot or ordinal"
    for path in recipe.own_metrics:
        yield ("evaluation", "own_metrics", path), not_yet("a metric of one's own for causal", "Leave it out")


def positive_class(recipe: Recipe) -> Found:
    """Only what is predicted by a classifier has classes."""
    interface = recipe.model.data_interface
    if (
        ESTIMATOR_KINDS.get(recipe.task, "Classifier") != "Classifier"
        and interface.positive_class is not None
    ):
        yield ("model", "data_interface", "positive_class"), f"{recipe.task} has no classes: leave it out"


def preprocessor(recipe: Recipe) -> Found:
    """Columns and strategies are named for `custom_preprocessor` only; a column has one role."""
    name, params = recipe.model.preprocessor.name, recipe.model.preprocessor.params
    default = type(params)()
    if name == "default_preprocessor":
        for setting in (
            "categorical_features", "categorical_strategy", "numerical_features", "numerical_strategy", "column_sets",
        ):  # fmt: skip
            if getattr(params, setting) != getattr(default, setting):
                yield (*PARAMS, setting), "belongs to custom_preprocessor: write `name: custom_preprocessor`"
    seen: dict[str, str] = {}
    for setting in ("exclude_cols", "categorical_features", "numerical_features"):
        for column in getattr(params, setting) or ():
            if seen.setdefault(column, setting) != setting:
                yield (*PARAMS, setting), f"{column!r} is in {seen[column]} too: keep one"


def embedding(recipe: Recipe) -> Found:
    """An embedding is learned inside a network, which prepares all its columns itself."""
    params, path = recipe.model.preprocessor.params, recipe.model.class_path or ""
    if params.categorical_strategy != EMBEDDING:
        return
    key: Key = (*PARAMS, "categorical_strategy")
    if not path.startswith(NETWORKS):
        yield (
            key,
            "an embedding is learned inside a neural network, and the estimator is none: write "
            "class_path: ml_assets.networks.MLPClassifier, say, or onehot, ordinal, label or target",
        )
        return
    for other in prepared_columns(recipe):
        yield (
            other,
            "with categorical_strategy: embedding the network prepares its columns itself: leave one out",
        )


def prepared_columns(recipe: Recipe) -> list[Key]:
    """Keys by which a recipe prepares columns that a network would else prepare itself."""
    params = recipe.model.preprocessor.params
    default, made = type(params)(), recipe.model.feature_engineering
    others = ("numerical_strategy", "missing_strategy", "outlier_detection", "column_sets")
    taken = [(*PARAMS, name) for name in others if getattr(params, name) != getattr(default, name)]
    taken += [("model", "feature_engineering", "interactions")] if made.interactions else []
    taken += [("model", "feature_engineering", "polynomials")] if made.polynomials else []
    taken += [("model", "feature_selection")] if recipe.model.feature_selection else []
    if params.categorical_strategy not in (None, EMBEDDING):
        taken.append((*PARAMS, "categorical_strategy"))
    return taken


def column_sets(recipe: Recipe) -> Found:
    """A column is in one set, which asks something of it."""
    params = recipe.model.preprocessor.params
    kinds = dict.fromkeys(params.categorical_features or (), "categorical")
    kinds |= dict.fromkeys(params.numerical_features or (), "numerical")
    seen: dict[str, int] = {}
    for position, group in enumerate(params.column_sets):
        key: Key = (*PARAMS, "column_sets", position)
        if group.categorical_strategy == EMBEDDING:
            yield (*key, "categorical_strategy"), "embedding is for all categories: write it in params itself"
        if not group.columns:
            yield (*key, "columns"), EMPTY
        for column in group.columns:
            if column in recipe.targets or column in params.exclude_cols:
                role = "the target" if column in recipe.targets else "in exclude_cols"
                yield (*key, "columns"), f"{column!r} is {role}: leave it out here"
            if seen.setdefault(column, position) != position:
                yield (*key, "columns"), f"{column!r} is in column_sets[{seen[column]}] already: keep one"
        for setting, kind in ONE_KIND.items():
            others = [column for column in group.columns if kinds.get(column, kind) != kind]
            if getattr(group, setting) and others and len(others) == len(group.columns):
                yield (*key, setting), f"is for {kind} columns, and {', '.join(others)} is none: leave it out"
