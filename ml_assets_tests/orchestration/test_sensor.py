"""The retrain sensor: events and runs are reported by hand, and it says what it makes of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
import sqlalchemy as sa
from dagster import DagsterRunStatus
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    TickData,
    TickStatus,
)
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster._core.test_utils import create_run_for_test, instance_for_test

from ml_assets.lifecycle.alerts import SOURCE
from ml_assets.lifecycle.state import Busy, ModelState, locked
from ml_assets.names import PROCESS_TAG, RULE_TAG, TRAINING_TAG
from ml_assets.orchestration.location import definitions_of, failed_run_alert
from ml_assets.orchestration.model_status import _lasts
from ml_assets.orchestration.reaper import process_tag, reap, tidy_up
from ml_assets.orchestration.standing import standing_instance
from ml_assets.orchestration.taking_in import wait_for_looks
from ml_assets.orchestration.walk import Walker, _ask_sensor
from ml_assets.recipe import RecipeError
from ml_assets.recipe.loading import load_recipe
from ml_assets.recipe.schema import Budget
from ml_assets.records import DriftReport, PerformanceReport, Record, Score, TrainedModel, TrainingResult
from ml_assets.records.costs import StepCost
from ml_assets.records.retraining import RULES_IN_WORDS
from ml_assets.registry import costs, persons
from ml_assets.registry.ledger import Ledger
from ml_assets.settings import Settings
from ml_assets_tests.support.tide import MODEL

RECIPE = (
    MODEL
    + """\
