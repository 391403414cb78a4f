"""Batches taken in without Dagster: in whatever order they come."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pandas as pd
import pytest

from ml_assets.lifecycle.accepted import Accepted
from ml_assets.lifecycle.intake import clean_step, raw_step
from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe.loading import load_recipe
from ml_assets.settings import Settings
from ml_assets_tests.support.tide import MODEL

DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")
SPELLED = (("yes", "no"), ("True", "False"), ("1", "0"))


@pytest.fixture
def state(tmp_path: Path) -> ModelState:
    path = tmp_path / "tide.yaml"
    path.write_text(MODEL + "batches: {column: day, period: daily}\nmonitoring: {min_rows: 30}\n")
    return ModelState(load_recipe(path), path, Settings(home=tmp_path / "home", recipes=(tmp_path,)))


def send(state: ModelState, place: int, spelled: tuple[str, str] = ("yes", "no")) -> str:
    """Send a day's rows; but for the day that came first, each has a column that no other has."""
    frame = pd.DataFrame({"a": range(40), "b": "x", "day": DAYS[place]})
    if state.store.batches("raw_data"):
        frame[f"only{place}"] = 1.5
    frame["y"] = [spelled[row % 2] for row in range(40)]
    frame.to_csv(state.path.parent / f"{place}.csv", index=False)
    return DAYS[place]


def take_in(state: ModelState, batch: str) -> None:
    state.calendar()
    assert raw_step(state, batch).problems == []
    clean_step(state, batch)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_labels_have_one_spelling_whichever_day_came_first(state: ModelState, order: tuple[int, ...]) -> None:
    for place in order:
        take_in(state, send(state, place, SPELLED[place]))
    labels = {day: set(state.store.read_frame("cleaned_features", day)["y"]) for day in DAYS}
    assert list(labels.values()) == [set(SPELLED[order[0]])] * 3
    assert state.first_batch() == DAYS[0]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_what_is_taken_in_again_unchanged_changes_nothing(state: ModelState, order: tuple[int, ...]) -> None:
    for place in order:
        take_in(state, send(state, place))
    before = {day: state.store.sha256("cleaned_features", day) for day in DAYS}
    for day in DAYS:
        take_in(state, day)
    assert {day: state.store.sha256("cleaned_features", day) for day in DAYS} == before


def test_batches_read_in_one_run_are_held_against_each_other(state: ModelState) -> None:
    for place in range(3):
        send(state, place)
    path = state.path.parent / "1.csv"
    path.write_text(path.read_text().replace(",x,", ",1.5,"))  # column b: text, then a number, then text
    state.calendar()
    accepted = Accepted(state)
    refused = {day: raw_step(state, day, accepted).problems for day in DAYS}
    assert [bool(problems) for problems in refused.values()] == [False, True, False]
    assert "column 'b' was text in the first batch and is number now" in refused[DAYS[1]][0]


def test_refused_batch_is_not_learned_when_labels_of_others_come(state: ModelState) -> None:
    waiting = state.recipe.monitoring.model_copy(update={"label_delay": 1})
    late = replace(state, recipe=state.recipe.model_copy(update={"monitoring": waiting}))
    for place in range(3):
        send(late, place)
        if place == 1:
            path = late.path.parent / "1.csv"
            path.write_text(path.read_text().replace(",x,", ",1.5,"))
        problems = raw_step(late, DAYS[place]).problems
        if not problems:
            clean_step(late, DAYS[place])
    assert late.store.batches("cleaned_features") == [DAYS[0], DAYS[2]]
