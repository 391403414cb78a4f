"""`kill -9` at every moment of a training or a walk, then the same command again."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from ml_assets.registry.ledger import Ledger
from ml_assets_tests.support.places import (
    BATCH_RECIPE,
    Place,
    check_ledger,
    check_store,
    day,
    make_place,
    mlflow_statuses,
    wait_for,
)

QUIET, DRIFTED, LAST = 2, 3, 4
"""Days 0 to 2 are quiet; 3 and 4 are drifted."""


@pytest.fixture(scope="module")
def with_champion(tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path) -> Place:
    """A place with a champion, and a drifted day that has not been taken in."""
    place = make_place(tmp_path_factory.mktemp("kill") / "first", BATCH_RECIPE, mlflow_template)
    for number in range(QUIET + 1):
        place.write(number)
    walked = place.command("backfill", place.name)
    assert [row["promoted"] for row in walked["batches"]] == [None, 1, None]
    place.write(DRIFTED, drifted=True)
    return place


def runs_of(place: Place) -> set[str]:
    """Ids of Dagster runs, by the files of their events."""
    folder = place.settings.dagster_home / "history" / "runs"
    return {path.stem for path in folder.glob("*-*.db")}


def step_started(place: Place, step: str, before: set[str]) -> bool:
    """Whether a run that is not one of those before has started a step; reads and changes nothing."""
    for run in runs_of(place) - before:
        path = place.settings.dagster_home / "history" / "runs" / f"{run}.db"
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                found = connection.execute(
                    "SELECT 1 FROM event_logs WHERE step_key = ? AND dagster_event_type = 'STEP_START'",
                    (f"{place.name}__{step}",),
                ).fetchone()
        except sqlite3.OperationalError:  # the file is being made
            continue
        if found:
            return True
    return False


def promotions(ledger: Ledger, state: str) -> int:
    """Number of the ledger's promotions in a state."""
    return sum(entry.state == state for entry in ledger.entries(kind="promote"))


def moment(place: Place, name: str) -> Callable[[], bool]:
    """Condition that becomes true when a moment of a training has come."""
    if name.startswith("promotion"):
        ledger, state = place.state.ledger, "intent" if name == "promotion intended" else "done"
        count = promotions(ledger, state)
        return lambda: promotions(ledger, state) > count
    if name == "report written":  # the store has it, the event log has not yet
        store = place.state.store
        return lambda: store.has("performance_report", day(DRIFTED))
    before = runs_of(place)
    return lambda: step_started(place, name, before)


def kill_at(place: Place, name: str, *arguments: str) -> None:
    """Start a command and kill it, with all its children, at a moment."""
    reached = moment(place, name)
    with place.start(*arguments) as process:
        wait_for(lambda: reached() or process.returncode is not None, 60, name, every=0.002)
        assert process.returncode is None, process.output()
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL


def newest_run(place: Place) -> dg.DagsterRun:
    with place.instance() as instance:
        return instance.get_runs(limit=1)[0]


MOMENTS = [
    "raw_data",
    "cleaned_features",
    "split",
    "trained_model",
    "evaluation_report",
    "champion",
    "promotion intended",
    "promotion done",
]


SELDOM = {"cleaned_features", "trained_model", "evaluation_report", "promotion intended"}
"""Moments like one beside them, tried among the slow tests."""


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=[pytest.mark.slow] * (each in SELDOM)) for each in MOMENTS]
)
def test_killed_training_leaves_a_champion_and_the_same_command_succeeds(
    with_champion: Place, tmp_path: Path, name: str
) -> None:
    place = with_champion.copy(tmp_path / "copy")
    command = ("train", "--recipe-file", str(place.recipe))
    kill_at(place, name, *command)

    state = place.state
    champion = state.registry.champion(place.name)
    assert champion is not None
    changed = champion.version != 1
    assert champion.version in (1, 2)
    assert not changed if name in MOMENTS[:5] else changed or name != "promotion done"
    state.registry.files.load(place.name, champion.version)  # verifies the hash
    check_store(state)
    killed = newest_run(place)
    assert killed.status in (DagsterRunStatus.STARTED, DagsterRunStatus.NOT_STARTED)

    result = place.command(*command)
    check_ledger(state)
    check_store(state)
    after = state.registry.champion(place.name)
    assert after is not None
    if changed:  # judged against itself: the same rows, the same parameters
        assert not result["promoted"] and after.version == 2
    else:
        assert result["promoted"] and after.version == result["version"]
    state.registry.files.load(place.name, after.version)
    with place.instance() as instance:
        dead = instance.get_run_by_id(killed.run_id)
        assert dead is not None and dead.status == DagsterRunStatus.FAILURE
        slots = instance.event_log_storage.get_concurrency_info(f"{place.name}_training")
        assert not slots.claimed_slots and not slots.pending_steps
    mlflow = mlflow_statuses(state, killed.run_id)
    assert mlflow.get("parent", "FAILED") == "FAILED"
    assert "RUNNING" not in mlflow.values()
    assert mlflow_statuses(state, result["dagster_run_id"])["parent"] == "FINISHED"


@pytest.fixture(scope="module")
def half_walked(with_champion: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place where two days have not been walked through yet."""
    place = with_champion.copy(tmp_path_factory.mktemp("walk") / "half")
    place.write(LAST, drifted=True)
    return place


@pytest.fixture(scope="module")
def uninterrupted(half_walked: Place, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an uninterrupted walk says."""
    walked = half_walked.copy(tmp_path_factory.mktemp("walk") / "whole").command("backfill", half_walked.name)
    assert [row["decision"] for row in walked["batches"]] == ["none", "none", "none", "retrain", "none"]
    assert [row["promoted"] for row in walked["batches"]] == [None, 1, None, 2, None]
    return walked


@pytest.mark.parametrize(
    "name",
    [
        "drift_report",
        pytest.param("report written", marks=pytest.mark.slow),
        pytest.param("trained_model", marks=pytest.mark.slow),
        pytest.param("promotion done", marks=pytest.mark.slow),
    ],
)
def test_killed_walk_goes_on_as_if_nothing_had_happened(
    half_walked: Place, uninterrupted: dict[str, Any], tmp_path: Path, name: str
) -> None:
    place = half_walked.copy(tmp_path / "copy")
    kill_at(place, name, "backfill", place.name)
    check_store(place.state)
    walked = place.command("backfill", place.name)
    assert walked == uninterrupted
    check_ledger(place.state)
    with place.instance() as instance:
        assert not instance.get_runs(dg.RunsFilter(statuses=[DagsterRunStatus.STARTED]))
        failed = instance.get_runs(dg.RunsFilter(statuses=[DagsterRunStatus.FAILURE]))
    assert len(failed) == 1
    assert "RUNNING" not in mlflow_statuses(place.state, failed[0].run_id).values()
    assert day(LAST) == walked["batches"][-1]["batch"]