batches: {column: day, period: daily, start: 2024-01-01}
training: {first: 2}
monitoring: {min_rows: 100}
retraining: {breaches: {k: 2, n: 3}, cooldown: 0, circuit_breaker: 3, growth: null, max_age: off}
"""
)

ORIGIN = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("ml_assets"), repository_name="__repository__")
"""Where a run that waits in the queue comes from; Dagster wants to know."""


def day(number: int) -> str:
    return f"2024-01-{number + 1:02d}"


@dataclass
class Desk:
    """A model on an instance to which events are reported by hand."""

    state: ModelState
    instance: dg.DagsterInstance

    @cached_property
    def repository(self) -> dg.RepositoryDefinition:
        """The definitions, made once as in a code server."""
        return definitions_of([self.state], [], self.state.settings).get_repository_def()

    def tick(self) -> dg.RunRequest | str:
        """What the sensor asks for, or why it does not."""
        with dg.build_sensor_context(instance=self.instance, repository_def=self.repository) as context:
            data = self.repository.get_sensor_def("tide_retrain").evaluate_tick(context)
        if data.run_requests:
            (request,) = data.run_requests
            return request
        assert data.skip_message is not None
        return data.skip_message

    def report(self, asset: str, batch: str, **metadata: Any) -> None:
        key = dg.AssetKey([self.state.name, asset])
        event = dg.AssetMaterialization(key, partition=batch, metadata=metadata)
        self.instance.report_runless_asset_event(event)

    def arrive(
        self, number: int, *, drifted: bool = False, version: int = 1, faults: tuple[str, ...] = ()
    ) -> None:
        """A batch arrives: its reports speak of a champion; 0 means that there is none. Drift does some harm."""
        batch = day(number)
        self.report("cleaned_features", batch, labelled_rows=300)
        drift = DriftReport(
            batch=batch,
            champion_version=version or None,
            status="no_champion" if not version else "fault" if faults else "drift" if drifted else "ok",
            rows=300,
            reference_rows=1000 if version else 0,
            share=0.5 if drifted else 0.0,
            faults=faults,
        )
        holdout = Score(value=0.9, low=0.88, high=0.92)
        score = Score(value=0.87, low=0.85, high=0.89) if drifted else holdout
        live = PerformanceReport(
            batch=batch,
            scored_batch=batch if version else None,
            champion_version=version or None,
            status="ok" if version else "no_champion",
            metric="roc_auc",
            direction="maximize",
            rows=300,
            coverage=1.0,
            score=score if version else None,
            holdout=holdout if version else None,
            p_value=0.002 if drifted else 0.5,
        )
        for asset, record in (("drift_report", drift), ("performance_report", live)):
            self.report(asset, batch, record=shown(record))

    def crown(self, version: int, number: int) -> None:
        """A version trained at a batch becomes champion, in the ledger."""
        training = TrainingResult(
            class_path="sklearn.linear_model.LogisticRegression",
            params={},
            metric="roc_auc",
            direction="maximize",
            cv_scores=(),
            rows=300,
            features=("a",),
            excluded={},
            classes=("no", "yes"),
            random_state=42,
            seconds=0.1,
        )
        trained = TrainedModel(
            recipe="tide",
            as_of=day(number),
            batches=(day(number),),
            run_id=f"run{version}",
            model_uri=f"models:/m-{version}",
            sha256="0",
            recipe_sha256="0",
            data_sha256="0",
            trained_at="2024-02-01T00:00:00+00:00",
            training=training,
        )
        record = {"trained": trained.model_dump(), "evaluation": None, "files": {}}
        ledger = self.state.ledger
        ledger.append("tide", "train", actor="test", reason="trained", to_version=version, record=record)
        ledger.append("tide", "promote", actor="test", reason="better", to_version=version, batch=day(number))

    def run(self, status: DagsterRunStatus, request: dg.RunRequest, **tags: str) -> dg.DagsterRun:
        """The run that the daemon makes of a request."""
        job = str(request.job_name)
        return create_run_for_test(
            self.instance,
            job,
            status=status,
            tags={**request.tags, **tags},
            remote_job_origin=ORIGIN.get_job_origin(job),
        )


def shown(record: Record) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.json(record.model_dump(mode="json"))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    path = tmp_path / "tide.yaml"
    path.write_text(RECIPE)
    settings = Settings(home=tmp_path / "home", recipes=(tmp_path,))
    state = ModelState(load_recipe(path), path, settings)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Desk(state, instance)


@pytest.fixture
def drifted(desk: Desk) -> Desk:
    """A champion, a quiet batch, and two drifted ones: enough for a retrain."""
    desk.crown(1, 0)
    desk.arrive(1)
    desk.arrive(2, drifted=True)
    desk.arrive(3, drifted=True)
    return desk


def asked(answer: dg.RunRequest | str) -> dg.RunRequest:
    assert isinstance(answer, dg.RunRequest), answer
    return answer


def skipped(answer: dg.RunRequest | str, rule: str) -> str:
    assert isinstance(answer, str) and answer.startswith(f"{RULES_IN_WORDS[rule]}: "), answer
    return answer


def decisions(desk: Desk, action: str) -> int:
    entries = desk.state.ledger.entries("tide", "retrain_decision")
    return sum(entry.record["action"] == action for entry in entries)


def test_first_model_waits_for_enough_labelled_batches(desk: Desk) -> None:
    assert "0 of 2 labelled batches" in skipped(desk.tick(), "first_model")
    desk.arrive(0, version=0)
    assert "1 of 2 labelled batches" in skipped(desk.tick(), "first_model")
    desk.arrive(1, version=0)
    request = asked(desk.tick())
    assert request.run_key == f"tide:{day(1)}:v0:a0"


def test_same_batch_reported_again_is_no_second_batch(desk: Desk) -> None:
    for _ in range(3):
        desk.arrive(0, version=0)
    assert "1 of 2 labelled batches" in skipped(desk.tick(), "first_model")


def test_one_drifted_batch_is_not_enough_and_the_reason_says_so(desk: Desk) -> None:
    desk.crown(1, 0)
    desk.arrive(1)
    desk.arrive(2, drifted=True)
    assert "2 of the last 3, the newest among them, are needed" in skipped(desk.tick(), "k_of_n")


def test_a_walk_goes_on_where_the_sensor_says_again_what_it_had_said_before(desk: Desk) -> None:
    """The ledger keeps the first of like decisions, and has another one since: as after a kill and a tick."""
    desk.crown(1, 0)
    desk.arrive(1)
    walker = Walker(desk.state, desk.repository, desk.instance)
    request, said = _ask_sensor(walker)
    assert request is None
    other = said | {"rule": "in_flight", "reasons": ["a run is in flight"]}
    desk.state.ledger.append("tide", "retrain_decision", actor="sensor", reason="other", record=other)
    again = _ask_sensor(walker)
    assert (again[0], again[1]["rule"], again[1]["reasons"]) == (None, said["rule"], said["reasons"])


def test_request_carries_its_evidence(drifted: Desk) -> None:
    request = asked(drifted.tick())
    assert request.run_key == f"tide:{day(3)}:v1:a0"
    assert request.job_name == "tide_train"
    assert request.tags[TRAINING_TAG] == "tide"
    assert request.tags["ml_assets/as_of"] == day(3)
    assert request.tags["ml_assets/decision"] == request.run_key
    assert "drift share 0.5 > 0.1 in 2 of the last 3 batches" in request.tags["ml_assets/reason"]


def test_same_evidence_is_the_same_request_and_one_line_in_the_ledger(drifted: Desk) -> None:
    keys = {asked(drifted.tick()).run_key for _ in range(3)}
    assert len(keys) == 1  # a run key that Dagster has seen makes no second run
    assert decisions(drifted, "retrain") == 1


@pytest.mark.parametrize(
    "status",
    [
        DagsterRunStatus.QUEUED,
        DagsterRunStatus.NOT_STARTED,
        DagsterRunStatus.STARTING,
        DagsterRunStatus.STARTED,
        DagsterRunStatus.CANCELING,
    ],
)
def test_nothing_is_asked_for_while_a_run_is_in_flight(drifted: Desk, status: DagsterRunStatus) -> None:
    drifted.run(status, asked(drifted.tick()))
    assert "a run is in flight since" in skipped(drifted.tick(), "in_flight")


def test_run_started_by_a_click_in_the_web_ui_is_in_flight_too(drifted: Desk) -> None:
    selection = frozenset({dg.AssetKey(["tide", "trained_model"])})
    create_run_for_test(
        drifted.instance, "__ASSET_JOB", status=DagsterRunStatus.STARTED, asset_selection=selection
    )
    skipped(drifted.tick(), "in_flight")


def test_run_of_another_model_is_not_in_flight(drifted: Desk) -> None:
    selection = frozenset({dg.AssetKey(["surge", "trained_model"])})
    status = DagsterRunStatus.STARTED
    create_run_for_test(drifted.instance, "__ASSET_JOB", status=status, asset_selection=selection)
    create_run_for_test(drifted.instance, "surge_train", status=status, tags={TRAINING_TAG: "surge"})
    asked(drifted.tick())


def test_failed_run_is_an_attempt_and_the_circuit_breaks_after_three(drifted: Desk) -> None:
    keys = []
    for _ in range(3):
        request = asked(drifted.tick())
        keys.append(request.run_key)
        drifted.run(DagsterRunStatus.FAILURE, request)
    assert keys == [f"tide:{day(3)}:v1:a{attempt}" for attempt in range(3)]
    assert "the last 3 training runs failed" in skipped(drifted.tick(), "circuit_breaker")


def test_dagster_itself_tries_no_training_again(drifted: Desk) -> None:
    assert drifted.repository.get_job("tide_train").tags[MAX_RETRIES_TAG] == "0"
    assert MAX_RETRIES_TAG not in drifted.repository.get_job("tide_monitor").tags


def test_after_the_gate_spoke_the_same_batch_asks_no_more(drifted: Desk) -> None:
    run = drifted.run(DagsterRunStatus.SUCCESS, asked(drifted.tick()))
    key = dg.AssetKey(["tide", "champion"])
    event = dg.DagsterEvent(
        event_type_value="ASSET_MATERIALIZATION",
        job_name=run.job_name,
        event_specific_data=dg._core.events.StepMaterializationData(
            dg.AssetMaterialization(key, metadata={"outcome": "keep"})
        ),
    )
    drifted.instance.report_dagster_event(event, run.run_id)
    skipped(drifted.tick(), "cooldown")
    drifted.arrive(4, drifted=True)
    assert asked(drifted.tick()).run_key == f"tide:{day(4)}:v1:a0"


def test_run_that_died_after_the_gate_spoke_counts_as_what_the_gate_said(drifted: Desk) -> None:
    run = drifted.run(DagsterRunStatus.STARTED, asked(drifted.tick()))
    drifted.state.ledger.append("tide", "keep", actor="sensor", reason="not better", batch=day(3))
    drifted.instance.report_run_failed(run, "killed")
    skipped(drifted.tick(), "cooldown")


def test_evidence_about_an_older_champion_asks_for_nothing(drifted: Desk) -> None:
    asked(drifted.tick())
    drifted.crown(2, 3)
    assert "champion 2" in skipped(drifted.tick(), "older_champion")
    drifted.arrive(4, version=2)
    skipped(drifted.tick(), "k_of_n")


def test_of_one_table_no_report_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "tide.yaml"
    path.write_text(MODEL)
    state = ModelState(load_recipe(path), path, Settings(home=tmp_path / "home", recipes=(tmp_path,)))
    with dg.DagsterInstance.ephemeral() as instance:
        desk = Desk(state, instance)
        desk.crown(1, 0)
        assert "no batch comes" in skipped(desk.tick(), "one_table")


def test_faulty_batch_is_blocked_whatever_drifted(drifted: Desk) -> None:
    drifted.arrive(4, drifted=True, faults=("column a is empty",))
    assert "column a is empty" in skipped(drifted.tick(), "fault")
    assert decisions(drifted, "blocked") == 1
    drifted.arrive(4, drifted=True)  # the batch was sent again, mended
    assert asked(drifted.tick()).run_key == f"tide:{day(4)}:v1:a0"


def test_sensor_leaves_the_model_to_a_command_at_work(drifted: Desk) -> None:
    program = f"""
