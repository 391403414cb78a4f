"""What a row without a label is measured by, written beside it: its own values, or its user and item."""

from __future__ import annotations

import pandas as pd
from pandas.api.types import is_datetime64_any_dtype

from ml_assets.names import POINT, RESERVED
from ml_assets.recipe.schema import Recipe
from ml_assets.tasks import interactions, space


def with_point(
    frame: pd.DataFrame, recipe: Recipe, batch: str, past: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Write beside each clean row, in the column `names.POINT`, what it is measured by, where there is no target.

    Of a clustering every number and category that the recipe does not keep out of the features, no times; of a
    recommendation user, item and what the item was worth, missing where one of these is.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Clean rows, with the columns that are made of others.
    recipe : Recipe
    batch : str
        Its label.
    past : DataFrame, optional
        Clean rows of earlier batches, which tell of a user and an item whether they meet again.
    """
    if recipe.has_target:
        return frame
    if recipe.recommends:
        return frame.assign(**{POINT: _interactions(frame, recipe, batch, past)})
    names = [name for name in frame.columns if _measured(frame[name], recipe)]
    rows = zip(*(frame[name] for name in names), strict=True) if names else [()] * len(frame)
    texts = [space.written(dict(zip(names, row, strict=True))) for row in rows]
    return frame.assign(**{POINT: pd.Series(texts, index=frame.index, dtype=object)})


def _interactions(frame: pd.DataFrame, recipe: Recipe, batch: str, past: pd.DataFrame | None) -> pd.Series:
    interface = recipe.model.data_interface
    users, items = (frame[name] for name in (interface.user_col, interface.item_col))
    gains = (
        pd.Series(1.0, index=frame.index) if recipe.rating is None else frame[recipe.rating].astype("float64")
    )
    if interface.relevant_from is not None:
        gains = gains.where(gains.isna() | (gains >= interface.relevant_from), 0.0)
    there = users.notna() & items.notna() & gains.notna()
    met = set() if past is None else set(zip(past[users.name], past[items.name], strict=True))
    texts = [
        interactions.written(user, item, gain, batch=batch, again=(user, item) in met, top_k=recipe.top_k)
        if known
        else None
        for user, item, gain, known in zip(users, items, gains, there, strict=True)
    ]
    return pd.Series(texts, index=frame.index, dtype=object)


def _measured(column: pd.Series, recipe: Recipe) -> bool:
    name, params = str(column.name), recipe.model.preprocessor.params
    kept_out = {*RESERVED, *recipe.model.data_interface.entity_cols, *recipe.kept_apart, *params.exclude_cols}
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
