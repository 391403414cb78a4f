"""Files whose rows have no time: what their names tell is what a column would have told."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.recipe.periods import Period
from ml_assets.recipe.schema import Batches
from ml_assets.sources.drops import time_of
from ml_assets.sources.files_source import Files
from ml_assets.sources.paths import SourceError
from ml_assets.sources.sight import Sight
from ml_assets.sources.wanted import Wanted

TODAY = datetime(2024, 6, 1)
LAYOUTS = {
    "name": "orders_{:%Y-%m-%d}.csv",
    "compact": "{:%Y%m%d}.csv",
    "with a clock": "orders-{:%Y%m%dT%H%M%S}.csv",
    "folders": "{:%Y/%m/%d}/part-17.csv",
    "folder as Hive": "sent={:%Y-%m-%d}/part-17.csv",
}


def write(path: Path, rows: range, **more: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"a": rows, "b": [f"r{row}" for row in rows]}).assign(**more)
    frame.to_csv(path, index=False)


def source(folder: Path, uri: str = ".", period: Period = "daily", *, drops: bool = True) -> Files:
    return Files(Wanted(uri, folder, Batches(column="sent", period=period, drops=drops), today=TODAY))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("period", ["daily", "weekly", "monthly", "yearly"])
def test_rows_are_those_of_files_with_a_column(tmp_path: Path, layout: str, period: Period) -> None:
    days = [datetime(2024, 1, 29) + timedelta(days=number) for number in (0, 1, 4, 40)]
    for number, day in enumerate(days):
        write(tmp_path / "dropped" / LAYOUTS[layout].format(day), range(3 + number))
        write(tmp_path / "told" / f"{number}.csv", range(3 + number), sent=day)
    dropped, told = source(tmp_path, "dropped", period), source(tmp_path, "told", period, drops=False)
    assert dropped.filled() == told.filled() and dropped.extent() == told.extent()
    for batch in (None, *told.filled()):
        window = (batch, next((each for each in told.filled() if batch and each > batch), None))
        found, expected = dropped.read(window), told.read(window)
        pd.testing.assert_frame_equal(
            found.frame.sort_values(["sent", "a"], ignore_index=True)[["a", "b", "sent"]], expected.frame
        )
        assert found.account.rows_given == expected.account.rows_given
    sights = [each.batches_in(each.look(Sight())) for each in (dropped, told)]
    assert sights[0] == sights[1]
    assert set(dropped.sample().batches) == set(told.filled())


def test_equal_files_of_two_days_are_two_batches_and_one_that_came_twice_is_one(tmp_path: Path) -> None:
    for name in ("a_2024-01-01", "a_2024-01-02", "again_2024-01-02"):
        write(tmp_path / f"{name}.csv", range(4))
    seen = source(tmp_path)
    parts = seen.batches_in(seen.look(Sight()))
    assert {batch: part.rows for batch, part in parts.items()} == {"2024-01-01": 4, "2024-01-02": 4}
    before = seen.look(Sight())
    write(tmp_path / "a_2023-12-31.csv", range(5))
    write(tmp_path / "a_2024-01-01.csv", range(6))
    after = seen.batches_in(seen.look(before))
    assert {batch: part.rows for batch, part in after.items()} == {
        "2023-12-31": 5, "2024-01-01": 6, "2024-01-02": 4,
    }  # fmt: skip
    assert after["2024-01-02"] == parts["2024-01-02"]


@pytest.mark.parametrize(
    ("name", "period", "words"),
    [
        ("orders_7.csv", "daily", "tells no time (batches.drops): name it as orders_2024-01-31.csv"),
        ("orders_4711_05.csv", "monthly", "name it as orders_2024-01.csv"),
        ("2024-13-01.csv", "daily", "tells no time"),
        ("2024-01.csv", "weekly", "tells no day, and batches are weekly"),
        (
            "2024-01-31.csv",
            "hourly",
            "tells no hour, and batches are hourly: name it as orders_2024-01-31T13.csv",
        ),
        ("orders_4711.csv", "yearly", "tells no time (batches.drops): name it as orders_2024.csv"),
        ("orders_2023_2024.csv", "yearly", "tells two times, 2023-01-01 00:00:00 and 2024-01-01 00:00:00"),
        ("20240131_20240201.csv", "daily", "tells two times, 2024-01-31 00:00:00 and 2024-02-01 00:00:00"),
    ],
)
def test_a_name_that_tells_no_time_is_refused(tmp_path: Path, name: str, period: Period, words: str) -> None:
    write(tmp_path / "2024-01-05T10.csv", range(3))
    write(tmp_path / name, range(4))
    for ask in (Files.read, Files.filled, lambda files: files.look(Sight())):
        with pytest.raises(SourceError) as error:
            ask(source(tmp_path, period=period))
        assert words in str(error.value) and name in str(error.value)


def test_a_year_is_enough_where_batches_are_yearly_and_no_time_elsewhere(tmp_path: Path) -> None:
    for number, name in enumerate(("orders_2022.csv", "2023/orders_4711.csv", "2024/06/30/2.csv")):
        write(tmp_path / name, range(number + 3))
    assert source(tmp_path, period="yearly").filled() == ["2022-01-01", "2023-01-01", "2024-01-01"]
    daily = Batches(column="sent", period="daily", drops=True)
    beside = tmp_path / "2024/06/30/model_2019.csv"
    assert time_of(beside, tmp_path, daily) == "2024-06-30T00:00:00"


def test_a_file_that_has_the_column_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "2024-01-05.csv", range(3), sent="2024-01-05")
    with pytest.raises(SourceError, match="has a column 'sent' itself: leave out batches\\.drops"):
        source(tmp_path).read()


FORMS = ("%Y-%m-%d", "%Y%m%d", "%Y_%m_%d", "%Y.%m.%d", "%Y/%m/%d/x", "%Y-%m-%dT%H%M", "%Y%m%d%H%M%S")


@settings(max_examples=200)
@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31)),
    st.sampled_from(FORMS),
    st.sampled_from(["", "orders_", "orders", "v2-", "x/"]),
    st.sampled_from(["", "_final", "-v3", "Z"]),
)
def test_whatever_stands_beside_a_time_it_is_read(when: datetime, form: str, before: str, after: str) -> None:
    text = f"{before}{when.strftime(form)}{after}.parquet"
    exact = "%H" in form
    told = time_of(Path("/data") / text, Path("/data"), Batches(column="sent", period="daily", drops=True))
    expected = when.replace(second=when.second if "%S" in form else 0, microsecond=0) if exact else None
    assert datetime.fromisoformat(told) == (expected or datetime(when.year, when.month, when.day))
