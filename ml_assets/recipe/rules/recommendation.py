"""Recommendation: a row is a user and an item, and nothing else of it is learned but a rating."""

from __future__ import annotations

from typing import Final

from ml_assets.recipe.catalogue import ESTIMATORS
from ml_assets.recipe.faults import Key
from ml_assets.recipe.planned import not_yet
from ml_assets.recipe.rules.columns import TARGET
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe

HERE: Final[Key] = ("model", "data_interface")
KEYS: Final = {
    "user_col": "the column that names the user",
    "item_col": "the column that names the item",
}
OF_FEATURES: Final = ("preprocessor", "feature_engineering", "augmenter")
"""Sections about features, of which there are none."""


def recommendation(recipe: Recipe) -> Found:
    """A recommendation names users and items and has no features; no other task names them."""
    interface, model = recipe.model.data_interface, recipe.model
    if not recipe.recommends:
        default = type(interface)(task_type=recipe.task)
        for name in (*KEYS, "top_k", "relevant_from"):
            if getattr(interface, name) != getattr(default, name):
                yield (*HERE, name), f"is for task_type recommendation, not for {recipe.task}: leave it out"
        return
    for name, words in KEYS.items():
        if not getattr(interface, name):
            yield (*HERE, name), f"is missing: recommendation needs {words}"
    yield from _one_role_each(recipe)
    if isinstance(interface.target_col, tuple):
        yield TARGET, "is a list; of recommendation it is the rating: name one column, or leave it out"
    if interface.relevant_from is not None and interface.target_col is None:
        yield (
            (*HERE, "relevant_from"),
            "is a rating, and target_col names no column of ratings: name it, or leave this out",
        )
    if interface.entity_cols:
        yield (
            (*HERE, "entity_cols"),
            "rows of one user count together already (user_col): leave it out",
        )
    if model.class_path is not None and model.class_path not in ESTIMATORS:
        yield (
            ("model", "class_path"),
            not_yet(
                "an estimator of one's own for recommendation", "Write sklearn.decomposition.TruncatedSVD"
            ),
        )
    for name in OF_FEATURES:
        if getattr(model, name) != type(getattr(model, name))():
            yield (
                ("model", name),
                "is about features, and recommendation learns from users, items and ratings alone: leave it out",
            )
    for path in recipe.own_metrics:
        yield (
            ("evaluation", "own_metrics", path),
            not_yet("a metric of one's own for recommendation", "Leave it out"),
        )


def _one_role_each(recipe: Recipe) -> Found:
    interface = recipe.model.data_interface
    roles: list[tuple[Key, str | None]] = [((*HERE, name), getattr(interface, name)) for name in KEYS]
    if isinstance(interface.target_col, str):
        roles.append((TARGET, interface.target_col))
    if recipe.batches is not None:
        roles.append((("batches", "column"), recipe.batches.column))
    for place, (key, column) in enumerate(roles):
        first = next((other for other, name in roles[:place] if column and name == column), None)
        if first is not None:
            yield key, f"{column!r} is {first[-1]} too: a column has one role, name another"
