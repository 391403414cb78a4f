"""From columns to numbers: one ColumnTransformer, fitted on training rows only and kept inside the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
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

from ml_assets.features.columns import Roles
from ml_assets.recipe.schema import Recipe

MISSING = "missing"
"""The category of a missing value."""
RAREST_LEVEL = 5
"""Rows that a level needs for a column of its own; rarer and unseen levels share one."""
MOST_LEVELS = 50
"""Columns that one categorical feature becomes at most."""

SCALERS = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}
IMPUTATIONS = {"mean": "mean", "median": "median", "mode": "most_frequent"}


def build(roles: Roles, recipe: Recipe, scaled: bool = True) -> ColumnTransformer:
    """Return the unfitted transformer of the features, by name; other columns are ignored.

    Numbers: missing ones imputed, with an indicator where training rows miss some, and scaled. Categories:
    missing is a category, then encoded; a level not seen in training counts as a rare one.

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
    numeric: list[tuple[str, Any]] = [
        ("numbers", FunctionTransformer(as_numbers, feature_names_out="one-to-one")),
        (
            "impute",
            SimpleImputer(
                strategy=IMPUTATIONS[params.missing_strategy], add_indicator=True, keep_empty_features=True
            ),
        ),
    ]
    if scaled:
        numeric.append(("scale", SCALERS[params.numerical_strategy]()))
    categorical = [
        ("text", FunctionTransformer(as_text, feature_names_out="one-to-one")),
        ("encode", _encoder(params.categorical_strategy, recipe)),
    ]
    branches = (
        ("numeric", Pipeline(numeric), list(roles.numeric)),
        ("categorical", Pipeline(categorical), list(roles.categorical)),
    )
    return ColumnTransformer([branch for branch in branches if branch[2]], sparse_threshold=0.0)


def _encoder(strategy: str, recipe: Recipe) -> Any:
    if strategy == "target":
        # Cross-fitted in fit_transform: no row's own target is in its code (Micci-Barreca 2001).
        return TargetEncoder(
            target_type="continuous" if recipe.task == "regression" else "auto",
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
    return "; ".join(f"{column}: {reason}" for column, reason in roles.excluded.items())


def as_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn columns into float64; missing and infinite values into NaN.

    Raises
    ------
    ValueError
        If a column holds text that is no number.
    """
    columns = {}
    for column in frame.columns:
        try:
            values = pd.to_numeric(frame[column]).to_numpy(np.float64, na_value=np.nan)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{column}: is a numeric feature of the model, but {error}.") from error
        columns[column] = np.where(np.isfinite(values), values, np.nan)
    return pd.DataFrame(columns, index=frame.index)


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn columns into text: 1.0 as "1", missing values as "missing".

    >>> as_text(pd.DataFrame({"a": [1.0, None], "b": ["x", None]})).values.tolist()
    [['1', 'x'], ['missing', 'missing']]
    """
    columns = {}
    for column in frame.columns:
        values = frame[column]
        if is_numeric_dtype(values.dtype) and not is_bool_dtype(values.dtype):
            text = values.map("{:.15g}".format)
        else:
            text = values.astype(object).where(values.notna(), MISSING).map(str)
        columns[column] = text.astype(object).where(values.notna(), MISSING).to_numpy(dtype=object)
    return pd.DataFrame(columns, index=frame.index, dtype=object)
