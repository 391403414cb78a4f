"""Rows that count together in a paired test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml_assets.promotion.blocks import block_columns, blocks
from ml_assets.recipe.schema import Recipe


def recipe(task: str, horizon: str | None = None) -> Recipe:
    made = {} if horizon is None else {"horizon": horizon}
    interface = {"task_type": task, "target_col": "y", "entity_cols": ["shop"]}
    return Recipe.model_validate(
        {
            "name": "counted",
            "model": {
                "loader": {"source_uri": "rows.csv"},
                "data_interface": interface,
                "feature_engineering": made,
            },
            "batches": {"column": "at", "period": "daily"},
        }
    )


def hours(days: int) -> pd.DataFrame:
    """Two shops, each hour."""
    at = pd.date_range("2024-01-01", periods=24 * days, freq="h").repeat(2)
    return pd.DataFrame({"at": at, "shop": ["a", "b"] * (24 * days)})


def test_an_entity_counts_together() -> None:
    found = blocks(hours(20), recipe("regression"))
    assert found is not None
    assert len(np.unique(found)) == 2


@pytest.mark.parametrize(
    ("horizon", "days", "length"),
    [(None, 20, 24), ("6h", 20, 24), ("2d", 20, 48), ("7d", 20, 42), (None, 4, 12)],
)
def test_rows_of_a_series_count_together_for_a_day_or_the_horizon(
    horizon: str | None, days: int, length: int
) -> None:
    """Whatever the shop; where that makes too few blocks they are halved."""
    frame, made = hours(days), recipe("timeseries", horizon)
    found = blocks(frame, made)
    assert found is not None
    since = (frame["at"] - frame["at"].min()) // pd.Timedelta(length, "h")
    assert pd.Series(found).tolist() == since.tolist()
    assert block_columns(made)[-1] == "at"


def test_a_series_of_few_times_has_no_blocks() -> None:
    assert blocks(hours(1).head(6), recipe("timeseries")) is None
