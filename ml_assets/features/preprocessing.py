"""From columns to what an estimator takes: one transformer, fitted on training rows only and kept inside the model."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from ml_assets.features.categories import TypedColumns
from ml_assets.features.columns import Roles
from ml_assets.features.values import as_numbers, as_text
from ml_assets.recipe.schema import Recipe
from ml_assets.shown import listed
from ml_assets.tasks.all import task_of

RAREST_LEVEL = 5
"""Rows that a level needs for a column of its own; rarer and unseen levels share one."""
MOST_LEVELS = 50
"""Columns that one categorical feature becomes at most."""

SCALERS = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}
IMPUTATIONS = {"mean": "mean", "median": "median", "mode": "most_frequent"}


def build(roles: Roles, recipe: Recipe, *, typed: bool = False) -> Any:
    """Return the unfitted transformer of the features, by name; other columns are ignored.

    Numbers: missing ones imputed, with an indicator where training rows miss some, and scaled. Categories:
    missing is a category, then encoded; a level not seen in training counts as a rare one.
    `typed`: for an estimator that understands missing numbers and categories, which are left as they are.

    Raises
    ------
    ValueError
        If there is no feature, or missing rows shall be dropped (a row to predict cannot be).
    """
    if not roles.features:
        raise ValueError(f"No feature is left of {len(roles.excluded)} columns: {_reasons(roles)}.")
    params = recipe.model.preprocessor.params
    if params.missing_strategy not in IMPUTATIONS:
        raise ValueError(
            f"missing_strategy: {params.missing_strategy!r} cannot treat a row that must be predicted "
            f"(accepted: {', '.join(IMPUTATIONS)})."
        )
    if typed:
        return TypedColumns(list(roles.numeric), list(roles.categorical), RAREST_LEVEL)
    numeric: list[tuple[str, Any]] = [
        ("numbers", FunctionTransformer(as_numbers, feature_names_out="one-to-one")),
        (
            "impute",
            SimpleImputer(
                strategy=IMPUTATIONS[params.missing_strategy], add_indicator=True, keep_empty_features=True
            ),
        ),
        ("scale", SCALERS[params.numerical_strategy]()),
    ]
    categorical = [
        ("text", FunctionTransformer(as_text, feature_names_out="one-to-one")),
        ("encode", _encoder(params.categorical_strategy, recipe)),
    ]
    branches = (
        ("numeric", Pipeline(numeric), list(roles.numeric)),
        ("categorical", Pipeline(categorical), list(roles.categorical)),
    )
    return ColumnTransformer([branch for branch in branches if branch[2]], sparse_threshold=0.0)


def output_columns(transformer: Any) -> dict[str, list[int]]:
    """Return the places of the columns that each feature becomes, of a fitted transformer from `build`."""
    if isinstance(transformer, TypedColumns):
        return {name: [k] for k, name in enumerate((*transformer.numeric, *transformer.categorical))}
    places: dict[str, list[int]] = {}
    for branch, steps, columns in transformer.transformers_:
        if branch == "remainder":
            continue
        first = transformer.output_indices_[branch].start
        encoder = steps.named_steps.get("encode")
        counts = [1] * len(columns) if encoder is None else _encoded_counts(encoder, len(columns))
        starts = first + np.concatenate([[0], np.cumsum(counts)])
        for k, name in enumerate(columns):
            places[name] = list(range(starts[k], starts[k + 1]))
        if encoder is None:  # numbers first, then an indicator of each column that misses some
            for k, feature in enumerate(steps.named_steps["impute"].indicator_.features_):
                places[columns[feature]].append(int(starts[-1]) + k)
    return places


def _encoded_counts(encoder: Any, n_features: int) -> list[int]:
    """How many columns each categorical feature becomes."""
    if isinstance(encoder, OneHotEncoder):
        rare = encoder.infrequent_categories_
        return [
            len(levels) - (0 if few is None else len(few) - 1)
            for levels, few in zip(encoder.categories_, rare, strict=True)
        ]
    if isinstance(encoder, TargetEncoder) and encoder.target_type_ == "multiclass":
        return [len(encoder.classes_)] * n_features
    return [1] * n_features


def _encoder(strategy: str, recipe: Recipe) -> Any:
    if strategy == "target":
        # Cross-fitted in fit_transform: no row's own target is in its code (Micci-Barreca 2001).
        return TargetEncoder(
            target_type=task_of(recipe).encoded_target,
            cv=KFold(5, shuffle=True, random_state=recipe.random_state),
        )
    if strategy == "label":
        return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=RAREST_LEVEL,
        max_categories=MOST_LEVELS,
        sparse_output=False,
    )


def _reasons(roles: Roles) -> str:
    return listed((f"{column}: {reason}" for column, reason in roles.excluded.items()), between="; ")
