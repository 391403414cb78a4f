"""Runs that fail, are interrupted, come without tags, or come twice at once."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from dagster import DagsterRunStatus

from ml_assets.orchestration.run_seal import SEAL_TAG, is_changed
from ml_assets.registry import champions
from ml_assets_tests.support.places import (
    STATIC_RECIPE,
    Place,
    check_ledger,
    check_store,
    make_place,
    mlflow_statuses,
    wait_for,
)

ASSETS = [
    "trained_model",
    "evaluation_report",
    "champion",
    "predictions",
    "drift_report",
    "performance_report",
]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path) -> Place:
    """A place with a static table and no model."""
    place = make_place(tmp_path_factory.mktemp("failed") / "first", STATIC_RECIPE, mlflow_template)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(400, 3)), columns=["a", "b", "c"])
    frame["y"] = np.where(frame["a"] + rng.normal(size=400) > 0, "yes", "no")
    frame.to_csv(place.recipe.parent / "rows.csv", index=False)
    with place.instance():
        pass  # makes Dagster's databases
    return place


def only_run(place: Place) -> dg.DagsterRun:
    with place.instance() as instance:
        (run,) = instance.get_runs()
    return run


def test_missed_target_is_a_failed_run_in_dagster_and_in_mlflow(empty: Place, tmp_path: Path) -> None:
    place = empty.copy(tmp_path / "copy")
    place.recipe.write_text(STATIC_RECIPE + "evaluation: {targets: {roc_auc: 0.999}}\n")
    answer = place.command("train", "--recipe-file", str(place.recipe), code=1)
    assert "roc_auc" in answer["error"] and "0.999" in answer["error"]
    run = only_run(place)
    assert run.status == DagsterRunStatus.FAILURE
    mlflow = dict(mlflow_statuses(place.state, run.run_id))
    assert mlflow.pop("parent") == "FAILED"
    assert set(mlflow.values()) == {"FINISHED"}  # the training itself went well
    assert place.state.registry.champion(place.name) is None
    assert not place.state.registry.versions(place.name)


SECONDS = 600
"""Each database is waited for, half a minute each time; the machine may be busy."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "database",
    [
        "ledger.db",
        "mlflow.db",
        "dagster/history/runs.db",
        "dagster/history/runs/index.db",
    ],
)
def test_a_locked_database_is_told_in_one_line(empty: Place, tmp_path: Path, database: str) -> None:
    """Whatever of a home another process holds, the one line names it."""
    place = empty.copy(tmp_path / "copy")
    with closing(sqlite3.connect(place.home / database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with place.start("train", "--recipe-file", str(place.recipe), "--json") as process:
            out, err = process.output(SECONDS)
            assert process.returncode == 1 and "Traceback" not in err, err
            told = json.loads(out.splitlines()[-1])["error"]
            assert told.startswith(f"{place.home / database}: database is locked: another process holds it")
            assert "\n" not in told
    place.command("train", "--recipe-file", str(place.recipe))  # once that has ended, all is well


def test_a_lock_on_what_a_training_only_reads_is_no_hindrance(empty: Place, tmp_path: Path) -> None:
    """The ticks of sensors are the daemon's to write."""
    place = empty.copy(tmp_path / "copy")
    with closing(
        sqlite3.connect(place.home / "dagster/schedules/schedules.db", isolation_level=None)
    ) as other:
        other.execute("BEGIN EXCLUSIVE")
        place.command("train", "--recipe-file", str(place.recipe))
    assert champions.champions(place.state.ledger, place.name) == (1,)


def test_interrupted_run_is_no_finished_run_anywhere(empty: Place, tmp_path: Path) -> None:
    place = empty.copy(tmp_path / "copy")
    forest = "class_path: sklearn.ensemble.RandomForestClassifier\n  hyperparameters: {n_estimators: 20000}"
    slow = STATIC_RECIPE.replace(
        "class_path: sklearn.linear_model.LogisticRegression\n  hyperparameters: {C: 1.0}", forest
    )
    assert slow != STATIC_RECIPE
    place.recipe.write_text(slow)
    with place.start("train", "--recipe-file", str(place.recipe)) as process:
        with place.instance() as instance:

            def training() -> Any:
                return (
                    instance.get_records_for_run(
                        instance.get_runs()[0].run_id, of_type=dg.DagsterEventType.STEP_START
                    ).records[3:]
                    if instance.get_runs()
                    else []
                )

            wait_for(training, 60, "the training step")
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(60) != 0
    run = only_run(place)
    assert run.status in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
    assert mlflow_statuses(place.state, run.run_id)["parent"] in ("FAILED", "KILLED")


def test_materialize_all_without_tags_makes_a_champion(empty: Place, tmp_path: Path) -> None:
    place = empty.copy(tmp_path / "copy")
    place.dagster("asset", "materialize", "-m", "ml_assets.definitions", "--select", "group:reef")
    run = only_run(place)
    assert run.status == DagsterRunStatus.SUCCESS
    assert {tag for tag in run.tags if tag.startswith("ml_assets/")} == {"ml_assets/process"}
    assert run.tags[SEAL_TAG].startswith(run.run_id) and not is_changed(run)
    with place.instance() as instance:
        known = {
            asset: instance.get_latest_materialization_event(dg.AssetKey(["reef", asset])) for asset in ASSETS
        }
    assert all(known.values()), known
    assert champions.champions(place.state.ledger, place.name) == (1,)
    check_ledger(place.state)
    mlflow = mlflow_statuses(place.state, run.run_id)
    assert mlflow["parent"] == "FINISHED" and len(mlflow) > 1 and set(mlflow.values()) == {"FINISHED"}


@pytest.mark.parametrize("assets", ["reef/raw_data", "model_overview"])
def test_every_run_names_its_process(empty: Place, tmp_path: Path, assets: str) -> None:
    place = empty.copy(tmp_path / "copy")
    place.dagster("asset", "materialize", "-m", "ml_assets.definitions", "--select", assets)
    run = only_run(place)
    host, pid, started, run_id = run.tags["ml_assets/process"].split(":")
    assert host == socket.gethostname() and pid.isdigit() and started.isdigit() and run_id == run.run_id


def test_two_trainings_at_once_do_not_disturb_each_other(empty: Place, tmp_path: Path) -> None:
    place = empty.copy(tmp_path / "copy")
    command = ("train", "--recipe-file", str(place.recipe), "--json")
    with place.start(*command) as first, place.start(*command) as second:
        processes = first, second
        answers = [process.output(120) for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes in ([0, 0], [0, 1]), answers
    for process, (out, err) in zip(processes, answers, strict=True):
        assert "Traceback" not in err, err
        answer = json.loads(out.splitlines()[-1])
        if process.returncode:
            assert "is at work on 'reef" in answer["error"] or "in flight" in answer["error"]
    check_ledger(place.state)
    check_store(place.state)
    champion = place.state.registry.champion(place.name)
    assert champion is not None
    place.state.registry.files.load(place.name, champion.version)
    with place.instance() as instance:
        runs = sorted(instance.get_run_records(), key=lambda run: run.start_time or 0)
    assert all(run.dagster_run.status == DagsterRunStatus.SUCCESS for run in runs)
    assert len(runs) == codes.count(0)
    for first, second in itertools.pairwise(runs):
        assert (first.end_time or 0) <= (second.start_time or 0)
