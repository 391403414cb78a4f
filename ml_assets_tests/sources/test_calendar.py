"""Batch labels tile time: each moment lies in exactly one batch."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.recipe.periods import PERIODS, Period
from ml_assets.recipe.schema import Batches, Recipe
from ml_assets.sources.calendar import (
    batch_of,
    batch_range,
    batch_start,
    index_between,
    limits,
    next_batch,
)
from ml_assets.sources.paths import SourceError
from ml_assets.sources.source import source_of

periods = st.sampled_from([*PERIODS])
moments = st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1))
steps = st.integers(-500, 500)


@given(moments, periods)
def test_every_moment_lies_in_its_batch(moment: datetime, period: Period) -> None:
    label = batch_of(moment, period)
    assert batch_start(label, period) <= moment < batch_start(next_batch(label, period), period)


@given(moments, periods, steps)
def test_next_and_index_agree(moment: datetime, period: Period, by: int) -> None:
    label = batch_of(moment, period)
    other = next_batch(label, period, by)
    assert index_between(label, other, period) == by
    assert next_batch(other, period, -by) == label
    assert batch_of(batch_start(other, period), period) == other


@given(moments, periods, st.integers(0, 60))
def test_range_holds_each_batch_once_in_order(moment: datetime, period: Period, by: int) -> None:
    first = batch_of(moment, period)
    labels = batch_range(first, next_batch(first, period, by), period)
    assert [index_between(first, label, period) for label in labels] == list(range(by + 1))
    assert labels == sorted(set(labels)), "labels sort like time"


@given(moments, periods, st.integers(1, 60))
def test_range_backwards_is_empty(moment: datetime, period: Period, by: int) -> None:
    first = batch_of(moment, period)
    assert batch_range(first, next_batch(first, period, -by), period) == []


@given(moments, periods, st.integers(-14, 14))
def test_batch_of_a_time_with_a_zone_is_the_batch_of_its_utc_time(
    moment: datetime, period: Period, hours: int
) -> None:
    there = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=hours)))
    assert batch_of(there, period) == batch_of(moment, period)


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("hourly", "2024-02-29-13:00"),
        ("daily", "2024-02-29"),
        ("weekly", "2024-02-26"),
        ("monthly", "2024-02-01"),
        ("quarterly", "2024-01-01"),
        ("yearly", "2024-01-01"),
    ],
)
def test_label(period: Period, expected: str) -> None:
    assert batch_of(datetime(2024, 2, 29, 13, 59, 59), period) == expected


@pytest.mark.parametrize(
    ("label", "period"),
    [
        ("2024-01-02", "monthly"),
        ("2024-02-01", "quarterly"),
        ("2024-04-01", "yearly"),
        ("2024-01-02", "weekly"),
        ("2024-01-01", "hourly"),
        ("2024-01-01-00:30", "hourly"),
        ("2024-1-1", "daily"),
        ("all", "daily"),
        ("2024-02-30", "daily"),
    ],
)
def test_what_is_no_label_is_refused_with_the_form_expected(label: str, period: Period) -> None:
    with pytest.raises(ValueError, match=f"'{label}' is not the start of a {period} batch: expected"):
        batch_start(label, period)


def recipe(source_uri: Path, **batches: str) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "things",
            "model": {
                "loader": {"source_uri": str(source_uri)},
                "data_interface": {"task_type": "regression", "target_col": "y"},
            },
            "batches": {"column": "day", **batches},
        }
    )


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ({"period": "monthly"}, ("2024-01-01", "2024-03-01")),
        ({"period": "monthly", "start": "2023-11-15"}, ("2023-11-01", "2024-03-01")),
        ({"period": "monthly", "end": "2024-03-01"}, ("2024-01-01", "2024-01-01")),
        ({"period": "monthly", "end": "2024-03-02"}, ("2024-01-01", "2024-03-01")),
        ({"period": "weekly"}, ("2024-01-15", "2024-03-04")),
        ({"period": "daily", "start": "2025-01-01"}, None),
    ],
)
def test_first_and_last_batch(
    tmp_path: Path, batches: dict[str, str], expected: tuple[str, str] | None
) -> None:
    (tmp_path / "a.csv").write_text("day,y\n2024-03-05,1\n2024-01-20,2\n")
    assert source_of(recipe(tmp_path / "a.csv", **batches), Path(), {}).extent() == expected


def test_a_source_without_data_has_no_first_batch(tmp_path: Path) -> None:
    assert source_of(recipe(tmp_path / "*.csv", period="daily"), Path(), {}).extent() is None
    (tmp_path / "a.csv").write_text("day,y\n")
    assert source_of(recipe(tmp_path / "*.csv", period="daily"), Path(), {}).extent() is None


def test_a_source_without_the_time_column_says_which_is_near(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("days,y\n2024-03-05,1\n")
    with pytest.raises(SourceError, match=r"'day' is not a column of .*a.csv .*Did you mean 'days'\?"):
        source_of(recipe(tmp_path / "a.csv", period="daily"), Path(), {}).extent()


@given(moments, periods)
def test_limits_are_starts_of_batches(moment: datetime, period: Period) -> None:
    day = moment.date().isoformat()
    start, end = limits(Batches(column="t", period=period, start=day, end=day))
    assert start is not None and end is not None
    assert start <= datetime.fromisoformat(day) <= end
    assert batch_start(batch_of(start, period), period) == start
    assert batch_start(batch_of(end, period), period) == end


def test_filled_batches_leave_out_the_days_without_rows(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", "2024-01-14", freq="D")
    weekdays = days[days.dayofweek < 5].repeat(3) + pd.Timedelta(hours=9)
    pd.DataFrame({"day": weekdays, "x": 1.0, "y": 0}).to_csv(tmp_path / "shop.csv", index=False)
    made = Recipe.model_validate(
        {
            "name": "shop",
            "model": {
                "loader": {"source_uri": "shop.csv"},
                "data_interface": {"task_type": "regression", "target_col": "y"},
            },
            "batches": {"column": "day", "period": "daily"},
        }
    )
    assert source_of(made, tmp_path, {}).filled() == [f"{d:%Y-%m-%d}" for d in days if d.dayofweek < 5]
    weekly = made.model_copy(update={"batches": made.batches.model_copy(update={"period": "weekly"})})
    assert source_of(weekly, tmp_path, {}).filled() == ["2024-01-01", "2024-01-08"]
