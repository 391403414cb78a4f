"""Rows that come part by part are those that come at once."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings

from ml_assets.sources.arrow import to_pandas
from ml_assets.sources.paths import SourceError
from ml_assets.sources.source import open_source
from ml_assets.sources.streamed import rows_in, streamed
from ml_assets.sources.wanted import Columns, Sql, Wanted

CELLS = st.sampled_from(["1", "2", "01", "3.5", "", "a", 'say "yes"', "two\nlines", "x,y", "true", "1,234"])


def alike(wanted: Wanted, rows: int, texts: tuple[str, ...] = ()) -> None:
    """Every value is the same, whatever type a part of the rows shows by itself."""
    parts = list(streamed(wanted, rows, texts))
    whole = open_source(wanted).read().frame
    assert [len(part) for part in parts[:-1]] == [rows] * (len(parts) - 1) and sum(map(len, parts)) == len(
        whole
    )
    found = pd.concat([to_pandas(part).astype(object) for part in parts], ignore_index=True)
    for name in whole.columns:
        given, came = whole[name].astype(object), found[name]
        assert [None if pd.isna(one) else one for one in came] == [
            None if pd.isna(one) else one for one in given
        ]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CELLS, min_size=1, max_size=30), st.integers(1, 40))
def test_a_csv_file_in_parts_is_the_whole_file(tmp_path: Path, cells: list[str], rows: int) -> None:
    frame = pd.DataFrame({"number": np.arange(len(cells)) / 4, "text": cells})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    wanted = Wanted("rows.csv", tmp_path)
    parts = [to_pandas(part) for part in streamed(wanted, rows, ("text",))]
    assert [cell or None for cell in cells] == [
        None if pd.isna(cell) else cell for part in parts for cell in part["text"]
    ]  # as it is written, whatever the cells of this file look like
    alike(replace(wanted, columns=Columns(texts=frozenset({"text"}))), rows, ("text",))


WRITTEN = st.sampled_from(
    [
        "1",
        "12",
        "1.5",
        "1,5",
        "1,234",
        "1.234",
        "1,234.5",
        "1.234,5",
        "1.234.567",
        "1 234",
        "$3",
        "€3",
        "",
        "-",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(WRITTEN, WRITTEN), min_size=1, max_size=12),
    st.integers(1, 6),
    st.sampled_from([",", ";"]),
)
@example([("1,5", "1"), ("1,234", "2")], 1, ",")
@example([("1,234", "1"), ("1,5", "2")], 1, ",")
@example([("1,234", "1"), ("1", "1,5")], 1, ",")
@example([("2", "1.234"), ("1,5", "3")], 1, ";")
@example([("$3", "1"), ("€3", "2")], 1, ",")
@example([("1,5", "1.234"), ("2,5", "1.5")], 1, ";")
def test_a_number_of_a_part_is_that_of_the_whole_file_or_is_refused(
    tmp_path: Path, cells: list[tuple[str, str]], rows: int, separator: str
) -> None:
    frame = pd.DataFrame(cells, columns=["a", "b"]).assign(row=range(len(cells)))
    frame.to_csv(tmp_path / "rows.csv", index=False, sep=separator)
    wanted = Wanted("rows.csv", tmp_path)
    whole = open_source(wanted).read().frame
    try:
        parts = [to_pandas(part) for part in streamed(wanted, rows, ())]
    except SourceError:
        return
    came = pd.concat([part.astype(object) for part in parts], ignore_index=True)
    if all(map(pd.api.types.is_numeric_dtype, whole.dtypes)):  # a cell that is none is refused with its row
        for name in ("a", "b"):
            found = pd.to_numeric(came[name], errors="coerce").astype(float)
            is_number = came[name].map(lambda value: isinstance(value, int | float)) & found.notna()
            assert (found[is_number] == whole[name].astype(float)[is_number]).all()


def test_files_in_two_currencies_are_not_one_source(tmp_path: Path) -> None:
    for name, sign in (("a", "$"), ("b", "€")):
        (tmp_path / f"{name}.csv").write_text(f"price\n{sign}3\n{sign}4\n")
    with pytest.raises(SourceError, match="Convert them into one"):
        list(streamed(Wanted("*.csv", tmp_path), 10, ()))


def test_numbers_that_parquet_has_as_text_are_those_of_a_csv_file(tmp_path: Path) -> None:
    written = pd.DataFrame({"price": ["$1,234.50", "$3", "$4.5"], "code": ["007", "7", "12"]})
    written.to_parquet(tmp_path / "rows.parquet")
    written.to_csv(tmp_path / "rows.csv", index=False)
    one, other = (
        pa.concat_tables(streamed(Wanted(f"rows.{kind}", tmp_path), 2, ["code"], None, ["price"])).to_pylist()
        for kind in ("csv", "parquet")
    )
    assert one == other and [row["price"] for row in one] == [1234.5, 3.0, 4.5]


def test_nothing_of_the_parts_before_is_held(tmp_path: Path) -> None:
    numbers = np.random.default_rng(3).normal(size=(400_000, 4))
    pd.DataFrame(numbers, columns=list("abcd")).to_parquet(
        tmp_path / "rows.parquet", row_group_size=10_000, index=False
    )
    before = pa.total_allocated_bytes()
    held = [
        pa.total_allocated_bytes() - before for _ in streamed(Wanted("rows.parquet", tmp_path), 10_000, ())
    ]
    assert len(held) == 40 and max(held) < numbers.nbytes / 4


@pytest.mark.parametrize(
    "written",
    [
        lambda frame, folder: frame.to_parquet(folder / "rows.parquet", row_group_size=70),
        lambda frame, folder: frame.to_csv(folder / "rows.csv", index=False, sep=";"),
        lambda frame, folder: frame.to_csv(folder / "rows.csv.gz", index=False),
        lambda frame, folder: frame.to_csv(folder / "rows.csv", index=False, encoding="utf-16"),
    ],
)
@pytest.mark.parametrize("rows", [1, 64, 500])
def test_files_in_parts_are_the_whole_files(tmp_path: Path, written: object, rows: int) -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "count": rng.integers(0, 9, 200),
            "share": rng.normal(size=200).round(3),
            "place": rng.choice(["Köln", "Paris", None], 200),
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**6, 200), unit="s"),
        }
    )
    frame.loc[::7, "share"] = np.nan
    for year, part in ((2023, frame[:90]), (2024, frame[90:])):
        folder = tmp_path / f"year={year}"
        folder.mkdir()
        written(part, folder)  # type: ignore[operator]
    alike(Wanted(str(tmp_path), tmp_path), min(rows, 90), ("place",))
    parquet = (tmp_path / "year=2023" / "rows.parquet").exists()
    assert rows_in(Wanted(str(tmp_path), tmp_path)) == (200 if parquet else None)


def test_a_query_in_parts_is_the_whole_query(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        pd.DataFrame({"n": range(120), "name": [None, "a", "b"] * 40}).to_sql("rows", connection, index=False)
    wanted = Wanted("SELECT * FROM rows ORDER BY n", tmp_path, sql=Sql(f"sqlite:///{tmp_path}/shop.db"))
    alike(wanted, 50, ("name",))
    assert rows_in(wanted) == 120
