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
from ml_assets.recipe.tasks import EFFECTS, ESTIMATOR_KINDS, UNTARGETED

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
    if model.ensemble is not None:
        yield from _ensemble(recipe)
    if model.class_path is None and (recipe.has_target or recipe.recommends):
        if model.hyperparameters:
            yield ("model", "hyperparameters"), "need a class_path: the automatic search chooses its own"
        if recipe.hyperparameter_tuning.sampler == "grid":
            yield (
                ("hyperparameter_tuning", "sampler"),
                "'grid' needs a class_path: the automatic search begins with points of its own. Use tpe or random",
            )
    if model.class_path is None:
        return
    named = [each for key, path, of in model.named for each in _estimators(("model", *key), path, of)]
    for key, path, hyperparameters in named:
        known = ESTIMATORS.get(path)
        if known is None:
            continue  # one of a person's own: `validate` looks into it
        if EFFECTS[0] in (recipe.task, known.task):
            told = _of_effect(path, known.task, recipe.task, (*key, "class_path") == ("model", "class_path"))
            if told:
                yield (*key, "class_path"), told
                continue
            yield from _parameters(key, path, hyperparameters)
            continue
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
        yield from _parameters(key, path, hyperparameters)


def _parameters(key: Key, path: str, hyperparameters: dict[str, Any]) -> Found:
    known = ESTIMATORS[path]
    for name in hyperparameters:
        if name in HYPERPARAMETERS:
            yield (*key, "hyperparameters", name), not_yet(name, "Leave it out")
        elif name not in known.parameters:
            subject = f"hyperparameter of {path.rpartition('.')[2]}"
            yield (*key, "hyperparameters", name), unknown(subject, name, known.parameters)
    missing = [name for name in known.required if name not in hyperparameters]
    if missing:
        yield (*key, "class_path"), f"{path.rpartition('.')[2]} needs the hyperparameter {missing[0]!r}"


def _of_effect(path: str, its: str, task: str, outermost: bool) -> str | None:
    """An effect is learned by an estimator of effects, which holds others that learn the outcome."""
    if task not in EFFECTS:
        return f"{path!r} is for {its}, task_type is {task}. Did you mean {twin(path, task)!r}?"
    if outermost and its not in (*EFFECTS, *UNTARGETED):
        return (
            f"{path!r} predicts an outcome, not what treating changes: write class_path: ml_assets.uplift.TLearner, "
            f"with hyperparameters: {{learner: {{class_path: {path}}}}}"
        )
    if its in UNTARGETED:
        return (
            f"{path!r} is for {its}, and an effect is learned from outcomes: name a regressor or a classifier"
        )
    if not outermost and its in EFFECTS:
        return f"{path!r} predicts an effect: as part of another estimator one of outcomes is needed"
    return None


def _ensemble(recipe: Recipe) -> Found:
    """Votes are of labels; a model of answers finds weights itself."""
    model, key = recipe.model, ("model", "ensemble")
    if model.ensemble is None:
        return
    if model.class_path is None:
        yield (
            key,
            "needs a class_path, the first of its estimators: the automatic search blends its families itself",
        )
    if recipe.task in EFFECTS:
        yield key, not_yet(f"an ensemble for {recipe.task}", "Leave it out")
    if model.ensemble.method == "voting" and ESTIMATOR_KINDS.get(recipe.task) == "Regressor":
        yield (*key, "method"), f"'voting' counts labels, and task_type is {recipe.task}: write averaging"
    for k, each in enumerate(model.ensemble.estimators):
        if model.ensemble.method in ("stacking", "blending") and each.weight != 1.0:
            yield (
                (*key, "estimators", k, "weight"),
                f"{model.ensemble.method} learns what each counts: leave weight out, or write averaging",
            )


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