from pathlib import Path
from ml_assets.lifecycle.state import locked
from ml_assets_tests.support.tide import MODEL
with locked(Path({str(drifted.state.settings.locks)!r}), {drifted.state.command_lock!r}):
    print("locked", flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None and other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        answer = drifted.tick()
        assert isinstance(answer, str) and "a command (train, backfill) is at work" in answer
        with (
            pytest.raises(Busy, match=r"another process \(\d+\) is at work .* wait until it has ended"),
            locked(drifted.state.settings.locks, drifted.state.command_lock),
        ):
            pass
        other.stdin.close()
    asked(drifted.tick())


@pytest.mark.parametrize("age", [0.0, 1000.0])
def test_a_command_waits_for_a_look_that_began_before_it(desk: Desk, tmp_path: Path, age: float) -> None:
    """What a look asks for is a run only when the look has ended; one that is very old was killed."""
    with instance_for_test(temp_dir=str(tmp_path)) as instance:
        known = InstigatorState(
            ORIGIN.get_instigator_origin("tide_batches"), InstigatorType.SENSOR, InstigatorStatus.RUNNING
        )
        instance.add_instigator_state(known)
        look = instance.create_tick(
            TickData(
                instigator_origin_id=known.instigator_origin_id,
                instigator_name="tide_batches",
                instigator_type=InstigatorType.SENSOR,
                status=TickStatus.STARTED,
                timestamp=time.time() - age,
                selector_id=known.selector_id,
            )
        )
        ended = threading.Timer(1.0, lambda: instance.update_tick(look.with_status(TickStatus.SKIPPED)))
        ended.start()
        wait_for_looks(instance, desk.state)
        assert ended.finished.is_set() == (not age)
        ended.cancel()


# ---- runs whose process was killed


def dead_process(run_id: str) -> str:
    """Tag of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    return f"{socket.gethostname()}:{gone.pid}:1:{run_id}"


def open_run(desk: Desk, tag: str | None, status: DagsterRunStatus, run_id: str) -> dg.DagsterRun:
    tags = {TRAINING_TAG: "tide", "ml_assets/as_of": day(3)} | ({PROCESS_TAG: tag} if tag else {})
    return create_run_for_test(desk.instance, "tide_train", run_id=run_id, status=status, tags=tags)


def status_of(desk: Desk, run: dg.DagsterRun) -> DagsterRunStatus:
    found = desk.instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


RUN_ID = "01234567-0123-4123-8123-0123456789ab"


@pytest.mark.parametrize(
    "status", [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]
)
def test_killed_run_counts_as_a_failed_attempt(
    drifted: Desk, mlflow_home: Path, status: DagsterRunStatus
) -> None:
    (drifted.state.settings.home / "mlflow.db").write_bytes((mlflow_home / "mlflow.db").read_bytes())
    assert asked(drifted.tick()).run_key == f"tide:{day(3)}:v1:a0"
    run = open_run(drifted, dead_process(RUN_ID), status, RUN_ID)
    assert asked(drifted.tick()).run_key == f"tide:{day(3)}:v1:a1"
    assert status_of(drifted, run) == DagsterRunStatus.FAILURE


def test_killed_run_ends_in_mlflow_with_what_is_nested_in_it(drifted: Desk, mlflow_home: Path) -> None:
    from ml_assets.registry import database, tracking

    home = drifted.state.settings.home
    (home / "mlflow.db").write_bytes((mlflow_home / "mlflow.db").read_bytes())
    client = database.configure(Settings(home=home))
    experiment = tracking.ensure_experiment(client, Settings(home=home), "tide")

    def start(**tags: str) -> str:
        return str(client.create_run(experiment, tags=tags).info.run_id)

    parent = start(dagster_run_id=RUN_ID)
    nested = start(**{tracking.PARENT: parent})
    trial, done = start(**{tracking.PARENT: nested}), start(**{tracking.PARENT: nested})
    client.set_terminated(done, "FINISHED")
    other = start(dagster_run_id="another")
    open_run(drifted, dead_process(RUN_ID), DagsterRunStatus.STARTED, RUN_ID)
    assert reap(drifted.instance, drifted.state.settings) == [RUN_ID]
    status = {run: client.get_run(run).info.status for run in (parent, nested, trial, done, other)}
    assert status == {parent: "FAILED", nested: "FAILED", trial: "FAILED", done: "FINISHED", other: "RUNNING"}


def test_failed_run_is_alerted_and_ends_in_mlflow(
    drifted: Desk, mlflow_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from ml_assets.registry import database, tracking

    home = drifted.state.settings.home  # a worker that was killed: Dagster noticed, MLflow could not
    (home / "mlflow.db").write_bytes((mlflow_home / "mlflow.db").read_bytes())
    client = database.configure(Settings(home=home))
    experiment = tracking.ensure_experiment(client, Settings(home=home), "tide")
    left = client.create_run(experiment, tags={"dagster_run_id": RUN_ID}).info.run_id
    run = open_run(drifted, None, DagsterRunStatus.STARTED, RUN_ID)
    event = drifted.instance.report_run_failed(run, "the worker is gone")
    context = dg.build_run_status_sensor_context(
        "failed_run_alert", event, drifted.instance, run
    ).for_run_failure()
    failed_run_alert(drifted.state.settings)(context)
    assert "the worker is gone" in caplog.text and RUN_ID in caplog.text
    assert client.get_run(left).info.status == "FAILED"


def test_killed_run_is_tidied_up_where_the_registry_is_lost(mlflow_home: Path) -> None:
    ledger = Ledger(Settings(home=mlflow_home).ledger)
    ledger.append("tide", "promote", actor="test", reason="better", to_version=1)
    ledger.append("tide", "promote", actor="test", reason="better", state="intent", to_version=2)
    tidy_up(Settings(home=mlflow_home), RUN_ID)
    assert ledger.open_intents() == ()
    assert [entry.state for entry in ledger.entries("tide")] == ["done", "intent", "aborted"]


def test_living_run_is_left_alone(drifted: Desk) -> None:
    run = open_run(drifted, process_tag(RUN_ID), DagsterRunStatus.STARTED, RUN_ID)
    skipped(drifted.tick(), "in_flight")
    assert status_of(drifted, run) == DagsterRunStatus.STARTED


def test_pid_that_was_given_to_another_process_is_not_taken_for_the_run(drifted: Desk) -> None:
    tag = f"{socket.gethostname()}:{os.getpid()}:1:{RUN_ID}"
    assert [run for run in [open_run(drifted, tag, DagsterRunStatus.STARTED, RUN_ID)] if dead(drifted, run)]


def test_run_with_the_tags_of_the_killed_one_it_repeats_is_left_alone(drifted: Desk) -> None:
    tag = dead_process("98765432-0123-4123-8123-0123456789ab")
    assert not dead(drifted, open_run(drifted, tag, DagsterRunStatus.STARTING, RUN_ID))


@pytest.mark.parametrize("tag", [None, "", "nonsense", f"elsewhere:1:1:{RUN_ID}"])
def test_run_of_a_process_that_cannot_be_looked_at_is_left_alone(drifted: Desk, tag: str | None) -> None:
    assert not dead(drifted, open_run(drifted, tag, DagsterRunStatus.STARTED, RUN_ID))


def dead(desk: Desk, run: dg.DagsterRun) -> bool:
    from ml_assets.orchestration.reaper import _is_dead

    return _is_dead(run)


# ---- what the operator is told


def told(desk: Desk) -> list[str]:
    return [entry.record["event"] for entry in desk.state.ledger.entries(kind="alert")]


def gate_said(desk: Desk, number: int, outcome: str, version: int) -> None:
    """A training run at a batch that ended with the gate's word."""
    tags = {TRAINING_TAG: "tide", "ml_assets/as_of": day(number)}
    run = create_run_for_test(desk.instance, "tide_train", status=DagsterRunStatus.SUCCESS, tags=tags)
    key = dg.AssetKey(["tide", "champion"])
    event = dg.DagsterEvent(
        event_type_value="ASSET_MATERIALIZATION",
        job_name=run.job_name,
        event_specific_data=dg._core.events.StepMaterializationData(
            dg.AssetMaterialization(key, metadata={"outcome": outcome, "version": version})
        ),
    )
    desk.instance.report_dagster_event(event, run.run_id)


def test_two_ties_after_an_alarm_say_that_it_is_not_staleness_and_tell_it_once(drifted: Desk) -> None:
    gate_said(drifted, 3, "keep", 2)
    drifted.arrive(4, drifted=True)
    gate_said(drifted, 4, "inconclusive", 3)
    for number in (5, 6):
        drifted.arrive(number, drifted=True)
        words = skipped(drifted.tick(), "not_staleness")
        assert "this is not staleness: the last 2 challengers" in words and "look at: " in words
    assert told(drifted).count("not_staleness") == 1


def spent(desk: Desk, *hours: float) -> Desk:
    """The same with a budget of 1.5 hours of CPU in three batches; a training at the first has cost these hours."""
    section = desk.state.recipe.retraining.model_copy(update={"budget": Budget(cpu_hours=1.5, batches=3)})
    recipe = desk.state.recipe.model_copy(update={"retraining": section})
    limited = Desk(replace(desk.state, recipe=recipe), desk.instance)
    limited.crown(1, 0)
    gate_said(limited, 1, "keep", 2)
    run = desk.instance.get_runs(limit=1)[0].run_id
    for each in hours:
        cost = StepCost(
            recipe="tide", asset="trained_model", batch=day(0), run=run, at=day(0), cpu_seconds=3600 * each
        )
        costs.keep(limited.state.ledger, cost)
    return limited


def test_budget_of_cpu_that_is_spent_is_told_once_and_keeps_no_person_from_a_training(desk: Desk) -> None:
    desk = spent(desk, 1.0, 0.5)
    for number in (1, 2, 3):
        desk.arrive(number, drifted=number > 1)
    for _ in range(2):
        words = skipped(desk.tick(), "cpu_budget")
        assert "the trainings of the last 3 batches (1) took 1.5 of 1.5 hours of CPU" in words
    assert told(desk) == ["budget"] and decisions(desk, "none") == 1
    persons.ask(desk.state.ledger, "tide", actor="ann", reason="it is worth it", batch=day(3))
    assert asked(desk.tick()).tags[RULE_TAG] == "asked"


def test_while_the_budget_of_cpu_is_spent_no_training_is_promised(desk: Desk) -> None:
    desk = spent(desk, 2.5)
    desk.arrive(1)
    desk.arrive(2, drifted=True)
    assert "trained again by itself if it lasts" in _lasts(desk.state, datetime.now(UTC))
    desk.state.store.write_frame("cleaned_features", day(2), pd.DataFrame({"a": [1.0]}))  # so far it has come
    told = _lasts(desk.state, datetime.now(UTC))
    assert (
        "took 2.5 of 1.5 hours of CPU (retraining.budget.cpu_hours), and none is begun by itself until"
        in told
    )
    assert "`ml-assets retrain` trains all the same" in told and "if it lasts" not in told


def test_budget_of_cpu_is_free_again_when_its_batches_have_passed(desk: Desk) -> None:
    desk = spent(desk, 2.5)
    for number in (1, 2, 3, 4):
        desk.arrive(number, drifted=number > 1)
    asked(desk.tick())


def test_version_that_probation_undid_counts_as_beaten_when_it_was_undone(desk: Desk) -> None:
    desk.crown(1, 0)
    desk.crown(2, 1)
    gate_said(desk, 1, "promote", 2)
    ledger = desk.state.ledger
    ledger.append(
        "tide", "rollback", actor="probation", reason="worse", from_version=2, to_version=1, batch=day(3)
    )
    for number in (2, 3):
        desk.arrive(number, drifted=True)
    skipped(desk.tick(), "cooldown")  # of the batch at which it was undone
    desk.arrive(4, drifted=True)
    gate_said(desk, 4, "keep", 3)
    desk.arrive(5, drifted=True)
    skipped(desk.tick(), "not_staleness")


def test_retrain_and_blocked_decisions_are_told_once(drifted: Desk) -> None:
    for _ in range(3):
        asked(drifted.tick())
    drifted.arrive(4, faults=("column a is empty",))
    for _ in range(3):
        skipped(drifted.tick(), "fault")
    assert told(drifted) == ["retrain", "fault"]


def test_broken_recipe_is_told_once_for_each_of_its_faults(desk: Desk) -> None:
    def tick() -> str:
        with pytest.raises(RecipeError) as caught:
            load_recipe(path)
        repository = definitions_of([], [(path, caught.value)], desk.state.settings).get_repository_def()
        with dg.build_sensor_context(instance=desk.instance, repository_def=repository) as context:
            return str(repository.get_sensor_def("broken_recipe_alert").evaluate_tick(context).skip_message)

    path = desk.state.path.with_name("broken.yaml")
    for text in ("name: broken\n", "name: broken\n", "name: Broken!\n"):
        path.write_text(text)
        assert "broken.yaml" in tick()
    entries = desk.state.ledger.entries("broken", "alert")
    assert [entry.record["event"] for entry in entries] == ["broken_recipe"] * 2
    assert "model" in entries[0].reason


def test_without_broken_recipes_there_is_no_sensor_for_them(desk: Desk) -> None:
    assert not desk.repository.has_sensor_def("broken_recipe_alert")


def test_failed_run_is_told_with_its_model_and_batch(desk: Desk) -> None:
    sensor = desk.repository.get_sensor_def("failed_run_alert")
    tags = {"ml_assets/model": "tide", "ml_assets/as_of": day(2)}
    run = create_run_for_test(desk.instance, "tide_train", tags=tags, status=DagsterRunStatus.STARTED)
    desk.instance.report_run_failed(run, "the disk is full")
    change = desk.instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1).records[0]
    failure = change.event_log_entry.dagster_event
    context = dg.build_run_status_sensor_context(
        "failed_run_alert", failure, desk.instance, run
    ).for_run_failure()
    for _ in range(2):
        sensor(context)
    (entry,) = desk.state.ledger.entries("tide", "alert")
    assert entry.record["event"] == "failed_run" and entry.batch == day(2)
    assert run.run_id in entry.reason


