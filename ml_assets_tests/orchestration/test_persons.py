"""What persons say reaches the sensor: suggestions, pauses, wishes, and challengers that wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.asked import asked_words, under_way
from ml_assets.orchestration.history import read_history
from ml_assets.orchestration.model_status import model_status
from ml_assets.recipe.loading import load_recipe
from ml_assets.registry import persons
from ml_assets.settings import Settings
from ml_assets_tests.orchestration.test_sensor import RECIPE, Desk, asked, day, decisions, skipped


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A champion, and enough drift for a retrain."""
    path = tmp_path / "tide.yaml"
    mode = getattr(request, "param", "automatic")
    path.write_text(RECIPE.replace("max_age: off}", f"max_age: off, mode: {mode}}}"))
    settings = Settings(home=tmp_path / "home", recipes=(tmp_path,))
    with dg.DagsterInstance.ephemeral() as instance:
        desk = Desk(ModelState(load_recipe(path), path, settings), instance)
        desk.crown(1, 0)
        desk.arrive(1)
        desk.arrive(2, drifted=True)
        desk.arrive(3, drifted=True)
        yield desk


@pytest.mark.parametrize("desk", ["suggest"], indirect=True)
def test_a_suggestion_is_told_once_and_trains_nothing_until_a_person_asks(desk: Desk) -> None:
    for _ in range(3):
        assert "`ml-assets retrain tide REASON` trains" in skipped(desk.tick(), "suggested")
    assert decisions(desk, "suggest") == 1 and decisions(desk, "retrain") == 0
    told = [entry.record["event"] for entry in desk.state.ledger.entries("tide", "alert")]
    assert told == ["suggested"]
    persons.ask(desk.state.ledger, "tide", actor="ann", reason="the shops changed", batch=day(3))
    request = asked(desk.tick())
    assert "asked for by ann: the shops changed" in request.tags["ml_assets/reason"]
    assert request.tags["ml_assets/as_of"] == day(3)
    assert asked(desk.tick()).run_key == request.run_key
    desk.run(DagsterRunStatus.STARTED, request)
    assert "in flight" in skipped(desk.tick(), "in_flight")


@pytest.mark.parametrize("desk", ["off"], indirect=True)
def test_mode_off_is_off(desk: Desk) -> None:
    assert "retraining.mode: off" in skipped(desk.tick(), "disabled")


def test_a_pause_holds_until_it_is_resumed_or_over(desk: Desk) -> None:
    asked(desk.tick())
    persons.pause(desk.state.ledger, "tide", actor="ann", reason="holidays", days=None)
    assert "paused until it is resumed by ann: holidays" in skipped(desk.tick(), "paused")
    persons.resume(desk.state.ledger, "tide", actor="ann", reason="back")
    asked(desk.tick())
    persons.pause(desk.state.ledger, "tide", actor="ann", reason="a nap", days=1e-9)
    asked(desk.tick())


def test_while_a_challenger_waits_no_other_takes_its_place(desk: Desk) -> None:
    desk.state.store.write_record("cleaned_features", day(3), persons_record())
    desk.state.ledger.append(
        "tide", "waits", actor="sensor", reason="better", from_version=1, to_version=2, batch=day(3)
    )
    assert "version 2 waits for an approval" in skipped(desk.tick(), "waits")
    told = [entry.record["event"] for entry in desk.state.ledger.entries("tide", "alert")]
    assert told == ["approval"]
    request = persons.waiting(desk.state.ledger, "tide")
    assert request is not None
    persons.answer(desk.state.ledger, request, "refuse", actor="ann", reason="no")
    asked(desk.tick())


def test_a_training_that_waits_or_runs_is_told_in_the_place_of_a_second_one(desk: Desk) -> None:
    def told() -> str:
        return under_way(desk.instance, desk.state)

    assert not told(), "what the policy would begin is no wish"
    persons.ask(desk.state.ledger, "tide", actor="ann", reason="new shops", batch=day(3))
    assert "is asked for since" in told() and "by ann: new shops; the daemon" in told()
    assert "nothing was asked for a second time" in told() and model_status(
        desk.instance, desk.state, datetime.now(UTC)
    ).persons == (asked_words(desk.state, read_history(desk.instance, desk.state)),)
    request = asked(desk.tick())
    run = desk.run(DagsterRunStatus.STARTED, request)
    assert "a training is under way since" in told() and f"run {run.run_id}" in told()
    desk.instance.report_run_failed(run)
    assert "(begun and failed once)" in told()
    for _ in range(2):
        desk.instance.report_run_failed(desk.run(DagsterRunStatus.STARTED, asked(desk.tick())))
    assert not told(), "begun as often as one is: it may be asked for again"


def persons_record() -> persons.Said:
    """Any record: what was taken in is no matter here."""
    return persons.Said()
