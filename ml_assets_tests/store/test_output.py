"""A place that a person names is tried before the work, and the message says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.failures import WrongUsageError
from ml_assets.store.output import new_folder, see_file


def test_a_file_that_cannot_be_written_is_told_and_one_that_is_there_stays(tmp_path: Path) -> None:
    there = tmp_path / "there.csv"
    there.write_text("kept")
    see_file("--to", there)
    see_file("--to", tmp_path / "new" / "page.html")
    assert there.read_text() == "kept" and not list((tmp_path / "new").iterdir())
    for place, words in (
        (there / "page.html", "a part of the path is a file"),
        (tmp_path, "it is a folder: name a file in it"),
        (Path("/proc/page.html"), "it cannot be written"),
    ):
        with pytest.raises(WrongUsageError, match=f"^--to {place}: .*{words}"):
            see_file("--to", place)


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with new_folder("--to", tmp_path / "empty") as made:
        (made / "a").write_text("a")
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["a"]
    with pytest.raises(WrongUsageError, match="it is there already"), new_folder("--to", tmp_path / "empty"):
        pass
    with pytest.raises(OSError, match="full"), new_folder("--to", tmp_path / "half") as made:
        (made / "a").write_text("a")
        raise OSError("full")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
