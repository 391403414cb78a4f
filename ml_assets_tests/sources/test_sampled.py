"""A look reads all of little, and of much some whole rows that are there."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.recipe.schema import Batches
from ml_assets.sources import sampled
from ml_assets.sources.csv_part import part_of_csv
from ml_assets.sources.dialect import dialect_of
from ml_assets.sources.files_source import Files
from ml_assets.sources.wanted import Wanted

RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({
    "n": np.arange(3_000), "x": RNG.normal(size=3_000), "g": RNG.choice(list("abc"), 3_000),
    "t": pd.date_range("2024-01-01", periods=3_000, freq="h").astype(str),
})  # fmt: skip
MONTHLY = Batches(column="t", period="monthly")
CELLS = st.text(st.sampled_from('ab,"\n'), max_size=6)


def written(folder: Path, name: str) -> None:
    if name.endswith("parquet"):
        ROWS.to_parquet(folder / name, row_group_size=500)
    else:
        ROWS.to_csv(folder / name, index=False, encoding="utf-16" if "utf16" in name else None)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "utf16.csv", "a.parquet"])
@pytest.mark.parametrize("batches", [None, MONTHLY])
def test_of_little_all_and_of_much_some_true_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, batches: Batches | None
) -> None:
    written(tmp_path, name)
    source = Files(Wanted(name, tmp_path, batches))
    whole = source.sample()
    assert whole.whole and not whole.refused
    assert sum(map(len, whole.batches.values())) == len(ROWS) == whole.account.rows_given
    for batch, frame in whole.batches.items() if batches else ():
        assert frame.equals(source.read((batch, f"2024-0{int(batch[6]) + 1}-01")).frame)
    monkeypatch.setattr(sampled, "WHOLE", 100_000)
    monkeypatch.setattr("ml_assets.sources.parquet.CELLS", 4_000)
    part = source.sample()
    seen = pd.concat(part.batches.values())
    assert not part.whole and "from parts of a file" in part.words and 0 < len(seen) < len(ROWS)
    there = ROWS.merge(seen.assign(t=seen["t"].astype(str)) if not batches else seen.drop(columns="t"))
    assert len(there) == len(seen)


def test_of_many_files_some_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(20):
        ROWS[place * 150 : place * 150 + 150].to_csv(tmp_path / f"{place:02}.csv", index=False)
    monkeypatch.setattr(sampled, "WHOLE", 100_000)
    seen = Files(Wanted("*.csv", tmp_path, MONTHLY)).sample()
    assert seen.words.endswith("from parts of 12 of 20 files, 0 MB in all")
    assert min(seen.batches) == "2024-01-01" and max(seen.batches) == "2024-05-01"


@given(st.lists(st.tuples(CELLS, CELLS), min_size=30, max_size=60), st.integers(200, 400))
def test_part_of_a_file_has_whole_rows_whatever_is_quoted(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], size: int
) -> None:
    path = tmp_path_factory.mktemp("part") / "a.csv"
    with path.open("w", newline="") as handle:
        csv.writer(handle, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("one", "two"), *rows])
    part = path.with_name("part.csv")
    part_of_csv(path, part, size)
    with part.open(newline="") as handle:
        found = list(csv.reader(handle))
    assert found[1:] == [list(row) for row in rows[: len(found) - 1]]


def test_message_names_the_file_and_not_its_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = ROWS.to_csv(index=False).replace("\n7,", "\n7,8,9,")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    monkeypatch.setattr(sampled, "WHOLE", 20_000)
    assert dialect_of(tmp_path / "a.csv.gz").compression == "gzip"
    with pytest.raises(Exception, match=rf"{tmp_path}/a.csv.gz, line 9: 6 cells"):
        Files(Wanted("a.csv.gz", tmp_path)).sample()
