"""What was read of each file is kept: reading with it and without it gives the same rows, account and refusal."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ml_assets.recipe.schema import Batches
from ml_assets.sources import remembered, tables
from ml_assets.sources.paths import SourceError
from ml_assets.sources.source import open_source
from ml_assets.sources.wanted import Columns, Labels, Wanted

MONTHLY = Batches(column="day", period="monthly")
MONTHS = ("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01")
WINDOWS: tuple[Labels, ...] = ((MONTHS[0], MONTHS[1]), (MONTHS[1], MONTHS[3]), (None, None))
COLUMNS = Columns(
    texts=frozenset({"id"}),
    named=frozenset({"id", "day"}),
    categories=frozenset({"c"}),
    excluded=frozenset({"e"}),
)
TICKS = count(1)
EXAMPLES = int(os.environ.get("ML_ASSETS_TEST_EXAMPLES", "8"))

VALUES: dict[str, list[Any]] = {
    "whole": [1, 2, 3],
    "fractions": [0.5, 1.25, 3.0],
    "missing": [1, None, 3],
    "nothing": [None, None, None],
    "text": ["x", "y", "1"],
    "digits as text": ["007", "12", "5"],
    "fractions as text": ["0.5", "-1.5", "2.25"],
    "decimal commas": ["1,5", "2,25", "3,75"],
    "thousands": ["1,125", "2,250", "3,000"],
    "points": ["1.125", "2.250", "3.000"],
    "euros": ["€ 5", "€ 6", "€ 7"],
    "dollars": ["$ 5", "$ 6", "$ 7"],
    "wrong cell": ["1.5", "2.5", "many"],
    "no value": ["1.5", "-", "n/a"],
    "truth": [True, False, True],
    "large": [2**63, 2**63 + 1, 5],
    "times": ["2024-01-31 10:00", "2024-02-01", "2023-01-01"],
    "counting": [0, 1, 2],
}
TIMES: dict[str, Any] = {
    "text": lambda days: days,
    "moments": lambda days: pd.Series(days, dtype="datetime64[us]"),
    "with a zone": lambda days: pd.Series(days, dtype="datetime64[us]").dt.tz_localize("Europe/Berlin"),
    "numbers": lambda days: [int(day.replace("-", "")) for day in days],
    "one is none": lambda days: [*days[:-1], None],
    "one is no time": lambda days: [*days[:-1], "soon"],
}
# Most files are sound: of broken ones the first alone is told.
KINDS = st.sampled_from(
    ["text"] * 4 + ["moments"] * 6 + ["with a zone", "numbers", "one is none", "one is no time"]
)
days = st.lists(
    st.tuples(st.sampled_from(["01", "02", "03"]), st.integers(1, 28)).map(
        lambda pair: f"2024-{pair[0]}-{pair[1]:02d}"
    )
    | st.sampled_from(["9999-12-31", "1900-01-01"]),
    min_size=1,
    max_size=3,
)
columns = st.dictionaries(
    st.sampled_from(["a", "b", "c", "e", "id", "Unnamed: 0", "index"]),
    st.sampled_from(list(VALUES)),
    max_size=4,
)
files = st.tuples(days, KINDS, columns, st.sampled_from([",", ";", "\t"]))


class Folder:
    """Files that change, read with what was kept of them and without it."""

    def __init__(self, place: Path, ending: str) -> None:
        self.place, self.ending = place, ending
        (place / "data").mkdir()
        self.kept = place / "pieces.json"

    def path(self, number: int) -> Path:
        return self.place / "data" / f"{number}.{self.ending}"

    def write(self, number: int, file: tuple[list[str], str, dict[str, str], str]) -> None:
        when, kind, drawn, separator = file
        told = TIMES[kind](when)
        content = {name: (VALUES[values] * 3)[: len(when)] for name, values in drawn.items()}
        frame = pd.DataFrame({**content, "day": told, "n": range(len(when))})
        if self.ending == "csv":
            frame.to_csv(self.path(number), index=False, sep=separator)
        else:
            pq.write_table(pa.Table.from_pandas(frame), self.path(number), row_group_size=2)
        self.touch(number)

    def touch(self, number: int) -> None:
        """Give a file a time that none has had."""
        os.utime(self.path(number), (10**9, 10**9 + next(TICKS)))

    def change(self, number: int, kind: str) -> None:
        path = self.path(number)
        if kind == "gone":
            path.unlink(missing_ok=True)
        elif kind == "sent twice" and path.exists():
            self.path(number + 100).write_bytes(path.read_bytes())
        elif kind == "damaged" and path.exists():
            path.write_bytes(path.read_bytes()[:-3])
            self.touch(number)
        elif kind == "other bytes of the same size and time" and path.exists():
            was, content = path.stat(), path.read_bytes()
            time.sleep(0.01)  # the clock of the file system
            path.write_bytes(content.replace(b"1", b"3"))
            os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))

    def read(self, window: Labels, *, kept: bool) -> tuple[Any, ...]:
        wanted = Wanted(
            f"data/*.{self.ending}", self.place, MONTHLY, columns=COLUMNS, today=datetime(2024, 6, 1),
            na_values=("none",), pieces=self.kept if kept else None,
        )  # fmt: skip
        try:
            frame, account = open_source(wanted).read(window)
        except SourceError as error:
            return ("refused", error.message, error.key)
        return ("read", frame.dtypes.to_dict(), repr(frame.to_dict("list")), account.model_dump_json())


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is known as soon as it is written: each has a time of its own here."""
    monkeypatch.setattr(remembered, "SETTLED", -1e10)