def test_a_failed_run_of_no_model_sends_nobody_to_a_model(desk: Desk) -> None:
    run = create_run_for_test(desk.instance, "model_overview_job", status=DagsterRunStatus.STARTED)
    desk.instance.report_run_failed(run, "it took too long to start")
    change = desk.instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1).records[0]
    context = dg.build_run_status_sensor_context(
        "failed_run_alert", change.event_log_entry.dagster_event, desk.instance, run
    ).for_run_failure()
    desk.repository.get_sensor_def("failed_run_alert")(context)
    (entry,) = [e for e in desk.state.ledger.entries(kind="alert") if run.run_id in e.reason]
    assert entry.recipe == SOURCE and "model_overview_job" in entry.reason


def test_overview_shows_the_ledger_in_words(drifted: Desk) -> None:
    from ml_assets.orchestration.overview import LEDGER_ROWS, _ledger_rows

    asked(drifted.tick())
    for number in range(60):
        drifted.state.ledger.append(
            "tide", "keep", actor="test", reason=f"no better {number}", to_version=number
        )
    drifted.state.ledger.append("tide", "backfill", actor="backfill", reason="the same once more")
    rows = _ledger_rows(drifted.state.ledger)
    assert len(rows) == LEDGER_ROWS == 50
    assert rows[0]["what"] == "tide kept no champion against version 59: no better 59"


