"""What kind of values a column holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml_assets.features.cleaning import holds_iso_times
from ml_assets.records import Kind, Schema

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe


def kind_of(column: pd.Series) -> Kind:
    """Kind of a column; booleans are text, since both become categories."""
    if column.isna().all():
        return "empty"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return "time"
    if pd.api.types.is_bool_dtype(column.dtype):
        return "text"
    if pd.api.types.is_numeric_dtype(column.dtype):
        return "number"
    # What is text throughout need not be looked at value by value in Python.
    if pd.api.types.infer_dtype(column, skipna=True) != "string":
        known = column.dropna()
        if not known.map(lambda value: isinstance(value, (str, bool, int, float, np.generic))).all():
            return "other"
    return "time" if holds_iso_times(column) else "text"


def with_joined(frame: pd.DataFrame, recipe: Recipe, schema: Schema | None) -> Schema | None:
    """Count the columns of the feature store as known: it says their types, and no batch does."""
    columns = [each.column for each in recipe.model.augmenter.joined if each.column in frame]
    kinds = {name: kind_of(frame[name]) for name in columns}
    if not kinds:
        return schema
    known = schema or Schema(columns={})
    return known.model_copy(update={"columns": {**known.columns, **kinds}})
