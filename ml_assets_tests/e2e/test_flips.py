"""One byte changed, in every file of a home: refused, made anew, or provably without a meaning."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_assets_tests.support.flips import ask
from ml_assets_tests.support.places import BATCH_RECIPE, Place, make_place
from ml_assets_tests.support.processes import processes

pytestmark = pytest.mark.slow

EACH_DATABASE = 6
"""Places in a database that are changed, one after another; of the log of a single run, which nothing reads, one."""


def _places(path: Path) -> Iterator[int]:
    size = path.stat().st_size
    of_a_run = path.parent.name == "runs" and path.name != "index.db"
    count = EACH_DATABASE if path.suffix == ".db" and not of_a_run else 1
    return (int(size * (number + 0.5) / count) for number in range(count) if size)


def _asked(place: Place) -> tuple[str, object]:
    context = processes()
    answers = context.Queue()
    process = context.Process(target=ask, args=(place.root, place.name, answers))
    process.start()
    answer: tuple[str, object] = answers.get(timeout=240)
    process.join(60)
    return answer


def test_every_file_of_a_home_with_one_byte_changed(tmp_path: Path, mlflow_template: Path) -> None:
    place = make_place(tmp_path / "place", BATCH_RECIPE, mlflow_template)
    for number in range(3):
        place.write(number)
    place.command("backfill", place.name)
    kind, expected = _asked(place)
    assert kind == "said", expected
    shutil.copytree(place.home, tmp_path / "whole")
    outcomes: dict[str, list[str]] = {}
    for path in sorted(p for p in place.home.rglob("*") if p.is_file()):
        name = str(path.relative_to(place.home))
        for at in _places(path):
            content = path.read_bytes()
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            kind, answer = _asked(place)
            told = f": {str(answer)[:90]}"
            if kind == "said":
                mended = not path.exists() or path.read_bytes() == content
                kind, told = "used in silence", ""
                if answer == expected:
                    kind = "made anew" if mended else "without a meaning"
            outcomes.setdefault(kind, []).append(f"{name} at {at}{told}")
            shutil.rmtree(place.home)
            shutil.copytree(tmp_path / "whole", place.home)
    for kind, names in outcomes.items():
        print(f"\n{kind}: {len(names)}", *names, sep="\n  ", flush=True)  # noqa: T201 - the list is the result
    assert not outcomes.get("used in silence")
    assert not outcomes.get("bug")
