"""Settings that are fine alone and impossible together; and known settings that are not yet supported.

Each rule is a function from the recipe to its faults, `(key, message)`; `RULES` is the list. A rule looks at
values, never at whether a value was written or is the default.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ml_assets.recipe.catalogue import ESTIMATORS, twin
from ml_assets.recipe.faults import Faults, Key, unknown
from ml_assets.recipe.metrics import DEFAULT_METRICS, METRIC_DIRECTIONS, METRIC_RANGES, TASK_METRICS
from ml_assets.recipe.space import Categorical, Nested, Space, searched

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe

Found = Iterator[tuple[Key, str]]

KNOWN_DATASETS: Final = ("breast_cancer", "diabetes", "digits", "iris", "wine")
"""Data sets of `sklearn://NAME`: those that scikit-learn carries along, so that no network is needed."""

DOWNLOADED_DATASETS: Final = ("california_housing", "covtype", "kddcup99", "olivetti_faces", "20newsgroups")
SCHEMES: Final = ("file", "sklearn")
SCHEMES_PLANNED: Final = ("s3", "gs", "gcs", "abfs", "abfss", "openml", "http", "https")
UNREADABLE: Final = (
    ".xlsx",
    ".xls",
    ".json",
    ".jsonl",
    ".feather",
    ".orc",
    ".avro",
    ".pkl",
    ".pickle",
    ".tsv",
    ".txt",
)
SOURCES: Final = "a CSV or Parquet path, glob or folder, file://…, or sklearn://NAME"
HYPERPARAMETERS_PLANNED: Final = ("early_stopping_rounds", "callbacks")

TARGET: Final[Key] = ("model", "data_interface", "target_col")
PARAMS: Final[Key] = ("model", "preprocessor", "params")


def check_consistency(recipe: Recipe) -> None:
    """
    Refuse a recipe whose settings contradict one another or ask for what is not yet supported.

    Raises
    ------
    Faults
        Every fault found, each with its key.
    """
    faults = [fault for rule in RULES for fault in rule(recipe)]
    if faults:
        raise Faults(faults)


def task(recipe: Recipe) -> Found:
    """Only classification and regression are supported."""
    if recipe.task not in TASK_METRICS:
        yield (
            ("model", "data_interface", "task_type"),
            not_yet(recipe.task, f"Allowed: {', '.join(TASK_METRICS)}"),
        )


def targets_columns(recipe: Recipe) -> Found:
    """The target is one column, which is no entity, no time and no feature."""
    interface, params = recipe.model.data_interface, recipe.model.preprocessor.params
    target = interface.target_col
    if not isinstance(target, str):
        yield TARGET, not_yet("a list of targets", "Name one column")
        return
    if not target:
        yield TARGET, "is empty; allowed: the name of a column"
        return
    if recipe.batches is not None and recipe.batches.column == target:
        yield ("batches", "column"), f"{target!r} is the target; name the column with the time of each row"
    if target in interface.entity_cols:
        yield ("model", "data_interface", "entity_cols"), f"{target!r} is the target; leave it out"
    for name in ("categorical_features", "numerical_features"):
        if target in (getattr(params, name) or ()):
            yield (
                (*PARAMS, name),
                f"{target!r} is the target: as a feature it would give the answer away; leave it out",
            )


def positive_class(recipe: Recipe) -> Found:
    """Regression has no classes."""
    interface = recipe.model.data_interface
    if recipe.task == "regression" and interface.positive_class is not None:
        yield ("model", "data_interface", "positive_class"), "regression has no classes: leave it out"


def source(recipe: Recipe) -> Found:
    """Only files and the small data sets of scikit-learn can be read."""
    key: Key = ("model", "loader", "source_uri")
    uri = recipe.model.loader.source_uri.strip()
    scheme, separator, rest = uri.partition("://")
    if not uri:
        yield key, f"is empty; allowed: {SOURCES}"
    elif re.match(r"(select|with)\s", uri, re.IGNORECASE) or uri.lower().endswith((".sql", ".sql.j2")):
        yield key, not_yet("reading from SQL", f"Allowed: {SOURCES}")
    elif separator and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        yield from ((key, message) for message in _scheme(scheme.lower(), rest))
    elif uri.lower().endswith(UNREADABLE):
        yield key, not_yet(f"the file type of {uri!r}", f"Allowed: {SOURCES}")


def _scheme(scheme: str, rest: str) -> Iterator[str]:
    if scheme in SCHEMES_PLANNED:
        yield not_yet(f"{scheme}://", f"Allowed: {SOURCES}")
    elif scheme not in SCHEMES:
        yield f"{unknown('scheme', scheme, SCHEMES)}; allowed: {SOURCES}"
    elif not rest:
        yield f"nothing follows {scheme}://; allowed: {SOURCES}"
    elif scheme == "sklearn" and rest in DOWNLOADED_DATASETS:
        yield not_yet(f"sklearn://{rest}, which needs the network,", f"Allowed: {', '.join(KNOWN_DATASETS)}")
    elif scheme == "sklearn" and rest not in KNOWN_DATASETS:
        yield unknown("data set", rest, KNOWN_DATASETS)
    elif scheme == "file" and rest.lower().endswith(UNREADABLE):
        yield not_yet(f"the file type of {rest!r}", f"Allowed: {SOURCES}")


def augmenter(recipe: Recipe) -> Found:
    """No feature store yet."""
    chosen = recipe.model.augmenter
    if chosen.type != "pass_through":
        yield ("model", "augmenter", "type"), not_yet(chosen.type, "Allowed: pass_through")
    elif chosen.features:
        yield ("model", "augmenter", "features"), "pass_through joins no features: leave it out"


def preprocessor(recipe: Recipe) -> Found:
    """Columns and strategies are named for `custom_preprocessor` only; a column has one role."""
    name, params = recipe.model.preprocessor.name, recipe.model.preprocessor.params
    default = type(params)()
    if name == "default_preprocessor":
        for setting in (
            "categorical_features", "categorical_strategy", "numerical_features", "numerical_strategy"
        ):  # fmt: skip
            if getattr(params, setting) != getattr(default, setting):
                yield (*PARAMS, setting), "belongs to custom_preprocessor: write `name: custom_preprocessor`"
    if params.missing_strategy == "drop":
        yield (*PARAMS, "missing_strategy"), not_yet("drop", "Allowed: mean, median, mode")
    if params.outlier_detection:
        yield (*PARAMS, "outlier_detection"), not_yet("outlier_detection", "Leave it out")
    seen: dict[str, str] = {}
    for setting in ("exclude_cols", "categorical_features", "numerical_features"):
        for column in getattr(params, setting) or ():
            if seen.setdefault(column, setting) != setting:
                yield (*PARAMS, setting), f"{column!r} is in {seen[column]} too: keep one"


def estimators(recipe: Recipe) -> Found:
    """Every estimator is of the recipe's task, has the parameters it needs and no other."""
    model = recipe.model
    if model.class_path is None:
        if model.hyperparameters:
            yield ("model", "hyperparameters"), "need a class_path: the automatic search chooses its own"
        return
    for key, path, hyperparameters in _estimators(("model",), model.class_path, model.hyperparameters):
        known = ESTIMATORS[path]
        if recipe.task in TASK_METRICS and known.task != recipe.task:
            yield (
                (*key, "class_path"),
                (
                    f"{path!r} is for {known.task}, task_type is {recipe.task}. "
                    f"Did you mean {twin(path, recipe.task)!r}?"
                ),
            )
            continue
        for name in hyperparameters:
            if name in HYPERPARAMETERS_PLANNED:
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


