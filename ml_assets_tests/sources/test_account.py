"""Rows in the files = rows given on + rows set aside, each with its reason."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.recipe.schema import Batches
from ml_assets.sources.account import FAR_TIME, OTHER_BATCHES, SENT_TWICE
from ml_assets.sources.source import open_source
from ml_assets.sources.wanted import Wanted

MONTHLY = Batches(column="day", period="monthly")
TODAY = datetime(2024, 12, 1)
days = st.dates(datetime(2024, 1, 1).date(), datetime(2024, 6, 30).date()).map(str)
marks = st.sampled_from(["1900-01-01", "1970-01-01", "2999-12-31", "9999-12-31", "0001-01-01"])
files = st.lists(st.lists(days, min_size=1, max_size=8), min_size=1, max_size=4)


def write(folder: Path, ending: str, parts: list[list[str]]) -> int:
    for place, part in enumerate(parts):
        frame = pd.DataFrame({"day": part, "x": [place + row / 8 for row in range(len(part))]})
        path = folder / f"{place}.{ending}"
        frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path, index=False)
    return sum(map(len, parts))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@settings(max_examples=25, deadline=None)
@given(files, st.lists(marks, max_size=2), st.booleans())
def test_every_row_is_given_on_or_set_aside_with_its_reason(
    ending: str, parts: list[list[str]], far: list[str], twice: bool
) -> None:
    parts = [*parts, ["2024-03-05"] * 6]  # marks are few
    parts[0] = parts[0] + far
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows = write(folder, ending, parts)
        if twice:
            (folder / f"copy.{ending}").write_bytes((folder / f"0.{ending}").read_bytes())
            rows += len(parts[0])
        source = open_source(Wanted(f"*.{ending}", folder, MONTHLY, today=TODAY))
        frame, account = source.read()
        assert account.balance == 0
        assert (account.rows_in_files, account.rows_given) == (rows, len(frame))
        reasons = {part.reason: part.rows for part in account.set_aside}
        assert reasons == {
            reason: count
            for reason, count in {SENT_TWICE: twice * len(parts[0]), FAR_TIME: len(far)}.items()
            if count
        }
        assert source.describe().set_aside == account.set_aside
        months = source.filled()
        one_by_one = [source.read((label, _next(label))) for label in months]
        assert sum(len(part.frame) for part in one_by_one) == len(frame)
        assert all(part.account.balance == 0 for part in one_by_one)
        assert source.extent() == (months[0], months[-1])


def _next(label: str) -> str:
    from ml_assets.sources.calendar import next_batch

    return next_batch(label, "monthly")


def test_the_account_names_where_a_row_was_set_aside(tmp_path: Path) -> None:
    write(tmp_path, "csv", [["2024-01-05", "2024-02-05", "9999-12-31"], ["2024-03-05"]])
    account = open_source(Wanted("*.csv", tmp_path, MONTHLY, today=TODAY)).read().account
    (far,) = account.set_aside
    assert (far.reason, far.rows, far.example) == (FAR_TIME, 1, "0.csv: 9999-12-31")


def test_rows_outside_start_and_end_are_accounted_for(tmp_path: Path) -> None:
    write(tmp_path, "csv", [["2024-01-05", "2024-02-05", "2024-03-05"]])
    batches = MONTHLY.model_copy(update={"start": "2024-02-01"})
    frame, account = open_source(Wanted("*.csv", tmp_path, batches, today=TODAY)).read()
    assert len(frame) == 2
    assert [(part.reason, part.rows) for part in account.set_aside] == [(OTHER_BATCHES, 1)]


def test_a_static_table_is_given_on_whole() -> None:
    frame, account = open_source(Wanted("sklearn://iris", Path())).read()
    assert (account.rows_in_files, account.rows_given, account.balance) == (150, len(frame), 0)


def test_where_there_is_no_file_yet_there_is_an_account_of_no_rows(tmp_path: Path) -> None:
    source = open_source(Wanted("*.csv", tmp_path, MONTHLY))
    assert (source.describe().rows_in_files, source.extent(), source.filled()) == (0, None, [])
