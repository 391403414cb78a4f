"""Which batches a training of the graph learns from."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.trust.streams import made_recipe, made_rows
from ml_assets.lifecycle.split import split_step
from ml_assets.lifecycle.state import ModelState
from ml_assets.records import DriftReport
from ml_assets.settings import Settings


@pytest.fixture
def state(tmp_path: Path) -> ModelState:
    """Eight days; days 3 and 4 came from a broken feed. Labels are one day late."""
    recipe = made_recipe(4, 2, 1)
    given = ModelState(recipe, tmp_path / "made.yaml", Settings(home=tmp_path / "home", recipes=()))
    for place, (batch, frame) in enumerate(made_rows(8, 60, 0).items()):
        given.store.write_frame("cleaned_features", batch, frame)
        report = DriftReport(
            batch=batch,
            champion_version=1,
            status="fault" if place in (3, 4) else "ok",
            rows=60,
            reference_rows=60,
            share=0.0,
        )
        if place:  # the first day came before the first model
            given.store.write_record("drift_report", batch, report)
    return given


def days(state: ModelState, *places: int) -> list[str]:
    return [state.store.batches("cleaned_features")[place] for place in places]


def test_training_by_itself_learns_no_broken_feed(state: ModelState) -> None:
    (newest,) = days(state, 7)
    assert state.window(newest) == days(state, 3, 4, 5, 6)
    assert state.window(newest, healthy=True) == days(state, 1, 2, 5, 6)
    split_step(state, newest, healthy=True)
    learned = {
        batch
        for asset in ("training_set", "test_set")
        for batch in state.store.read_frame(asset, newest)["batch__"]
    }
    assert learned == set(days(state, 1, 2, 5, 6))


def test_training_by_hand_learns_what_a_person_wants_learned(state: ModelState) -> None:
    (newest,) = days(state, 7)
    split_step(state, newest)
    assert set(state.store.read_frame("training_set", newest)["batch__"]) & set(days(state, 3, 4))
