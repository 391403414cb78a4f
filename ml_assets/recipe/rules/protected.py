"""Protected columns judge a model: they have no other role, and nothing is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from ml_assets.recipe.faults import Key, unknown
from ml_assets.recipe.gaps import JUDGED, MEASURES
from ml_assets.recipe.planned import PARAMS
from ml_assets.recipe.rules.engineering import MADE
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe
from ml_assets.shown import listed

INTERFACE: Final[Key] = ("model", "data_interface")
FAIRNESS: Final[Key] = ("evaluation", "fairness")
UNEQUAL: Final = "max_gap"


def protected(recipe: Recipe) -> Found:
    """A protected column is neither target nor entity nor time, and no feature unless the recipe says so."""
    key: Key = (*INTERFACE, "protected_cols")
    names = recipe.protected
    others = dict(_roles(recipe))
    for name in dict.fromkeys(names):
        if name in others:
            yield key, f"{name!r} is {others[name]}; name another column, or leave it out"
        if names.count(name) > 1:
            yield key, f"names {name!r} twice: keep one"
    for name in recipe.model.data_interface.protected_features:
        if name not in names:
            yield (
                (*INTERFACE, "protected_features"),
                f"{name!r} is not in protected_cols: name it there, or leave it out here",
            )
    for made, columns in _made_of(recipe):
        for name in columns:
            if name in recipe.kept_apart:
                yield (
                    made,
                    f"{name!r} is protected, and so no feature: leave it out, or name it in "
                    "model.data_interface.protected_features",
                )


def _roles(recipe: Recipe) -> Iterator[tuple[str, str]]:
    interface, batches = recipe.model.data_interface, recipe.batches
    yield from ((name, "in entity_cols") for name in recipe.ids)
    if batches is not None:
        yield batches.column, "the time of the batches (batches.column)"
    if recipe.recommends:
        roles = (
            (interface.user_col, "the user"),
            (interface.item_col, "the item"),
            (recipe.rating, "the rating"),
        )
        yield from ((name, role) for name, role in roles if name)
    elif recipe.has_target:
        yield from ((name, "the target") for name in recipe.targets)
        if recipe.treatment is not None:
            yield recipe.treatment, "the treatment"


def _made_of(recipe: Recipe) -> Iterator[tuple[Key, tuple[str, ...]]]:
    """Keys that name features, or columns that features are made of."""
    params, made = recipe.model.preprocessor.params, recipe.model.feature_engineering
    for name in ("categorical_features", "numerical_features"):
        yield (*PARAMS, name), getattr(params, name) or ()
    yield from (
        ((*PARAMS, "column_sets", k, "columns"), group.columns) for k, group in enumerate(params.column_sets)
    )
    yield from (((*MADE, "interactions", k), pair) for k, pair in enumerate(made.interactions))
    for name in ("date_parts", "polynomials", "lags", "rolling"):
        section = getattr(made, name)
        if section is not None:
            yield (*MADE, name, "columns"), section.columns
    if made.time_col is not None:
        yield (*MADE, "time_col"), (made.time_col,)


def fairness(recipe: Recipe) -> Found:
    """Limits are of measures that the task has; groups are of protected columns, and rise."""
    section = recipe.evaluation.fairness
    if not recipe.protected and section != type(section)():
        yield (
            FAIRNESS,
            "judges the groups of protected columns: name them in model.data_interface.protected_cols",
        )
        return
    if recipe.protected and recipe.task not in JUDGED and section != type(section)():
        yield (
            FAIRNESS,
            f"compares groups of {', '.join(JUDGED)}, not of {recipe.task}: leave it out. Protected columns are no "
            "features all the same",
        )
        return
    allowed = tuple(name for name, tasks in MEASURES.items() if recipe.task in tasks)
    for name, limit in section.max_gap.items():
        if name not in allowed:
            others = MEASURES.get(name)
            told = (
                f"is a measure of {listed(others)}, not of {recipe.task}; allowed: {listed(allowed)}"
                if others
                else ""
            )
            yield (*FAIRNESS, UNEQUAL, name), told or unknown("measure", name, allowed)
        elif limit > 1 and len(MEASURES[name]) == 1 and recipe.task == "classification":
            yield (
                (*FAIRNESS, UNEQUAL, name),
                f"found {limit:g}; allowed: a difference of shares, 0 to 1: ten percent is 0.1",
            )
    for name, groups in section.groups.items():
        key: Key = (*FAIRNESS, "groups", name)
        if name not in recipe.protected:
            yield key, "is not in model.data_interface.protected_cols: name it there, or leave it out here"
        if isinstance(groups, tuple) and any(high <= low for low, high in pairwise(groups)):
            yield key, f"found {list(groups)}; allowed: numbers that rise, as [25, 60]"
