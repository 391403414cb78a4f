"""Every estimator, those inside others too, is of the recipe's task and has parameters of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ml_assets.recipe.catalogue import ESTIMATORS, twin
from ml_assets.recipe.faults import Key, unknown
from ml_assets.recipe.planned import HYPERPARAMETERS, not_yet
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.space import Nested
from ml_assets.recipe.tasks import ESTIMATOR_KINDS

CHAIN: Final = "sklearn.multioutput.ClassifierChain"
FOR_SEVERAL: Final = {
    **{
        f"sklearn.multioutput.{name}": "name its estimator instead"
        for name in ("MultiOutputRegressor", "MultiOutputClassifier", "RegressorChain", "ClassifierChain")
    },
    **{
        f"sklearn.linear_model.MultiTask{name}": f"write {name}"
        for name in ("Lasso", "LassoCV", "ElasticNet", "ElasticNetCV")
    },
}
"""Estimators that cannot learn one target alone, with what to do."""


def estimators(recipe: Recipe) -> Found:
    """Every estimator is of the recipe's task, has the parameters it needs and no other."""
    model = recipe.model
    if model.class_path is None:
        if model.hyperparameters:
            yield ("model", "hyperparameters"), "need a class_path: the automatic search chooses its own"
        if recipe.hyperparameter_tuning.sampler == "grid":
            yield (
                ("hyperparameter_tuning", "sampler"),
                "'grid' needs a class_path: the automatic search begins with points of its own. Use tpe or random",
            )
        return
    for key, path, hyperparameters in _estimators(("model",), model.class_path, model.hyperparameters):
        known = ESTIMATORS.get(path)
        if known is None:
            continue  # one of a person's own: `validate` looks into it
        kind = ESTIMATOR_KINDS.get(known.task)
        if ESTIMATOR_KINDS.get(recipe.task, kind) != kind:
            yield (
                (*key, "class_path"),
                (
                    f"{path!r} is for {known.task}, task_type is {recipe.task}. "
                    f"Did you mean {twin(path, recipe.task)!r}?"
                ),
            )
            continue
        if len(recipe.targets) == 1 and path in FOR_SEVERAL:
            yield (
                (*key, "class_path"),
                f"{path.rpartition('.')[2]} is for several targets, and target_col is one: {FOR_SEVERAL[path]}",
            )
        if len(recipe.targets) > 1 and path == CHAIN:
            yield (
                (*key, "class_path"),
                "ClassifierChain takes classes 0 and 1 alone: write MultiOutputClassifier, with the same estimator",
            )
        for name in hyperparameters:
            if name in HYPERPARAMETERS:
                yield (*key, "hyperparameters", name), not_yet(name, "Leave it out")
            elif name not in known.parameters:
                subject = f"hyperparameter of {path.rpartition('.')[2]}"
                yield (*key, "hyperparameters", name), unknown(subject, name, known.parameters)
        missing = [name for name in known.required if name not in hyperparameters]
        if missing:
            yield (*key, "class_path"), f"{path.rpartition('.')[2]} needs the hyperparameter {missing[0]!r}"


def _estimators(
    key: Key, class_path: str, hyperparameters: dict[str, Any]
) -> Iterator[tuple[Key, str, dict[str, Any]]]:
    yield key, class_path, hyperparameters
    stack: list[tuple[Key, Any]] = [((*key, "hyperparameters"), hyperparameters)]
    while stack:
        here, value = stack.pop()
        if isinstance(value, Nested):
            yield from _estimators(here, value.class_path, value.hyperparameters)
        elif isinstance(value, dict):
            stack.extend(((*here, name), inner) for name, inner in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend(((*here, position), inner) for position, inner in reversed(list(enumerate(value))))
