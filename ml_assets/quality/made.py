"""Columns that the recipe makes of others: whether a batch has what they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.features.engineered import names_made
from ml_assets.quality.kinds import kind_of
from ml_assets.records import Finding

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe


def wrong_sources(frame: pd.DataFrame, recipe: Recipe) -> Iterator[Finding]:
    """Columns that are there already under the name of one that is made, and times that are none."""
    for name, key in names_made(recipe).items():
        if name in frame.columns:
            message = (
                f"column '{name}' is in the data, and {key} makes one of this name: rename it in the source, or "
                "leave out what makes it"
            )
            yield Finding(rule="name_taken", message=message, column=name, key=key)
    dates = recipe.model.feature_engineering.date_parts
    for name in dates.columns if dates is not None else ():
        if name in frame.columns and kind_of(frame[name]) not in ("time", "empty"):
            first = frame[name].dropna().iloc[0]
            remedy = "leave it out, or write times as 2024-01-31"
            message = f"date_parts: column '{name}' holds no times, as '{first}': {remedy}"
            yield Finding(
                rule="no_times",
                message=message,
                column=name,
                key="model.feature_engineering.date_parts.columns",
            )
