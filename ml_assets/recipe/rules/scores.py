"""Metrics, targets and thresholds belong to the task, and are values that the metric can have."""

from __future__ import annotations

import math
import re

from ml_assets.recipe.faults import Key, unknown
from ml_assets.recipe.own import PATH, is_own
from ml_assets.recipe.planned import not_yet
from ml_assets.recipe.quantiles import known_metric
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.schema.deciding import DECIDED
from ml_assets.recipe.space import Categorical, Space, searched
from ml_assets.recipe.tasks import DEFAULT_METRICS, ESTIMATOR_KINDS, TASK_METRICS

MOST_APART = 0.9
"""Shares of hold-out and validation part together, of which nothing is learned."""
HARD = "needs shares, and voting: hard gives labels alone: write voting: soft, or leave this out"


def validation(recipe: Recipe) -> Found:
    """Whole entities are held out of a table without time; a validation part stands in the place of folds."""
    section, here = recipe.evaluation.validation, ("evaluation", "validation")
    if section.method == "group_split":
        if recipe.batches is not None:
            yield (
                (*here, "method"),
                "group_split holds out whole entities, and with `batches` the newest rows are what a model is for: "
                "leave it out, rows of one entity count together in every test all the same",
            )
        elif recipe.recommends or recipe.forecasts:
            yield (
                (*here, "method"),
                f"group_split is not for {recipe.task}, which knows its entities: leave it out",
            )
        elif not recipe.entities:
            yield (
                (*here, "method"),
                "group_split keeps rows of one entity together, and no column names it: write "
                "model.data_interface.entity_cols: [customer_id], say",
            )
    if section.validation_size is None:
        return
    if recipe.training.folds is not None:
        yield (*here, "validation_size"), "stands in the place of folds: leave it out, or training.folds"
    if section.test_size + section.validation_size >= MOST_APART:
        yield (
            (*here, "validation_size"),
            f"with test_size {section.test_size:g} leaves {1 - section.test_size - section.validation_size:.2g} of the "
            "rows to learn: take less, e.g. 0.15 and 0.15",
        )


def tuning(recipe: Recipe) -> Found:
    """Metric and direction are of the task, the sampler is Optuna's; without a search nothing is searched."""
    section = recipe.hyperparameter_tuning
    metric = section.metric or DEFAULT_METRICS.get(recipe.task)
    if section.metric is not None:
        yield from _metric(recipe, ("hyperparameter_tuning", "metric"), section.metric)
    known = known_metric(metric or "")
    better = recipe.own_metrics.get(metric or "") or (known.direction if known is not None else None)
    if better is not None and section.direction not in (None, better):
        yield (
            ("hyperparameter_tuning", "direction"),
            (
                f"found {section.direction!r}, but {metric} is better "
                f"{'higher' if better == 'maximize' else 'lower'}: "
                f"write {better!r} or leave it out"
            ),
        )
    elif metric is None and section.direction == "minimize":
        yield (
            ("hyperparameter_tuning", "direction"),
            (
                "found 'minimize', but roc_auc and f1 (the default metrics) are better higher: "
                "write 'maximize' or leave it out"
            ),
        )
    if section.engine != "optuna" and section.sampler is not None:
        yield (
            ("hyperparameter_tuning", "sampler"),
            f"is how Optuna chooses points, and engine is {section.engine}, which chooses them its own way: "
            "leave one of the two out",
        )
    if not section.enabled:
        spaces = [
            each for *_, hyperparameters in recipe.model.named for each in searched(hyperparameters).items()
        ]
        for path, space in spaces:
            yield (
                ("hyperparameter_tuning", "enabled"),
                (
                    f"the search is off, but {path} is a search space ({_words(space)}): "
                    "give it a plain value or write `enabled: true`"
                ),
            )


def _words(space: Space) -> str:
    if isinstance(space, Categorical):
        return f"{len(space.choices)} choices"
    return f"{space.low} to {space.high}"