CHANGES = ("gone", "sent twice", "damaged", "other bytes of the same size and time")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@settings(max_examples=EXAMPLES, deadline=None, phases=(Phase.generate,), report_multiple_bugs=False)
@given(
    st.lists(files, min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(CHANGES) | files), max_size=3),
)
def test_what_is_remembered_changes_no_answer(
    ending: str, first: list[Any], later: list[tuple[int, str | tuple[Any, ...]]]
) -> None:
    with TemporaryDirectory() as name:
        folder = Folder(Path(name), ending)
        for number, file in enumerate(first):
            folder.write(number, file)
        for change in (None, *later):
            if change is not None and isinstance(change[1], str):
                folder.change(*change)  # type: ignore[arg-type]
            elif change is not None:
                folder.write(*change)  # type: ignore[arg-type]
            for window in WINDOWS:
                expected = folder.read(window, kept=False)
                assert folder.read(window, kept=True) == expected


def frame(month: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"day": [f"2024-{month:02d}-{day:02d}" for day in range(1, 9)], "a": range(8), "b": month / 8}
    )


@pytest.fixture
def year(tmp_path: Path) -> Wanted:
    (tmp_path / "data").mkdir()
    for month in range(1, 13):
        frame(month).to_csv(tmp_path / "data" / f"{month:02d}.csv", index=False)
    return Wanted(
        "data/*.csv", tmp_path, MONTHLY, today=datetime(2024, 12, 31), pieces=tmp_path / "pieces.json"
    )


def month(wanted: Wanted, number: int) -> pd.DataFrame:
    return open_source(wanted).read((f"2024-{number:02d}-01", f"2024-{number + 1:02d}-01")).frame


def test_of_unchanged_files_those_alone_are_read_that_have_rows_of_the_batch(
    year: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    near = tables.read_near
    monkeypatch.setattr(
        tables, "read_near", lambda file, *rest: (read.append(file.path.name), near(file, *rest))[1]
    )
    month(year, 1)
    assert len(read) == 12
    read.clear()
    month(year, 2)
    month(year, 3)
    assert read == ["01.csv", "02.csv", "03.csv"]  # of the first it is not known yet what it is without rows
    read.clear()
    os.utime(year.base / "data" / "07.csv", (1, 1))
    month(year, 4)
    assert read == ["04.csv", "07.csv"]


def test_another_content_of_the_same_size_and_time_is_read(year: Wanted) -> None:
    path = year.base / "data" / "07.csv"
    month(year, 1)
    was, content = path.stat(), path.read_bytes()
    time.sleep(0.02)  # the clock of the file system
    path.write_bytes(content.replace(b"2024-07", b"2024-01"))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert list(month(year, 1)["b"].unique()) == [1 / 8, 7 / 8]


def test_a_file_that_was_written_just_now_is_read_again(
    year: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "SETTLED", 60.0)
    month(year, 1)
    assert year.pieces is not None and not year.pieces.exists()


@pytest.mark.parametrize(
    "damage", ["lost", "cut", "a byte", "without its seal", "other JSON", "empty", "a folder"]
)
def test_a_damaged_memory_is_made_anew(year: Wanted, damage: str) -> None:
    expected = month(year, 1)
    place = year.pieces
    assert place is not None
    content = place.read_bytes()
    place.unlink()
    if damage == "a folder":
        place.mkdir()
    elif damage != "lost":
        place.write_bytes({
            "cut": content[: len(content) // 2], "a byte": content.replace(b"f", b"i", 1),
            "without its seal": content[: content.rindex(b',"seal__"')].replace(b"sif", b"sii") + b"}",
            "other JSON": b'{"files": []}', "empty": b"",
        }[damage])  # fmt: skip
    pd.testing.assert_frame_equal(month(year, 1), expected)
    assert damage == "a folder" or place.read_bytes() == content


def months(wanted: Wanted, seed: int) -> bool:
    numbers = [(seed * 5 + place * 7) % 11 + 1 for place in range(20)]
    return all(list(month(wanted, number)["b"].unique()) == [number / 8] for number in numbers)


def test_two_processes_may_remember_at_once(year: Wanted) -> None:
    with get_context("spawn").Pool(2) as pool:
        assert all(pool.starmap(months, [(year, seed) for seed in range(4)]))
        pool.close()  # they end by themselves: where SIGTERM is ignored, nothing else would end them
        pool.join()
    assert list(year.base.glob(".*")) == []
    month(year, 1)
    assert year.pieces is not None and json.loads(year.pieces.read_bytes())["files"]
