"""Every row of the table of periods: what one says of a period, the others say too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from ml_assets.orchestration.partitions import batch_partitions
from ml_assets.recipe.periods import PERIODS, Period
from ml_assets.recipe.schema import Batches, Recipe
from ml_assets.sources.calendar import batch_of, batch_range, batch_start, next_batch, period_of
from ml_assets.sources.sight import Sight
from ml_assets.sources.source import open_source
from ml_assets.sources.wanted import Wanted

MANY = 30

every_period = pytest.mark.parametrize("period", PERIODS)


def calendar(period: Period) -> list[str]:
    first = batch_of(datetime(2023, 12, 30, 5), period)
    return batch_range(first, next_batch(first, period, MANY - 1), period)


def test_table_and_recipe_name_the_same_periods_from_short_to_long() -> None:
    assert tuple(PERIODS) == get_args(Period)
    ends = [batch_start(calendar(period)[-1], period) for period in PERIODS]
    assert ends == sorted(set(ends))


@every_period
def test_filled_batches_of_a_source_are_the_calendar(tmp_path: Path, period: Period) -> None:
    labels = calendar(period)
    ends = [batch_start(next_batch(label, period), period) - timedelta(milliseconds=1) for label in labels]
    times = [batch_start(labels[0], period), *ends, batch_start(labels[-1], period)]
    pd.DataFrame({"t": times, "x": 1.0}).to_parquet(tmp_path / "a.parquet")
    batches = Batches(column="t", period=period)
    source = open_source(Wanted("a.parquet", tmp_path, batches, today=max(times)))
    assert source.extent() == (labels[0], labels[-1])
    assert source.filled() == labels
    assert [*source.batches_in(source.look(Sight()))] == labels
    assert [*source.sample().batches] == labels


@every_period
def test_partitions_of_dagster_are_the_calendar(period: Period) -> None:
    labels = calendar(period)
    recipe = Recipe.model_validate({
        "name": "a",
        "model": {
            "loader": {"source_uri": "a.csv"},
            "data_interface": {"task_type": "regression", "target_col": "y"},
        },
        "batches": {"column": "t", "period": period, "start": labels[0][:10], "end": "2100-01-01"},
    })  # fmt: skip
    partitions = batch_partitions(recipe, labels[0])
    assert partitions is not None
    after = batch_start(next_batch(labels[-1], period), period)
    assert partitions.get_partition_keys(current_time=after.replace(tzinfo=UTC)) == labels


@every_period
def test_a_period_is_known_by_its_labels(period: Period) -> None:
    assert period_of(calendar(period)) == period


@every_period
def test_a_season_ago_it_was_the_same_hour_weekday_or_day_of_the_year(period: Period) -> None:
    now = batch_start(calendar(period)[-1], period)
    for ago in PERIODS[period].seasons:
        then = batch_start(next_batch(calendar(period)[-1], period, -ago), period)
        days = (now - then) / timedelta(days=1)
        assert days in (1, 7) or abs(days - 365.25) < 2
