"""What lies in the files, batch by batch: a change is seen in its batch alone, and only a change is one."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.recipe.schema import Batches
from ml_assets.sources.sight import Part, Sight, batches_in, look
from ml_assets.sources.wanted import Wanted

MONTHS = ("2024-01-01", "2024-02-01", "2024-03-01")
TODAY = datetime(2024, 6, 1)


def table(rows: int = 90) -> pd.DataFrame:
    days = pd.date_range("2024-01-01", "2024-03-30", periods=rows).floor("D")
    frame = pd.DataFrame({"a": range(rows), "b": [row / 7 for row in range(rows)], "c": "x", "t": days})
    return frame.assign(b=frame["b"].where(frame["a"] % 9 > 0), c=frame["c"].where(frame["a"] % 5 > 0))


def wanted(folder: Path, uri: str = "*.csv") -> Wanted:
    return Wanted(uri, folder, Batches(column="t", period="monthly"), today=TODAY)


def seen(folder: Path, uri: str = "*.csv") -> dict[str, Part]:
    asked = wanted(folder, uri)
    return batches_in(look(asked, Sight()), asked)


def write(frame: pd.DataFrame, folder: Path, name: str = "all.csv") -> Path:
    frame.to_csv(folder / name, index=False)
    return folder / name


def in_one(frame: pd.DataFrame, folder: Path) -> None:
    write(frame, folder)


def shuffled(frame: pd.DataFrame, folder: Path) -> None:
    write(frame.sample(frac=1, random_state=1), folder)


def by_month(frame: pd.DataFrame, folder: Path) -> None:
    for month, part in frame.groupby(frame["t"].dt.month):
        write(part, folder, f"{month}.csv")


def with_an_empty_column(frame: pd.DataFrame, folder: Path) -> None:
    write(frame.assign(z=None), folder)


def as_fractions(frame: pd.DataFrame, folder: Path) -> None:
    write(frame.assign(a=frame["a"].astype(float)), folder)


def with_semicolons(frame: pd.DataFrame, folder: Path) -> None:
    frame.to_csv(folder / "all.csv", index=False, sep=";")


def with_a_copy(frame: pd.DataFrame, folder: Path) -> None:
    (folder / "copy.csv").write_bytes(write(frame, folder).read_bytes())


def with_an_index(frame: pd.DataFrame, folder: Path) -> None:
    frame.to_csv(folder / "all.csv")


def with_a_mark(frame: pd.DataFrame, folder: Path) -> None:
    write(pd.concat([frame.astype({"t": str}), pd.DataFrame({"a": [1], "t": ["9999-12-31"]})]), folder)


@pytest.mark.parametrize(
    "written",
    [in_one, shuffled, by_month, with_an_empty_column, as_fractions, with_semicolons, with_a_copy, with_an_index,
     with_a_mark],
)  # fmt: skip
def test_equal_rows_are_no_change_however_they_are_written(tmp_path: Path, written: object) -> None:
    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
    in_one(table(), tmp_path / "before")
    written(table(), tmp_path / "after")  # type: ignore[operator]
    assert seen(tmp_path / "after") == seen(tmp_path / "before")


def test_parquet_is_seen_as_csv_is(tmp_path: Path) -> None:
    write(table(), tmp_path)
    table().to_parquet(tmp_path / "all.parquet")
    assert seen(tmp_path, "*.parquet") == seen(tmp_path)


@settings(max_examples=40)
@given(row=st.integers(0, 89), column=st.sampled_from("abc"), value=st.sampled_from([None, 0.5, "y", -1]))
def test_a_changed_cell_is_a_change_of_its_batch_alone(
    tmp_path_factory: pytest.TempPathFactory, row: int, column: str, value: object
) -> None:
    folder = tmp_path_factory.mktemp("cells")
    frame = table().astype({"a": object, "b": object})
    write(frame, folder)
    before = seen(folder)
    was = frame.loc[row, column]
    frame.loc[row, column] = value
    write(frame, folder)
    after = seen(folder)
    changed = [month for month in MONTHS if after[month] != before[month]]
    same = was == value or (pd.isna(was) and value is None)
    assert changed == [] if same else changed == [frame.loc[row, "t"].strftime("%Y-%m-01")]


def test_cells_that_change_places_are_a_change(tmp_path: Path) -> None:
    frame = table()
    write(frame, tmp_path)
    before = seen(tmp_path)
    frame.loc[[0, 1], "a"] = [1, 0]
    write(frame, tmp_path)
    assert [month for month in MONTHS if seen(tmp_path)[month] != before[month]] == [MONTHS[0]]


def test_a_file_is_read_again_only_where_its_size_or_time_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_month(table(), tmp_path)
    asked = wanted(tmp_path)
    before = look(asked, Sight())
    assert look(asked, before) is before
    read: list[str] = []
    from ml_assets.sources import tables

    whole = tables.read_piece
    monkeypatch.setattr(
        tables, "read_piece", lambda file, *rest: (read.append(file.path.name), whole(file, *rest))[1]
    )
    os.utime(tmp_path / "2.csv", (1, 1))
    touched = look(asked, before)
    assert read == ["2.csv"] and batches_in(touched, asked) == batches_in(before, asked)
    (tmp_path / "1.csv").unlink()
    assert list(batches_in(look(asked, touched), asked)) == list(MONTHS[1:]) and read == ["2.csv"]
