"""What a row of a clustering is measured by: its own values, written beside it."""

from __future__ import annotations

import pandas as pd
from pandas.api.types import is_datetime64_any_dtype

from ml_assets.names import POINT, RESERVED
from ml_assets.recipe.schema import Recipe
from ml_assets.tasks.space import written


def with_point(frame: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Write beside each clean row, in the column `names.POINT`, what it is measured by, where there is no target.

    Every number and category that the recipe does not keep out of the features; no times.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Clean rows, with the columns that are made of others.
    recipe : Recipe
    """
    if recipe.has_target:
        return frame
    names = [name for name in frame.columns if _measured(frame[name], recipe)]
    rows = zip(*(frame[name] for name in names), strict=True) if names else [()] * len(frame)
    texts = [written(dict(zip(names, row, strict=True))) for row in rows]
    return frame.assign(**{POINT: pd.Series(texts, index=frame.index, dtype=object)})


def _measured(column: pd.Series, recipe: Recipe) -> bool:
    name, params = str(column.name), recipe.model.preprocessor.params
    kept_out = {*RESERVED, *recipe.model.data_interface.entity_cols, *params.exclude_cols}
    if recipe.batches is not None:
        kept_out.add(recipe.batches.column)
    number = pd.api.types.is_numeric_dtype(column.dtype)
    listed = params.numerical_features if number else params.categorical_features
    either = (*(params.numerical_features or ()), *(params.categorical_features or ()))
    return (
        name not in kept_out
        and not is_datetime64_any_dtype(column.dtype)
        and (listed is None or name in either)
    )
