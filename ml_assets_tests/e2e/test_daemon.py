"""The live system: the real daemon and its code server, on a home of their own."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from dagster import DagsterRunStatus
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus
from dagster._core.storage.tags import PARTITION_NAME_TAG, RUN_KEY_TAG

from ml_assets.names import ARRIVAL_TAG, TRAINING_TAG
from ml_assets.registry import champions
from ml_assets_tests.support.daemons import running_daemon
from ml_assets_tests.support.places import (
    BATCH_RECIPE,
    check_ledger,
    check_store,
    day,
    make_place,
    mlflow_statuses,
    wait_for,
)

LIVE_RECIPE = BATCH_RECIPE.replace(", start: 2024-01-01, end: 2024-02-01", "")
SUCCESS, STARTED = DagsterRunStatus.SUCCESS, DagsterRunStatus.STARTED
DRIFTED = 3
SOON = 120
"""Seconds within which what arrives is taken in."""


def ticks(instance: dg.DagsterInstance, sensor: str) -> list[InstigatorTick]:
    """Finished ticks of a sensor, newest first."""
    for known in instance.all_instigator_state():
        if known.instigator_name == sensor:
            found = instance.get_ticks(known.instigator_origin_id, known.selector_id)
            return [tick for tick in found if tick.status != TickStatus.STARTED]
    return []


def trainings(instance: dg.DagsterInstance, name: str) -> list[dg.DagsterRun]:
    return instance.get_runs(dg.RunsFilter(tags={TRAINING_TAG: name}))


def arrived(instance: dg.DagsterInstance, name: str) -> list[tuple[str, DagsterRunStatus]]:
    """Batches that the daemon took in by itself, and how each run ended, oldest run first."""
    runs = instance.get_runs(dg.RunsFilter(tags={ARRIVAL_TAG: name}))
    return [(run.tags[PARTITION_NAME_TAG], run.status) for run in reversed(runs)]


def test_drifted_batch_is_retrained_once_through_a_restart_of_the_daemon(
    tmp_path: Path, mlflow_template: Path
) -> None:
    place = make_place(tmp_path / "live", LIVE_RECIPE, mlflow_template)
    for number in range(DRIFTED):
        place.write(number)
    walked = place.command("backfill", place.name, "--to", day(DRIFTED - 1))
    assert [row["promoted"] for row in walked["batches"]] == [None, 1, None]
    sensor = f"{place.name}_retrain"

    with place.instance() as instance, running_daemon(place) as daemon:
        before = {run.run_id for run in instance.get_runs()}
        quiet = wait_for(lambda: ticks(instance, sensor)[1:], 120, "two ticks of the sensor")
        assert all(tick.skip_reason.startswith("no lasting change: drift share 0") for tick in quiet)
        # The overview is made once at the first look at a home; nothing is asked of the model.
        jobs = {run.job_name for run in instance.get_runs() if run.run_id not in before}
        assert jobs <= {"model_overview_job"}
        daemon.note_children()

        place.write(DRIFTED, drifted=True)

        def retrain() -> list[dg.DagsterRun]:
            found = [run for run in trainings(instance, place.name) if run.run_id not in before]
            return [run for run in found if run.status == DagsterRunStatus.STARTED or run.is_finished]

        (run,) = wait_for(retrain, 180, "a retrain that has started")
        daemon.kill()  # while the training is under way
        daemon.start()
        wait_for(lambda: retrain()[0].is_finished, 180, "the end of the retrain")
        ended = instance.get_run_record_by_id(run.run_id)
        assert ended is not None and ended.end_time is not None
        assert ended.dagster_run.status == DagsterRunStatus.SUCCESS

        def later() -> list[InstigatorTick]:
            return [tick for tick in ticks(instance, sensor) if tick.timestamp > float(ended.end_time or 0)]

        wait_for(lambda: later()[2:], 120, "three ticks after the retrain")
        assert arrived(instance, place.name) == [(day(DRIFTED), SUCCESS)]
        assert all("no report speaks of champion 2 yet" in (tick.skip_reason or "") for tick in later())
        assert [r.run_id for r in trainings(instance, place.name) if r.run_id not in before] == [run.run_id]
        daemon.note_children()

    # The run carries its evidence; the ledger has the same decision.
    key = f"{place.name}:{day(DRIFTED)}:v1:a0"
    assert run.tags[RUN_KEY_TAG] == run.tags["ml_assets/decision"] == key
    assert run.tags["ml_assets/as_of"] == day(DRIFTED)
    assert re.search(
        r"drift share 0.5 > 0.1|live metric \S+ surely worse than \S+ on the hold-out",
        run.tags["ml_assets/reason"],
    )
    state = place.state
    asked = [
        e for e in state.ledger.entries(place.name, "retrain_decision") if e.record["action"] == "retrain"
    ]
    assert [e.reason for e in asked] == [run.tags["ml_assets/reason"]]

    # One new champion, in the ledger as in the registry; MLflow has the run with its trainings in it.
    assert champions.champions(state.ledger, place.name) == (1, 2)
    check_ledger(state)
    check_store(state)
    champion = state.registry.champion(place.name)
    assert champion is not None and champion.version == 2 and champion.as_of == day(DRIFTED)
    state.registry.files.load(place.name, 2)
    mlflow = mlflow_statuses(state, run.run_id)
    assert mlflow["parent"] == "FINISHED" and len(mlflow) > 1 and set(mlflow.values()) == {"FINISHED"}


@pytest.mark.slow
def test_what_arrives_is_taken_in_once_and_in_order_whatever_is_killed(
    tmp_path: Path, mlflow_template: Path
) -> None:
    recipe = LIVE_RECIPE.replace("retraining: {", "retraining: {enabled: false, ")
    place = make_place(tmp_path / "live", recipe, mlflow_template)
    for number in (2, 3):
        place.write(number)
    place.command("validate", str(place.recipe))
    half = place.recipe.parent / f"{day(3)}.csv"
    whole = half.read_text()
    half.write_text("".join(whole.splitlines(keepends=True)[:101]))
    done: list[str] = []

    def taken_in(*batches: str) -> None:
        """Wait until these batches, and no others, have been taken in since."""
        done.extend(batches)

        def taken() -> list[str]:
            return [batch for batch, status in arrived(instance, place.name) if status == SUCCESS]

        wait_for(lambda: len(taken()) >= len(done), SOON * len(batches), f"the arrival of {batches}")
        assert taken() == done
        daemon.note_children()

    with place.instance() as instance, running_daemon(place) as daemon:
        taken_in(day(2), day(3))  # two at once
        half.write_text(whole)  # late rows
        place.write(0)  # older than all: the daemon knows another calendar
        wait_for(lambda: (day(0), STARTED) in arrived(instance, place.name), SOON, "a run that has started")
        daemon.kill_all()
        assert arrived(instance, place.name)[-1] == (day(0), STARTED)
        daemon.start()
        taken_in(day(0), day(3))
        assert [b for b, status in arrived(instance, place.name) if status != SUCCESS] == [day(0)]
        half.write_text(whole)  # the same again
        corrected = place.recipe.parent / f"{day(2)}.csv"
        corrected.write_text(corrected.read_text().replace(",yes", ",no", 5))
        place.write(4)
        taken_in(day(2), day(4))

    state = place.state
    for number in (0, 2, 3, 4):
        raw = state.store.read_frame("raw_data", day(number))
        sent = pd.read_csv(place.recipe.parent / f"{day(number)}.csv")
        assert (len(raw), (raw["y"] == "yes").sum()) == (300, (sent["y"] == "yes").sum())
    check_store(state)
    told = [
        entry
        for entry in state.ledger.entries(place.name, "alert")
        if entry.record["event"] == "missing_batch"
    ]
    assert [entry.batch for entry in told] == [day(4)]  # since it was first looked at, and never after day 4
