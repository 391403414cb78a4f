"""Which asset reads which keys of the recipe: what a changed key makes anew, and the versions that tell of it.

A key changes what an asset holds, or only how the next batch is judged (`BESIDE`). Written-out defaults, comments and
the order of keys change nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ml_assets.recipe.schema import Recipe, Section

PARAMS: Final = "model.preprocessor.params"

PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "raw_data": (
        "model.loader", "model.data_interface.task_type", "model.data_interface.target_col",
        "model.data_interface.treatment_col", "model.data_interface.control",
        "model.data_interface.user_col", "model.data_interface.item_col",
        "model.data_interface.entity_cols", f"{PARAMS}.categorical_features", "quality.rows", "quality.quarantine",
        "batches.column", "batches.period", "batches.drops",
    ),
    "cleaned_features": (
        "model.augmenter", "model.feature_engineering.date_parts", "model.feature_engineering.lags",
        "model.feature_engineering.rolling", "model.feature_engineering.time_col",
        "model.feature_engineering.functions", "model.feature_engineering.history",
        "model.data_interface.protected_cols", "model.data_interface.protected_features",
        "model.feature_engineering.horizon", "model.feature_engineering.season",
        "model.data_interface.top_k", "model.data_interface.relevant_from",
    ),
    "predictions": (),
    "drift_report": ("monitoring.min_rows", "retraining.drift_threshold", "retraining.drift_importance"),
    "performance_report": (
        "model.data_interface.protected_cols", "evaluation.fairness",
        "monitoring", "retraining.performance_threshold", "retraining.drift_threshold",
        "retraining.drift_importance", "promotion.probation",
    ),
    "training_set": ("training.window", "evaluation.validation", "monitoring.label_delay"),
    "test_set": ("training.window", "evaluation.validation", "monitoring.label_delay"),
    "trained_model": (
        "model.data_interface.protected_cols", "model.data_interface.protected_features",
        "model.class_path", "model.hyperparameters", "model.ensemble", "model.preprocessor", "model.feature_selection",
        "model.feature_engineering.interactions", "model.feature_engineering.polynomials",
        "model.data_interface.positive_class", "model.threshold", "model.calibration",
        "hyperparameter_tuning", "training.folds", "training.engine", "promotion.max_size_mb",
        "promotion.max_latency_ms",
    ),
    "evaluation_report": (
        "model.data_interface.protected_cols", "evaluation.fairness",
        "evaluation.metrics", "evaluation.own_metrics", "evaluation.targets", "evaluation.segments",
        "evaluation.explanation", "quality.leak", "quality.not_a_leak", "quality.deterministic",
    ),
    "champion": (
        "evaluation.fairness",
        "promotion.when", "promotion.min_gain", "promotion.confidence", "promotion.min_rows",
        "promotion.max_latency_ratio", "promotion.max_latency_ms", "promotion.max_size_mb", "promotion.approval",
        "monitoring.min_rows",
    ),
    "backtest": (
        "retraining", "promotion", "training.window", "training.first", "training.folds", "monitoring",
    ),
}  # fmt: skip
"""Asset → keys that change what it holds, each with all below it."""

UPSTREAM: Final[Mapping[str, tuple[str, ...]]] = {
    "raw_data": (),
    "cleaned_features": ("raw_data",),
    "predictions": ("cleaned_features",),
    "drift_report": ("cleaned_features",),
    "performance_report": ("cleaned_features", "predictions"),
    "training_set": ("cleaned_features",),
    "test_set": ("cleaned_features",),
    "trained_model": ("training_set",),
    "evaluation_report": ("trained_model", "test_set"),
    "champion": ("evaluation_report",),
    "backtest": ("cleaned_features",),
}
"""Asset → what it is made of, as in the graph of assets."""

BY_CHAMPION: Final = ("predictions", "drift_report", "performance_report")
"""What the champion in charge answers, or is compared with: another champion changes the next batch's."""

OTHER_CALENDAR: Final = (
    "another calendar: batches of the old one stay beside its own; better give the recipe another name"
)

BESIDE: Final[Mapping[str, str]] = {
    "name": "another name is another model: `ml-assets rename OLD NEW` keeps its history",
    "retraining": "the next decision is made by it",
    "promotion.approval_batches": "how long what waits for a person may wait",
    "training.first": "the next decision is made by it",
    "foreach": "the values that have a model: one more is one model more, and one less keeps its history",
    "batches.column": OTHER_CALENDAR,
    "batches.period": OTHER_CALENDAR,
    "batches.drops": OTHER_CALENDAR,
    "batches.start": "the calendar begins there; what was taken in before it stays",
    "batches.end": "the calendar ends there",
    "batches.grace": "when the next batch is due",
    "batches.revisit": "which changed batches are taken in anew from now on",
}
"""Keys, with all below them, that also, or only, change what happens next; and how."""

INTERPOLATED: Final = "columns of interpolation"
"""What cleaning has to know of the preprocessor: columns whose last known value of the entity it carries on."""
INTERPOLATED_BY: Final = tuple(
    f"{PARAMS}.{name}" for name in ("missing_strategy", "column_sets", "numerical_features")
)
"""Keys that say so."""


def leaves(section: Section, key: str = "", *, defaults: bool = True) -> Iterator[tuple[str, Any]]:
    """Every key that is no section of its own, dotted, with its value as in YAML; a list of sections is one key."""
    written = section.model_dump(mode="json", exclude_defaults=not defaults)
    for name in type(section).model_fields:
        value, path = getattr(section, name), f"{key}.{name}".removeprefix(".")
        if isinstance(value, Section):
            yield from leaves(value, path, defaults=defaults)
        elif name in written:
            yield path, written[name]


def below(key: str, prefixes: tuple[str, ...] | Mapping[str, str]) -> str | None:
    """Give the prefix that a key is, or lies below."""
    return next((each for each in prefixes if key == each or key.startswith(f"{each}.")), None)


def readers(key: str) -> tuple[str, ...]:
    """Assets that a key changes, in the order of the graph.

    >>> readers("promotion.confidence"), readers("batches.grace")
    (('champion', 'backtest'), ())
    """
    return tuple(asset for asset, prefixes in PARTS.items() if below(key, prefixes))


def interpolated(recipe: Recipe) -> list[str]:
    """Columns whose missing values are the last known ones of their entity."""
    params = recipe.model.preprocessor.params
    own = {name: group.missing_strategy for group in params.column_sets for name in group.columns}
    named = params.numerical_features if params.missing_strategy == "interpolation" else None
    found = [name for name in named or () if own.get(name) is None]
    return sorted(found + [name for name, strategy in own.items() if strategy == "interpolation"])


def code_versions(recipe: Recipe) -> dict[str, str]:
    """Hash, of each asset, of the keys that change what it holds; those of what it is made of are not among them.

    Defaults are left out: a key that is new in a later version of this package changes no hash.
    """
    said = dict(leaves(recipe, defaults=False))
    found = {}
    for asset, prefixes in PARTS.items():
        own = {key: value for key, value in said.items() if below(key, prefixes)}
        if asset == "cleaned_features" and (columns := interpolated(recipe)):
            own[INTERPOLATED] = columns
        text = json.dumps(own, sort_keys=True, ensure_ascii=True)
        found[asset] = hashlib.sha256(text.encode()).hexdigest()[:12]
    return found
