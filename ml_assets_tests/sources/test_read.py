"""Reading: types that depend on no batch, windows that tile the rows, one clear message for each defect."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml_assets.recipe.readable import DATASETS, SCHEMES
from ml_assets.recipe.schema import Batches
from ml_assets.settings import Variables
from ml_assets.sources.calendar import batch_range, next_batch
from ml_assets.sources.paths import SourceError, expand
from ml_assets.sources.source import SOURCES, open_source
from ml_assets.sources.wanted import Columns, Wanted
from ml_assets_tests.support.sources import read_source

DATA = Path(__file__).parents[3] / "shared" / "data"
MONTHLY = Batches(column="month", period="monthly")
JANUARY, FEBRUARY, MARCH = "2024-01-01", "2024-02-01", "2024-03-01"


def months(**columns: list[Any]) -> pd.DataFrame:
    days = pd.to_datetime([JANUARY, JANUARY, FEBRUARY, FEBRUARY])
    return pd.DataFrame({"month": days, **columns})


BROKEN = {
    # name: (files, part of the message)
    "empty file": ({"a.csv": b""}, r"a\.csv is empty: a CSV file starts with a line of column names"),
    "blank lines": ({"a.csv": b"\n\n  \n"}, r"a\.csv is empty"),
    "duplicate columns": ({"a.csv": b"x,y,x\n1,2,3\n"}, r"a\.csv has more than one column named 'x'"),
    "column without a name": ({"a.csv": b",y\nanna,2\n"}, r"a\.csv: column 1 has no name.*index=False"),
    "too many cells": ({"a.csv": b"x,y\n1,2\n3,4,5\n"}, r"a\.csv, line 3: 3 cells, the header has 2"),
    "too few cells": ({"a.csv": b"x,y\n1,2\n3\n4,5\n"}, r"a\.csv, line 3: 1 cell, the header has 2: '3'"),
    "binary garbage": ({"a.csv": b"\x89PNG\0\0\1\2"}, r"a\.csv is not a CSV file: it holds binary data"),
    "not UTF-8": (
        {"a.csv": "x,y\ncafé,1\n".encode("latin-1")},
        r"a\.csv, line 2: not UTF-8 text; read as Windows-1252 it is 'café,1'. Save the file as UTF-8",
    ),
    "not UTF-8, far down": (
        {"a.csv": b"x,y\n" + b"abc,1\n" * 20_000 + "café,1\n".encode("latin-1")},
        r"a\.csv, line 20002: not UTF-8 text; .*'café,1'\. Save the file as UTF-8 \(column 'x'\)",
    ),
    "no Parquet": ({"a.parquet": b"\0\1\2\3\n"}, r"a\.parquet is not a Parquet file that can be read"),
    "CSV as Parquet": ({"a.parquet": b"month,y\n"}, r"a\.parquet is text: give it a name that ends in \.csv"),
    "Feather as Parquet": (
        {"a.parquet": b"ARROW1\0\0"},
        r"a\.parquet is an Arrow or Feather file: save it as",
    ),
    "packed Parquet": ({"a.parquet": b"\x1f\x8b\0\0"}, r"a\.parquet is packed as a whole: unpack it"),
    "empty Parquet": ({"a.parquet": b""}, r"a\.parquet is empty \(0 bytes\)"),
    "CSV and Parquet": ({"a.csv": b"x\n1\n", "b.parquet": b""}, r"matches both CSV and Parquet"),
    "other columns": (
        {"a.csv": b"x,y\n1,2\n", "b.csv": b"x,z\n1,2\n"},
        r"b\.csv lacks y and adds z, compared with a\.csv",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_gives_one_message_with_its_name(tmp_path: Path, name: str) -> None:
    files, message = BROKEN[name]
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    with pytest.raises(SourceError, match=message) as caught:
        read_source("*.*", tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("month,y\n2024-01-01,1\nsoon,2\n", r"a\.csv, row 2, column 'month' .*: 'soon' is not a time"),
        ("month,y\n2024-01-01,1\n,2\n", r"a\.csv, row 2, column 'month' .*: the time is missing"),
        (
            "month,y\n202401,1\n",
            r"a\.csv, row 1, column 'month' .*: 202401 is a whole number, not a time \(a month\? Write 2024-01-01\)",
        ),
        (
            "month,y\n03/04/2024,1\n",
            r"'03/04/2024' is not a time that can be read \(the day first, or the month\?",
        ),
        ("day,y\n2024-01-01,1\n", r"batches\.column: 'month' is not a column of .*a\.csv \(found day, y\)"),
    ],
)
def test_broken_time_names_file_row_and_value(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(SourceError, match=message):
        read_source("a.csv", tmp_path, batches=MONTHLY)


def test_broken_time_in_parquet_names_file_row_and_value(tmp_path: Path) -> None:
    months(y=[1, 2, 3, 4]).assign(month=["2024-01-01", "x", None, None]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"a\.parquet, row 2, .*'x' is not a time"):
        read_source("a.parquet", tmp_path, batches=MONTHLY)
    months(y=[1, 2, 3, 4]).assign(month=[pd.Timestamp(JANUARY), pd.NaT] * 2).to_parquet(
        tmp_path / "a.parquet"
    )
    with pytest.raises(SourceError, match=r"a\.parquet, row 2, .*the time is missing"):
        read_source("a.parquet", tmp_path, batches=MONTHLY, window=(JANUARY, FEBRUARY))


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "churn.csv").write_text("x\n1\n")
    with pytest.raises(SourceError, match=r"no such file .*Did you mean 'churn\.csv'\?"):
        read_source("chrun.csv", tmp_path)
    with pytest.raises(SourceError, match=r"'nowhere/\*\.csv': no such file; .*folder does not exist"):
        read_source("nowhere/*.csv", tmp_path)


def test_missing_batch_says_which_batches_there_are(tmp_path: Path) -> None:
    months(y=[1, 2, 3, 4]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(
        SourceError, match="no rows for batch 2024-03-01; data covers 2024-01-01 to 2024-02-01"
    ):
        read_source("a.parquet", tmp_path, batches=MONTHLY, window=(MARCH, "2024-04-01"))


@pytest.mark.parametrize(
    ("source_uri", "message"),
    [
        ("rows.sql.j2", "a query needs a database"),
        ("az://bucket/rows.csv", "'az://' is not yet read"),
        ("htp://rows.csv", "'htp://' is not known"),
        ("rows.xlsx", r"no .+ file by its name; accepted are \.csv"),
        ("sklearn://irsi", r"Did you mean 'iris'\?"),
        ("sklearn://california_housing", "needs a download"),
        ("${DATA}/rows.csv", "the variable was not replaced"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, source_uri: str, message: str
) -> None:
    (tmp_path / "rows.xlsx").write_bytes(b"x")
    with pytest.raises(SourceError, match=message):
        read_source(source_uri, tmp_path)


def test_expand_takes_the_variable_else_the_default_else_says_so() -> None:
    given, none = Variables(frozenset("A"), {"A": "/there"}), Variables(frozenset("A"))
    assert expand("${A:-data}/x.csv", given) == "/there/x.csv"
    assert expand("${A:-data}/x.csv", none) == "data/x.csv"
    with pytest.raises(SourceError, match="environment variable A is not set"):
        expand("${A}/x.csv", none)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "folder", "glob", "file"])
def test_every_form_of_a_source_gives_the_same_rows(tmp_path: Path, ending: str) -> None:
    frame = months(
        n=[1, None, 3, 4], text=["a", None, "unknown", "d"], flag=[True, False, None, True], x=[0.5] * 4
    )
    frame = frame.astype({"n": "Int64", "flag": "boolean"})
    folder = tmp_path / "rows"
    folder.mkdir()
    if ending in ("csv", "csv.gz"):
        frame.to_csv(folder / f"a.{ending}", index=False)
    else:
        frame[:2].to_parquet(folder / "a.parquet")
        frame[2:].to_parquet(folder / "b.parquet")
        (folder / "_SUCCESS").write_text("")
    if ending == "parquet":
        frame.to_parquet(folder / "a.parquet")
    forms = {"folder": "rows", "glob": "rows/*.parquet", "file": f"file://{folder}/"}
    read = read_source(forms.get(ending, f"rows/a.{ending}"), tmp_path)
    assert [str(kind) for kind in read.dtypes] == ["datetime64[us]", "Int64", "object", "boolean", "float64"]
    pd.testing.assert_frame_equal(read, frame.astype({"month": "datetime64[us]"}), check_dtype=False)
    assert read["text"].tolist() == ["a", None, "unknown", "d"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_batches_tile_the_rows_and_types_are_those_of_the_whole(tmp_path: Path, ending: str) -> None:
    frame = months(n=[1, 2, None, None], late=[1.5, None, None, None], text=[None, None, "a", "b"])
    frame = frame.astype({"n": "Int64"})
    if ending == "csv":
        frame.to_csv(tmp_path / "a.csv", index=False)
    else:
        frame.to_parquet(tmp_path / "a.parquet")
    whole = read_source(f"a.{ending}", tmp_path, batches=MONTHLY)
    parts = [
        read_source(f"a.{ending}", tmp_path, batches=MONTHLY, window=(batch, next_batch(batch, "monthly")))
        for batch in batch_range(JANUARY, FEBRUARY, "monthly")
    ]
    assert [len(part) for part in parts] == [2, 2]
    for part in parts:
        pd.testing.assert_series_equal(part.dtypes, whole.dtypes)
    together = [
        value for part in parts for value in part.astype(object).where(part.notna(), None).to_numpy().tolist()
    ]
    assert together == whole.astype(object).where(whole.notna(), None).to_numpy().tolist()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_column_empty_in_one_file_has_the_type_of_the_others(tmp_path: Path, ending: str) -> None:
    for name, part in {"a": months(x=[1.0, 2.0, 3.0, 4.0])[:2], "b": months(x=[None] * 4)[2:]}.items():
        if ending == "csv":
            part.to_csv(tmp_path / f"{name}.csv", index=False)
        else:
            part.to_parquet(tmp_path / f"{name}.parquet")
    assert read_source("*", tmp_path, batches=MONTHLY, window=(FEBRUARY, MARCH))["x"].dtype == "float64"


def test_a_wrong_cell_in_february_leaves_january_a_number(tmp_path: Path) -> None:
    rows = [f"2024-01-01,{i}" for i in range(10)] + ["2024-02-01,abc", "2024-02-01,1"]
    (tmp_path / "a.csv").write_text("\n".join(["month,x", *rows]))
    assert read_source("a.csv", tmp_path, batches=MONTHLY, window=(JANUARY, FEBRUARY))["x"].dtype == "float64"
    assert read_source("a.csv", tmp_path, batches=MONTHLY, window=(FEBRUARY, MARCH))["x"].tolist() == [
        "abc",
        "1",
    ]


@pytest.mark.parametrize(
    "times",
    [
        pd.Series(["2024-01-31T23:30:00Z", "2024-02-01T01:30:00+02:00", "2024-02-01"]),
        pd.Series(pd.to_datetime(["2024-01-31 23:30"] * 2 + ["2024-02-01 00:00"])),
        pd.Series(pd.to_datetime(["2024-01-31 23:30"] * 2 + ["2024-02-01 00:00"]).as_unit("ms")),
        pd.Series(pd.to_datetime(["2024-01-31 23:30Z"] * 2 + ["2024-02-01 00:00Z"])).dt.tz_convert(
            "Asia/Tokyo"
        ),
        pd.Series([datetime(2024, 1, 31).date()] * 2 + [datetime(2024, 2, 1).date()]),
        pd.Series(["31.01.2024 23:30", "31.01.2024 23:30", "01.02.2024 00:00"]),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_times_of_every_kind_are_read_in_utc(tmp_path: Path, times: "pd.Series[Any]", ending: str) -> None:
    frame = pd.DataFrame({"month": times, "y": [1, 2, 3]})
    if ending == "csv":
        frame.to_csv(tmp_path / "a.csv", index=False)
    else:
        frame.to_parquet(tmp_path / "a.parquet")
    january = read_source(f"a.{ending}", tmp_path, batches=MONTHLY, window=(JANUARY, FEBRUARY))
    assert january["y"].tolist() == [1, 2]
    assert january["month"].dtype == "datetime64[us]"


def test_start_and_end_of_the_recipe_hold_without_a_window(tmp_path: Path) -> None:
    months(y=[1, 2, 3, 4]).to_parquet(tmp_path / "a.parquet")
    only = MONTHLY.model_copy(update={"start": FEBRUARY})
    assert read_source("a.parquet", tmp_path, batches=only)["y"].tolist() == [3, 4]
    only = MONTHLY.model_copy(update={"end": FEBRUARY})
    assert read_source("a.parquet", tmp_path, batches=only)["y"].tolist() == [1, 2]


def test_cells_are_read_as_people_write_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('\ufeffname;x\n"semi;colon";1\n"two\nlines";NA\n?;3\n')
    read = read_source("a.csv", tmp_path)
    assert read["name"].tolist() == ["semi;colon", "two\nlines", None]
    assert read["x"].tolist() == [1, pd.NA, 3]


def test_header_only_is_a_table_without_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n")
    read = read_source("a.csv", tmp_path)
    assert (list(read.columns), len(read)) == (["x", "y"], 0)


def test_relative_paths_start_at_the_recipe_else_at_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    (here / "a.csv").write_text("x\nhere\n")
    monkeypatch.chdir(here)
    assert read_source("a.csv", there)["x"].tolist() == ["here"]
    (there / "a.csv").write_text("x\nthere\n")
    assert read_source("a.csv", there)["x"].tolist() == ["there"]


@pytest.mark.parametrize("name", DATASETS)
def test_known_data_sets_have_a_target(name: str) -> None:
    read = read_source(f"sklearn://{name}", Path())
    assert "target" in read and len(read) >= 150


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the real data sets in ../shared/data")
@pytest.mark.parametrize(
    ("file", "column", "rows"), [("elec2.csv", "timestamp", 336), ("occupancy.csv", "date", None)]
)
def test_real_weeks(file: str, column: str, rows: int | None) -> None:
    weekly = Batches(column=column, period="weekly")
    whole = read_source(file, DATA, batches=weekly)
    first = whole[column].min().date() - pd.Timedelta(days=whole[column].min().weekday())
    labels = batch_range(str(first), next_batch(str(first), "weekly"), "weekly")
    parts = [
        read_source(file, DATA, batches=weekly, window=(week, next_batch(week, "weekly"))) for week in labels
    ]
    assert rows is None or len(parts[1]) == rows
    for part in parts:
        pd.testing.assert_series_equal(part.dtypes, whole.dtypes)


def test_a_file_that_was_sent_twice_under_two_names_is_read_once(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]})
    for name in ("may.csv", "may (1).csv"):
        frame.to_csv(tmp_path / name, index=False)
    assert len(read_source("*.csv", tmp_path)) == 2
    frame.assign(x=[2.0, 1.0]).to_csv(tmp_path / "june.csv", index=False)
    assert len(read_source("*.csv", tmp_path)) == 4


def test_recipes_may_name_the_sources_there_are() -> None:
    assert set(SOURCES) == {"", *SCHEMES}


def test_a_class_has_one_name_whatever_type_it_is_written_in(tmp_path: Path) -> None:
    columns = Columns(texts=frozenset({"y"}), classes=frozenset({"y"}))
    for place, y in enumerate([["1", "0"], ["1.0", " 0 "], [1, 0], [1.0, 0.0]]):
        pd.DataFrame({"x": [0.5, place], "y": y}).to_parquet(tmp_path / f"{place}.parquet")
    read = open_source(Wanted("*.parquet", tmp_path, columns=columns)).read().frame
    assert read["y"].tolist() == ["1", "0"] * 4


def test_entities_may_be_bytes_of_one_length(tmp_path: Path) -> None:
    table = pa.table({"id": pa.array([bytes(range(240, 256)), None], pa.binary(16)), "y": [1, 2]})
    pq.write_table(table, tmp_path / "a.parquet")
    read = open_source(Wanted("a.parquet", tmp_path, columns=Columns(texts=frozenset({"id"})))).read().frame
    assert read["id"].tolist() == ["f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", None]


@pytest.mark.parametrize(("zone", "told"), [("Europe/Berlin", 1), ("UTC", 0), (None, 0)])
def test_times_of_a_zone_are_told_to_be_read_in_utc(tmp_path: Path, zone: str | None, told: int) -> None:
    days = pd.to_datetime(["2024-01-01", "2024-02-01"]).tz_localize(zone)
    pd.DataFrame({"month": days, "x": [1, 2]}).to_parquet(tmp_path / "a.parquet")
    rows, account = open_source(Wanted("a.parquet", tmp_path, MONTHLY)).read()
    assert rows["month"].dt.month.tolist() == ([12, 1] if told else [1, 2])
    assert [note for note in account.notes if f"times of {zone} read in UTC" in note] == [*account.notes]
    assert len(account.notes) == told
