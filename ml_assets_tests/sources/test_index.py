"""Indexes that were written along are set aside, whatever they are called; columns of the recipe never are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml_assets.recipe.schema import Batches
from ml_assets.sources.index import is_index
from ml_assets.sources.source import open_source
from ml_assets.sources.wanted import Columns, Wanted

FRAME = pd.DataFrame({"x": np.arange(30) / 7, "y": np.arange(30) % 2})
PART = FRAME.sample(20, random_state=0)

WRITTEN = {
    "csv with an unnamed index": lambda path: FRAME.to_csv(path.with_suffix(".csv")),
    "csv with an unnamed index of a sample": lambda path: PART.to_csv(path.with_suffix(".csv")),
    "csv read and written again": lambda path: PART.reset_index(names="Unnamed: 0").to_csv(
        path.with_suffix(".csv"), index=False
    ),
    "csv with a reset index": lambda path: PART.reset_index().to_csv(path.with_suffix(".csv"), index=False),
    "csv of joined frames": lambda path: (
        pd.concat([FRAME, FRAME]).reset_index().to_csv(path.with_suffix(".csv"), index=False)
    ),
    "parquet with an index": lambda path: PART.to_parquet(path.with_suffix(".parquet")),
    "parquet with two indexes": lambda path: (
        PART.reset_index().reset_index().to_parquet(path.with_suffix(".parquet"))
    ),
    "parquet with an index of two levels": lambda path: FRAME.set_index(
        pd.MultiIndex.from_product([range(5), range(6)])
    ).to_parquet(path.with_suffix(".parquet")),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_an_index_is_no_column(tmp_path: Path, name: str) -> None:
    WRITTEN[name](tmp_path / "a")
    rows, account = open_source(Wanted("a.*", tmp_path)).read()
    assert list(rows.columns) == ["x", "y"]
    assert account.columns_set_aside and set(account.columns_set_aside.values()) == {
        "the index of a data frame, which says nothing about a row"
    }


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_the_recipe_names_is_kept(tmp_path: Path, ending: str) -> None:
    frame = FRAME.reset_index()
    path = tmp_path / f"a.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    columns = Columns(named=frozenset({"index"}))
    assert "index" in open_source(Wanted(path.name, tmp_path, columns=columns)).read().frame


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["x1", "index", "Unnamed: 0"])
def test_a_column_is_an_index_where_all_files_say_so(tmp_path: Path, ending: str, name: str) -> None:
    months = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01"])
    parts = {
        "a": FRAME.assign(**{name: np.arange(30)}, month=months[0]),
        "b": FRAME.assign(**{name: np.arange(30) / 4}, month=months[1]),
        "c": FRAME[:1].assign(**{name: 1}, month=months[2]),
    }

    def write(key: str) -> None:
        path = tmp_path / f"{key}.{ending}"
        parts[key].to_csv(path, index=False) if ending == "csv" else parts[key].to_parquet(path, index=False)

    source = open_source(Wanted(f"*.{ending}", tmp_path, Batches(column="month", period="monthly")))
    write("a")
    rows, account = source.read()
    assert name not in rows and list(account.columns_set_aside) == [name]
    write("b")
    write("c")
    rows, account = source.read(("2024-01-01", "2024-02-01"))
    assert rows[name].tolist() == list(range(30)) and not account.columns_set_aside


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("index", [97, 103, 97, 99, 103] * 10),
        ("index", [0.5, 1.5, 2.5]),
        ("x1", [int(value) for value in np.random.default_rng(0).integers(0, 60, 60)]),
        ("row", [int(value) for value in np.random.default_rng(0).permutation(1_000)[:60]]),
        ("Unnamed: 0", ["Mazda", "Fiat", "Volvo"]),
        ("price", list(range(30))),
    ],
)
def test_what_measures_something_is_no_index(name: str, values: list[object]) -> None:
    import pyarrow as pa

    assert not is_index(name, pa.chunked_array([values]))


def test_numbers_that_no_float_tells_apart_count_no_rows() -> None:
    assert not any(
        is_index("index", pa.chunked_array([pa.array(values, kind)]))
        for values, kind in (([2**63, 2**63 + 2048], pa.uint64()), ([2.0**63, 2.0**64], pa.float64()))
    )
