"""A quiet look costs little: what is new or gone is noticed at once, a change of an old file by turns."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.recipe.schema import Batches
from ml_assets.sources import glance, paths
from ml_assets.sources.glance import NEWEST, TURNS, unchanged
from ml_assets.sources.sight import Sight, look
from ml_assets.sources.wanted import Wanted

FILES = NEWEST + 30
OLD, NEW = "00.csv", f"{FILES - 1:02d}.csv"


@pytest.fixture
def many(tmp_path: Path) -> tuple[Wanted, Sight]:
    """Files of which the first is the oldest, looked at."""
    for number in range(FILES):
        path = tmp_path / f"{number:02d}.csv"
        path.write_text(f"day,a\n2024-01-01,{number}\n")
        os.utime(path, (10**9 + number, 10**9 + number))
    wanted = Wanted("*.csv", tmp_path, Batches(column="day", period="daily"))
    seen = look(wanted, Sight())
    assert unchanged(wanted, seen) and unchanged(wanted, seen)
    return wanted, seen


CHANGES = {
    "new": lambda folder: (folder / "aa.csv").write_text("day,a\n2024-01-01,3\n"),
    "gone": lambda folder: (folder / OLD).unlink(),
    "renamed": lambda folder: (folder / OLD).rename(folder / "zz.csv"),
    "newest changed": lambda folder: (folder / NEW).write_text("day,a\n2024-01-01,3000\n"),
    "newest touched": lambda folder: os.utime(folder / NEW, (1, 1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_names_and_the_newest_files_are_looked_at_each_time(many: tuple[Wanted, Sight], change: str) -> None:
    wanted, seen = many
    CHANGES[change](wanted.base)
    assert not unchanged(wanted, seen)


def test_where_a_folder_keeps_no_time_a_new_name_is_noticed_within_eight_glances(
    many: tuple[Wanted, Sight],
) -> None:
    wanted, seen = many
    os.utime(wanted.base, (1, 1))
    assert unchanged(wanted, seen)
    (wanted.base / "aa.csv").write_text("day,a\n2024-01-01,3\n")
    os.utime(wanted.base, (1, 1))
    assert not all(unchanged(wanted, seen) for _ in range(TURNS))


@pytest.mark.parametrize("number", [0, 7, 29, 30])
def test_a_change_of_an_old_file_is_noticed_within_eight_glances(
    many: tuple[Wanted, Sight], number: int
) -> None:
    wanted, seen = many
    os.utime(wanted.base / f"{number:02d}.csv", (1, 1))
    assert not all(unchanged(wanted, seen) for _ in range(TURNS))


def test_where_glances_are_seldom_each_looks_at_more(
    many: tuple[Wanted, Sight], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, seen = many
    monkeypatch.setattr(glance, "LONGEST", 0.0001)  # two minutes ago, then
    os.utime(wanted.base / "29.csv", (1, 1))
    assert not unchanged(wanted, seen)


def test_a_name_that_is_no_file_of_the_source_is_no_change(many: tuple[Wanted, Sight]) -> None:
    wanted, seen = many
    (wanted.base / ".part").write_text("x")
    (wanted.base / "notes.txt").write_text("x")
    assert unchanged(wanted, seen)


@pytest.mark.parametrize("uri", ["*/*.csv", "."])
def test_files_of_several_folders_are_looked_at_whole(many: tuple[Wanted, Sight], uri: str) -> None:
    folder = many[0].base
    (folder / "in").mkdir()
    for path in list(folder.glob("*.csv")):
        path.rename(folder / "in" / path.name)
    wanted = Wanted(uri, folder, Batches(column="day", period="daily"))
    seen = look(wanted, Sight())
    assert len(seen.files) == FILES and unchanged(wanted, seen)
    os.utime(folder / "in" / OLD, (1, 1))
    assert not unchanged(wanted, seen)


names = st.text("ab._[]*?=-", min_size=1, max_size=5).filter(lambda name: name not in (".", ".."))


@settings(max_examples=100, deadline=None)
@given(st.lists(names, max_size=8), st.text("ab.*?[]!-", min_size=1, max_size=6))
def test_names_of_one_folder_are_found_as_glob_finds_them(found: list[str], pattern: str) -> None:
    if not paths._is_of_names(pattern) or pattern in (".", ".."):
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        for place, each in enumerate(found):
            if place % 3:
                (folder / each).write_text("x") if not (folder / each).exists() else None
            else:
                (folder / each).mkdir(exist_ok=True) if not (folder / each).exists() else None
        assert paths._named_in(folder, pattern) == paths._files(folder.glob(pattern), folder, (pattern,))