@contextmanager
def statements() -> Iterator[list[str]]:
    """Questions to databases meanwhile."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT"):
            said.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


def test_tick_that_finds_nothing_new_reads_no_report_again(drifted: Desk) -> None:
    first = asked(drifted.tick())
    drifted.tick()  # the first one wrote its decision
    with statements() as said:
        assert asked(drifted.tick()).run_key == first.run_key
    assert not [text for text in said if "event_logs" in text and "max(" not in text]
    for news in (
        lambda: drifted.arrive(4),
        lambda: drifted.crown(2, 4),
        lambda: drifted.run(DagsterRunStatus.QUEUED, first),
    ):
        news()
        with statements() as said:
            drifted.tick()
        assert [text for text in said if "event_logs" in text and "max(" not in text]


def test_code_server_opens_its_instance_once(tmp_path: Path) -> None:
    def seen(home: Path) -> dg.DagsterInstance:
        home.mkdir(exist_ok=True)
        ref = InstanceRef.from_dir(str(home))
        with dg.build_sensor_context(instance_ref=ref) as context:
            return standing_instance(context)

    first = seen(tmp_path / "a")
    assert seen(tmp_path / "a") is first
    other = seen(tmp_path / "b")
    assert (first.root_directory, other.root_directory) == (str(tmp_path / "a"), str(tmp_path / "b"))
    assert other.get_runs() == []