def tuning(recipe: Recipe) -> Found:
    """The metric is one of the task, its direction its own; without a search nothing is searched."""
    section = recipe.hyperparameter_tuning
    metric = section.metric or DEFAULT_METRICS.get(recipe.task)
    if section.metric is not None:
        yield from _metric(recipe, ("hyperparameter_tuning", "metric"), section.metric)
    if metric in METRIC_DIRECTIONS and section.direction not in (None, METRIC_DIRECTIONS[metric]):
        yield (
            ("hyperparameter_tuning", "direction"),
            (
                f"found {section.direction!r}, but {metric} is better "
                f"{'higher' if METRIC_DIRECTIONS[metric] == 'maximize' else 'lower'}: "
                f"write {METRIC_DIRECTIONS[metric]!r} or leave it out"
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
    if not section.enabled:
        for path, space in searched(recipe.model.hyperparameters).items():
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


def evaluation(recipe: Recipe) -> Found:
    """Metrics and targets are of the task; a target is a value that the metric can have."""
    section = recipe.evaluation
    for position, metric in enumerate(section.metrics or ()):
        yield from _metric(recipe, ("evaluation", "metrics", position), metric)
    if section.metrics is not None and not section.metrics:
        yield ("evaluation", "metrics"), "is empty; name at least one metric or leave it out"
    if recipe.model.data_interface.target_col in section.segments:
        yield ("evaluation", "segments"), "names the target: a segment must be known without it; leave it out"
    for metric, value in section.targets.items():
        key: Key = ("evaluation", "targets", metric)
        faults = list(_metric(recipe, key, metric))
        yield from faults or _in_range(key, metric, value)


def _metric(recipe: Recipe, key: Key, metric: str) -> Found:
    allowed = TASK_METRICS.get(recipe.task, ())
    if allowed and metric in METRIC_DIRECTIONS and metric not in allowed:
        yield key, f"{metric!r} is no metric of {recipe.task}. Allowed: {', '.join(allowed)}"
    elif allowed and metric not in allowed:
        yield key, unknown("metric", metric, allowed)


def _in_range(key: Key, metric: str, value: float) -> Found:
    low, high = METRIC_RANGES[metric]
    if not low <= value <= high:
        bounds = (
            f"{low:g} to {high:g}"
            if math.isfinite(low) and math.isfinite(high)
            else (f"{low:g} or more" if math.isfinite(low) else f"{high:g} or less")
        )
        yield key, f"found {value:g}, but {metric} is {bounds}"


def batches(recipe: Recipe) -> Found:
    """First and last batch are dates in order; what is counted in batches needs batches."""
    section = recipe.batches
    if section is None:
        without = "the recipe has no `batches`: add that section or leave this out"
        if recipe.evaluation.validation.method == "time_split":
            yield (
                ("evaluation", "validation", "method"),
                f"time_split holds out the newest rows, but {without}",
            )
        if recipe.monitoring.label_delay:
            yield ("monitoring", "label_delay"), f"is counted in batches, but {without}"
        if recipe.training.window != "all":
            yield ("training", "window"), f"is counted in batches, but {without}"
        if recipe.training.first > 1:
            yield ("training", "first"), f"is counted in batches, but {without}"
        if recipe.promotion.probation not in (0, type(recipe.promotion)().probation):
            yield ("promotion", "probation"), f"is counted in batches, but {without}"
        if recipe.retraining.enabled and recipe.retraining != type(recipe.retraining)():
            yield ("retraining",), f"is decided batch by batch, but {without}"
        return
    dates: dict[str, datetime] = {}
    for name in ("start", "end"):
        text = getattr(section, name)
        if text is None:
            continue
        parsed = _date(text, hourly=section.period == "hourly")
        if parsed is None:
            form = "YYYY-MM-DD or YYYY-MM-DD-HH:MM" if section.period == "hourly" else "YYYY-MM-DD"
            yield ("batches", name), f"found {text!r}; allowed: a date as {form}"
        else:
            dates[name] = parsed
    if len(dates) == 2 and dates["start"] >= dates["end"]:
        yield ("batches", "end"), f"end {section.end} is not after start {section.start}"
    if not section.column:
        yield ("batches", "column"), "is empty; allowed: the name of the column with the time of each row"


def _date(text: str, *, hourly: bool) -> datetime | None:
    # strptime alone takes "2024-1-1", which is no batch label.
    for pattern, form in ((r"\d{4}-\d\d-\d\d", "%Y-%m-%d"), (r"\d{4}-\d\d-\d\d-\d\d:\d\d", "%Y-%m-%d-%H:%M")):
        if re.fullmatch(pattern, text, re.ASCII) and (hourly or form == "%Y-%m-%d"):
            try:
                return datetime.strptime(text, form)
            except ValueError:
                return None
    return None


def retraining(recipe: Recipe) -> Found:
    """Breaches k of n need k ≤ n; a threshold is a value that the metric can have."""
    section = recipe.retraining
    if section.breaches.k > section.breaches.n:
        yield (
            ("retraining", "breaches", "k"),
            (f"{section.breaches.k} of the last {section.breaches.n} batches is impossible; allowed: k ≤ n"),
        )
    metric = recipe.hyperparameter_tuning.metric or DEFAULT_METRICS.get(recipe.task)
    if section.performance_threshold is not None and (
        recipe.task == "classification" or metric in METRIC_RANGES
    ):
        known = metric if metric in METRIC_RANGES else "roc_auc"
        yield from _in_range(("retraining", "performance_threshold"), known, section.performance_threshold)


def promotion(recipe: Recipe) -> Found:
    """A least gain is asked of what must be better."""
    if recipe.promotion.when == "not_worse" and recipe.promotion.min_gain:
        yield (
            ("promotion", "min_gain"),
            "is for `when: better`; with `when: not_worse` no gain is asked for: leave one of them out",
        )


def not_yet(what: str, instead: str) -> str:
    """Say that something is known but not yet supported, and what to do."""
    return f"{what} is not yet supported. {instead}"


RULES: Final[tuple[Callable[[Recipe], Found], ...]] = (
    task, targets_columns, positive_class, source, augmenter, preprocessor, estimators, tuning, evaluation,
    batches, retraining, promotion,
)  # fmt: skip
