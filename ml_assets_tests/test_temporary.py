"""Temporary files of tests lie in memory where there is room, and elsewhere where there is none."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from ml_assets_tests.support.temporary import lie_in_memory


@pytest.mark.parametrize(
    ("said", "room", "moved"), [(None, 0, True), (None, 1 << 60, False), ("/var/tmp", 0, False)]
)
def test_they_lie_in_memory_that_has_room_unless_told_otherwise(
    said: str | None, room: int, moved: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/var/tmp")
    monkeypatch.setenv("TMPDIR", said or "")
    if said is None:
        monkeypatch.delenv("TMPDIR")
    lie_in_memory(tmp_path, room)
    assert os.environ.get("TMPDIR") == (str(tmp_path) if moved else said)
    assert tempfile.gettempdir() == (str(tmp_path) if moved else "/var/tmp")


def test_a_machine_without_such_memory_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    lie_in_memory(tmp_path / "not there", 0)
    assert "TMPDIR" not in os.environ
