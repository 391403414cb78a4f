"""The small state files: two writers lose nothing, and a damaged one is made anew and told of."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_assets.lifecycle.known import load_states, remember
from ml_assets.lifecycle.state import ModelState
from ml_assets.settings import Settings
from ml_assets.store.json_file import read_json
from ml_assets_tests.support.damage import RECIPE, START, write
from ml_assets_tests.support.processes import processes
from ml_assets_tests.support.registry_workers import remember_all

WRITERS = 20


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", recipes=())


@pytest.fixture
def elsewhere(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "else where"
    folder.mkdir()
    for n in range(WRITERS):
        write(folder, f"m{n}", RECIPE.format(name=f"m{n}"), rows=None)
    return sorted(folder.glob("*.yaml"))


def names(settings: Settings) -> set[str]:
    states, faults = load_states(settings)
    assert not faults
    return {state.name for state in states}


def test_many_writers_lose_nothing(settings: Settings, elsewhere: list[Path]) -> None:
    context = processes()
    barrier = context.Barrier(4)
    writers = [
        context.Process(target=remember_all, args=(settings.home, elsewhere[n::4], barrier)) for n in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * len(writers)
    assert names(settings) == {path.stem for path in elsewhere}


@pytest.mark.parametrize(
    ("spoil", "left"),
    [
        (lambda text: text[: len(text) // 2], 2),
        (lambda text: text[:-1], 6),
        (lambda text: text.replace(b"[", b"{", 1), 6),
        (lambda text: text + b"\xff\x00", 6),
        (lambda text: text.replace(b'"', b"'", 1), 0),
        (lambda text: text.replace(b",", b" ", 1), 6),
    ],
)
def test_a_damaged_list_is_made_anew_and_told_of_once(
    settings: Settings,
    elsewhere: list[Path],
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[bytes], bytes],
    left: int,
) -> None:
    for path in elsewhere[:6]:
        remember(settings, path)
    place = settings.known_recipes
    damaged = spoil(place.read_bytes())
    place.write_bytes(damaged)
    found = names(settings)
    assert len(found) >= left
    assert found <= {path.stem for path in elsewhere[:6]}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "recipes.json was damaged" in caplog.text and "train --recipe-file" in caplog.text
    assert place.with_name("recipes.json.damaged").read_bytes() == damaged
    assert names(settings) == found
    assert len(caplog.records) == 1
    remember(settings, elsewhere[9])
    assert names(settings) == found | {elsewhere[9].stem}


@pytest.mark.parametrize(
    "text", ["", "null", "{}", "[1, 2]", '"x"', '["\\u0000"]', "[" * 100_000, '["' + "x" * 5000 + '"]']
)
def test_what_is_no_list_of_files_names_no_model(settings: Settings, text: str) -> None:
    settings.home.mkdir()
    settings.known_recipes.write_text(text)
    assert names(settings) == set()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda place: place.symlink_to("/dev/zero")])
def test_what_is_no_file_at_all_is_set_aside(settings: Settings, make: Callable[[Path], None]) -> None:
    settings.home.mkdir()
    make(settings.known_recipes)
    assert names(settings) == set()
    assert read_json(settings.known_recipes) == {"recipes": []}


def test_a_recipe_without_the_ending_of_yaml_is_remembered_too(
    settings: Settings, elsewhere: list[Path]
) -> None:
    path = elsewhere[0].rename(elsewhere[0].with_suffix(".txt"))
    remember(settings, path)
    assert names(settings) == {path.stem}


def test_a_file_that_is_away_for_a_while_is_not_forgotten(settings: Settings, elsewhere: list[Path]) -> None:
    remember(settings, elsewhere[0])
    text = elsewhere[0].read_bytes()
    elsewhere[0].unlink()
    remember(settings, elsewhere[1])
    elsewhere[0].write_bytes(text)
    assert names(settings) == {elsewhere[0].stem, elsewhere[1].stem}


@pytest.fixture
def state(tmp_path: Path) -> ModelState:
    folder = tmp_path / "recipes"
    folder.mkdir()
    write(folder, "elm", RECIPE.format(name="elm").replace(START, ""))
    (state,), _ = load_states(Settings(home=tmp_path / "home", recipes=(folder,)))
    return state


@pytest.mark.parametrize(
    "text",
    [
        *(None, b"a folder", b"a pipe", b"", b"[]", b"null", b"\xff"),
        *(b'{"column": "day", "per', b'{"column": "day"}'),
        b'{"column": "day", "period": "daily", "first": "2024-13-01"}',
        b'{"column": "day", "period": "daily", "first": 7}',
    ],
)
@pytest.mark.parametrize("taken_in", [True, False])
def test_a_damaged_calendar_is_made_anew(
    state: ModelState, text: bytes | None, taken_in: bool, caplog: pytest.LogCaptureFixture
) -> None:
    assert state.known_first_batch() is None
    assert state.first_batch() == "2024-01-01"
    if taken_in:
        import pandas as pd

        for batch in ("2024-01-02", "2024-01-03"):
            state.store.write_frame("raw_data", batch, pd.DataFrame({"x": [1]}))
    place = state.folder / "calendar.json"
    place.unlink()
    if text == b"a folder":
        place.mkdir()
    elif text == b"a pipe":
        os.mkfifo(place)
    elif text is not None:
        place.write_bytes(text)
    assert state.known_first_batch() == ("2024-01-02" if taken_in else None)
    assert ("is made anew: it begins with 2024-01-02" in caplog.text) is taken_in
    assert ("is damaged; it is kept as calendar.json.damaged" in caplog.text) is (text is not None)
    assert state.first_batch() == state.known_first_batch() == ("2024-01-02" if taken_in else "2024-01-01")
    assert set(read_json(place)) == {"column", "period", "first"}