def threshold(recipe: Recipe) -> Found:
    """A threshold is for two classes, and chosen in one way; what is best where every row is positive is bounded."""
    section, key = recipe.model.threshold, ("model", "threshold")
    if section is None:
        return
    if recipe.task != "classification":
        yield key, f"is for a classification of two classes, not for {recipe.task}: leave it out"
    elif len(recipe.targets) > 1:
        yield key, not_yet("threshold with several targets", "Leave it out")
    elif _hard_vote(recipe):
        yield key, HARD
    if isinstance(section, float):
        return
    if section.metric not in (*DECIDED, "cost"):
        yield (*key, "metric"), unknown("metric", section.metric, (*DECIDED, "cost"))
        return
    if (section.metric == "cost") != (section.costs is not None):
        lacks = section.costs is None
        told = "needs costs: {false_positive: 1, false_negative: 5}" if lacks else "is for metric: cost"
        yield (*key, "metric" if lacks else "costs"), told
    other = {"recall": "precision", "precision": "recall"}.get(section.metric)
    if other is not None and not section.at_least:
        extreme = "every row" if other == "precision" else "hardly a row"
        yield (
            (*key, "metric"),
            f"{section.metric} alone is best where {extreme} is positive: write at_least: {{{other}: 0.8}}",
        )
    for name, value in section.at_least.items():
        if name not in DECIDED:
            yield (*key, "at_least", name), unknown("metric", name, DECIDED)
        else:
            yield from _in_range((*key, "at_least", name), name, value)
    if section.costs is not None and not section.costs.false_positive + section.costs.false_negative:
        yield (*key, "costs"), "nothing costs anything: one of both must be above 0"


def _hard_vote(recipe: Recipe) -> bool:
    model = recipe.model
    return (
        model.class_path == "sklearn.ensemble.VotingClassifier"
        and model.hyperparameters.get("voting") == "hard"
    )


def calibration(recipe: Recipe) -> Found:
    """Shares are of classes, of one target."""
    key = ("model", "calibration")
    if recipe.model.calibration == "off":
        return
    if ESTIMATOR_KINDS.get(recipe.task) != "Classifier":
        yield key, f"is for shares of classes, and {recipe.task} has none: leave it out"
    elif len(recipe.targets) > 1:
        yield key, not_yet("calibration with several targets", "Leave it out")
    elif _hard_vote(recipe):
        yield key, HARD


def evaluation(recipe: Recipe) -> Found:
    """Metrics and targets are of the task; a target is a value that the metric can have."""
    section = recipe.evaluation
    for path in section.own_metrics:
        if not re.fullmatch(PATH, path):
            yield (
                ("evaluation", "own_metrics", path),
                "is no import path; allowed: a function by its import path, as shop.metrics.profit",
            )
    for position, metric in enumerate(section.metrics or ()):
        yield from _metric(recipe, ("evaluation", "metrics", position), metric)
    if section.metrics is not None and not section.metrics:
        yield ("evaluation", "metrics"), "is empty; name at least one metric or leave it out"
    if set(recipe.targets) & set(section.segments):
        yield ("evaluation", "segments"), "names the target: a segment must be known without it; leave it out"
    for metric, value in section.targets.items():
        key: Key = ("evaluation", "targets", metric)
        faults = list(_metric(recipe, key, metric))
        yield from faults or _in_range(key, metric, value)


def retraining(recipe: Recipe) -> Found:
    """Breaches k of n need k ≤ n; a threshold is a value that the metric can have."""
    section = recipe.retraining
    if section.breaches.k > section.breaches.n:
        yield (
            ("retraining", "breaches", "k"),
            (f"{section.breaches.k} of the last {section.breaches.n} batches is impossible; allowed: k ≤ n"),
        )
    metric = recipe.hyperparameter_tuning.metric or DEFAULT_METRICS.get(recipe.task, "")
    watched = "roc_auc" if metric is None else metric
    if section.performance_threshold is not None and known_metric(watched) is not None:
        yield from _in_range(("retraining", "performance_threshold"), watched, section.performance_threshold)


def promotion(recipe: Recipe) -> Found:
    """A least gain is asked of what must be better."""
    if recipe.promotion.when == "not_worse" and recipe.promotion.min_gain:
        yield (
            ("promotion", "min_gain"),
            "is for `when: better`; with `when: not_worse` no gain is asked for: leave one of them out",
        )


def _metric(recipe: Recipe, key: Key, metric: str) -> Found:
    allowed = TASK_METRICS.get(recipe.task, ())
    if metric in recipe.own_metrics:
        return
    if is_own(metric):
        yield (
            key,
            f"which way is {metric!r} better? Write evaluation: {{own_metrics: {{{metric}: maximize}}}}, or minimize",
        )
    elif allowed and (known := known_metric(metric)) is not None:
        if recipe.task not in known.tasks:
            yield key, f"{metric!r} is no metric of {recipe.task}. Allowed: {', '.join(allowed)}"
    elif allowed:
        yield key, unknown("metric", metric, allowed)


def _in_range(key: Key, metric: str, value: float) -> Found:
    known = known_metric(metric)
    if known is None:  # of a person's own, whose range is not known
        return
    low, high = known.least, known.greatest
    if not low <= value <= high:
        bounds = (
            f"{low:g} to {high:g}"
            if math.isfinite(low) and math.isfinite(high)
            else (f"{low:g} or more" if math.isfinite(low) else f"{high:g} or less")
        )
        yield key, f"found {value:g}, but {metric} is {bounds}"
