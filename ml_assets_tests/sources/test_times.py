"""Marks for "never" and "unknown" are no times of rows; real times are, however old."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from ml_assets.recipe.periods import PERIODS, Period
from ml_assets.recipe.schema import Batches
from ml_assets.sources.arrow import TIME
from ml_assets.sources.calendar import batch_of
from ml_assets.sources.paths import SourceError
from ml_assets.sources.source import open_source
from ml_assets.sources.times import near, to_times
from ml_assets.sources.wanted import Wanted

TODAY = datetime(2026, 6, 1)
SPRING = [f"2024-0{month}-05" for month in (1, 2, 3, 4, 5) for _ in range(6)]


def write(folder: Path, times: list[str]) -> None:
    pd.DataFrame({"day": times, "x": range(len(times))}).to_csv(folder / "a.csv", index=False)


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize(
    "mark",
    [
        "9999-12-31",
        "2999-01-01",
        "2100-01-01",
        "1900-01-01",
        "1970-01-01",
        "1899-12-30",
        "0001-01-01",
        "0000-00-00",
    ],
)
def test_a_mark_makes_no_batches(tmp_path: Path, mark: str, period: Period) -> None:
    write(tmp_path, [*SPRING, mark])
    batches = Batches(column="day", period=period)
    source = open_source(Wanted("a.csv", tmp_path, batches, today=TODAY))
    span = source.extent()
    assert span is not None and span[0][:4] == span[1][:4] == ("2024" if period != "weekly" else span[0][:4])
    assert source.filled() == sorted({batch_of(datetime.fromisoformat(day), period) for day in SPRING})
    assert len(source.read().frame) == len(SPRING)


@pytest.mark.parametrize(
    "times",
    [
        [f"{year}-06-01" for year in range(1900, 2025)],
        ["1950-06-01"] * 5 + ["1950-07-01"] * 5,
        ["2010-01-01"] * 5 + ["2020-01-01"] * 5,
        [*SPRING, "2026-12-01"],
        [*SPRING, "2015-01-01"],
    ],
)
def test_real_times_stay(tmp_path: Path, times: list[str]) -> None:
    write(tmp_path, times)
    batches = Batches(column="day", period="monthly")
    assert len(open_source(Wanted("a.csv", tmp_path, batches, today=TODAY)).read().frame) == len(times)


def test_marks_of_the_future_may_be_many(tmp_path: Path) -> None:
    write(tmp_path, [*SPRING, *["2999-12-31"] * 40])
    source = open_source(Wanted("a.csv", tmp_path, Batches(column="day", period="monthly"), today=TODAY))
    assert source.extent() == ("2024-01-01", "2024-05-01")


def test_where_all_times_lie_in_the_future_none_is_a_mark() -> None:
    times = pa.chunked_array([[datetime(2100, month, 1) for month in range(1, 6)]], TIME)
    assert near([times], (None, None), TODAY) == (None, None)


def test_an_end_that_the_recipe_gives_stays() -> None:
    times = pa.chunked_array([[datetime(1900, 1, 1)] + [datetime(2024, 1, day) for day in range(1, 9)]], TIME)
    start = datetime(1890, 1, 1)
    assert near([times], (start, None), TODAY) == (start, None)
    assert near([times], (None, None), TODAY) == (datetime(2024, 1, 1), None)


@pytest.mark.parametrize("text", ["9999-12-31", "9999-12-31 23:59:59", "31.12.9999", "0001-01-01T00:00:00"])
def test_years_beyond_nanoseconds_are_read(text: str) -> None:
    times, bad = to_times(pa.chunked_array([["31.01.2024" if "." in text else "2024-01-31", text]]))
    assert bad is None and times[1].as_py().year in (1, 9999)


@pytest.mark.parametrize("freq", ["M", "Q", "D", "Y"])
def test_periods_of_pandas_are_their_first_moment(tmp_path: Path, freq: str) -> None:
    periods = pd.period_range("2024-01-01", periods=4, freq=freq)
    pd.DataFrame({"day": periods, "x": range(4)}).to_parquet(tmp_path / "a.parquet")
    batches = Batches(column="day", period="monthly")
    read = open_source(Wanted("a.parquet", tmp_path, batches, today=datetime(2040, 1, 1))).read().frame
    assert read["day"].tolist() == list(periods.to_timestamp())


def test_days_without_dashes_are_times() -> None:
    for column in ([20240131, 20240201, None], ["20240131", "20240201", None]):
        times, bad = to_times(pa.chunked_array([column]))
        assert times.to_pylist()[:2] == [datetime(2024, 1, 31), datetime(2024, 2, 1)] and bad == 2


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S.250 GMT", "%Y-%m-%dT%H:%M:%S,250", "%Y%m%d%H%M%S",
        "%d-%b-%Y %H:%M:%S", "%d %B %Y %H:%M", "%b %d, %Y %H:%M:%S", "%a, %d %b %Y %H:%M:%S +0000",
        "%a %b %d %H:%M:%S UTC %Y",
        "%a %b %d %H:%M:%S %Y", "%Y-%m-%d %H:%M:%S +0000", "%a, %d %b %Y %H:%M:%S GMT",
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_number", [False, True])
def test_times_that_can_be_read_in_one_way_only_are_read(form: str, as_number: bool) -> None:
    moments = [datetime(2024, 1, 31, 13, 5), datetime(2024, 5, 2, 0, 0)]
    written: list[Any] = [moment.strftime(form) for moment in moments]
    if as_number:
        written = [int(text) for text in written if text.isdigit()] or written
    times, bad = to_times(pa.chunked_array([[*written, None]]))
    assert [time.replace(microsecond=0) for time in times.to_pylist()[:2]] == moments and bad == 2


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([202401], "202401 is a whole number, not a time (a month? Write 2024-01-01)"),
        ([20241399], "20241399 is a whole number, not a time. Write"),
        ([2024], "2024 is a whole number, not a time (a year? Write 2024-01-01)"),
        ([45292.5], "45292.5 is a number, not a time (a day as Excel counts? Write 2024-01-01)"),
        ([1704067200], "(seconds since 1970? Write 2024-01-01)"),
        ([1704067200000], "(milliseconds since 1970? Write 2024-01-01)"),
        ([True], "true or false, not a time"),
        (["2024-W05"], "(a week? Write 2024-01-29)"),
        (["2024-W60"], "'2024-W60' is not a time that can be read. Write times"),
        (["2024Q2"], "(a quarter? Write 2024-04-01)"),
        (["03/04/2024"], "(the day first, or the month? Countries differ)"),
        (["31.01.24"], "(of which century? Write years with four digits)"),
        (["31-JAN-24"], "(of which century? Write years with four digits)"),
        (["2024-01-31 13:00:00 EST"], "'2024-01-31 13:00:00 EST' is not a time that can be read"),
    ],
)
def test_what_is_no_time_is_named_with_what_it_may_be(tmp_path: Path, column: list[Any], words: str) -> None:
    pd.DataFrame({"day": column, "x": 1.5}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(SourceError) as caught:
        open_source(Wanted("a.csv", tmp_path, Batches(column="day", period="monthly"))).read()
    assert words in str(caught.value)
