"""Numbers that a time is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe

DAY = pd.Timedelta(days=1)
EPOCH = pd.Timestamp("1970-01-01")

PARTS: dict[str, Callable[[Any], Any]] = {
    "year": lambda times: times.dt.year,
    "quarter": lambda times: times.dt.quarter,
    "month": lambda times: times.dt.month,
    "week": lambda times: times.dt.isocalendar().week,
    "day": lambda times: times.dt.day,
    "day_of_year": lambda times: times.dt.dayofyear,
    "weekday": lambda times: times.dt.weekday,
    "weekend": lambda times: (times.dt.weekday >= 5).astype("float64").where(times.notna()),
    "hour": lambda times: times.dt.hour,
    "minute": lambda times: times.dt.minute,
    "days": lambda times: (times - EPOCH) / DAY,
}
"""From times to the number of a part."""


def date_parts(frame: pd.DataFrame, recipe: Recipe) -> dict[str, pd.Series[Any]]:
    """Parts of the times that the recipe names, NaN where the time is missing.

    Raises
    ------
    ValueError
        If a column holds what is no time.
    """
    wanted, made = recipe.model.feature_engineering.date_parts, {}
    for column in wanted.columns if wanted is not None else ():
        times = frame[column] if column in frame else pd.Series(None, index=frame.index, dtype=object)
        if not pd.api.types.is_datetime64_any_dtype(times.dtype):
            if times.notna().any():
                raise ValueError(
                    f"date_parts: column '{column}' holds no times, as {times.dropna().iloc[0]!r}: leave it out, or "
                    "write times as 2024-01-31"
                )
            times = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us]")
        assert wanted is not None
        for part in wanted.parts:
            made[f"{column}_{part}"] = (
                PARTS[part](times).astype("Float64").to_numpy(np.float64, na_value=np.nan)
            )
    return made
