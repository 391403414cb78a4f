"""The arrival sensor: whatever comes in whatever order, each content of a batch is taken in once, the oldest first."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from dagster import DagsterRunStatus
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.execution.plan.objects import StepFailureData, UserFailureData
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster._core.test_utils import create_run_for_test
from dagster._core.utils import make_new_run_id
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.lifecycle.arrival import state_of_data
from ml_assets.lifecycle.due import missing, newest_due
from ml_assets.lifecycle.errors import StepError
from ml_assets.lifecycle.intake import clean_step, raw_step
from ml_assets.lifecycle.split import split_step
from ml_assets.lifecycle.state import ModelState
from ml_assets.lifecycle.usual import arrivals_seen
from ml_assets.names import PROCESS_TAG, REASON_TAG
from ml_assets.orchestration import taking_in
from ml_assets.orchestration.arrival import arrival_sensor
from ml_assets.orchestration.location import failed_run_alert
from ml_assets.orchestration.runs import failure
from ml_assets.orchestration.taking_in import BATCH_ASSETS
from ml_assets.recipe.loading import load_recipe
from ml_assets.settings import Settings
from ml_assets_tests.support.tide import MODEL

ORIGIN = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("ml_assets"), repository_name="__repository__")

SUCCESS, FAILURE, STARTED = DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.STARTED


def day(number: int) -> str:
    return f"2024-01-{number + 1:02d}"


@dataclass
class Shore:
    """A model whose source changes, and runs that end as a test wants."""

    folder: Path
    instance: dg.DagsterInstance
    batches: str = "period: daily"
    engineering: str = "{}"
    cursor: str | None = None

    @property
    def state(self) -> ModelState:
        path = self.folder / "tide.yaml"
        model = MODEL.replace(
            "hyperparameter_tuning:", f"  feature_engineering: {self.engineering}\nhyperparameter_tuning:"
        )
        path.write_text(f"{model}batches: {{column: day, {self.batches}}}\nmonitoring: {{min_rows: 30}}\n")
        return ModelState(
            load_recipe(path), path, Settings(home=self.folder / "home", recipes=(self.folder,))
        )

    def send(self, number: int, rows: int = 40, *, label: str = "yes", when: str | None = None) -> None:
        frame = pd.DataFrame({"a": range(rows), "day": when or day(number)})
        frame["y"] = [label if row % 2 else "no" for row in range(rows)]
        frame.to_csv(self.folder / f"{number}.csv", index=False)

    def tick(self) -> dg.RunRequest | str:
        """What the sensor asks for, or why it does not; a file that was written just now is waited for once."""
        sensor = arrival_sensor(self.state)
        self.age()
        for _ in range(2):
            with dg.build_sensor_context(instance=self.instance, cursor=self.cursor) as context:
                data = sensor(context)
                self.cursor = context.cursor
            if not isinstance(data, dg.SkipReason):
                assert isinstance(data, dg.RunRequest)
                return data
            if "written just now" not in str(data.skip_message):
                break
        return str(data.skip_message)

    def age(self) -> None:
        """Let what was taken in be five seconds older: a look trusts no time of just now."""
        folder = self.state.folder / "cleaned_features"
        if folder.is_dir() and time.time_ns() - folder.stat().st_mtime_ns < 5e9:
            os.utime(folder, ns=(0, folder.stat().st_mtime_ns - 5 * 10**9))

    def end(self, request: dg.RunRequest, status: DagsterRunStatus, steps: int = 2) -> dg.DagsterRun:
        """Let the run of a request do so many of its steps, and end."""
        batch = request.tags[PARTITION_NAME_TAG]
        for step in (raw_step, clean_step)[:steps]:
            step(self.state, batch)
        run = create_run_for_test(self.instance, "tide_monitor", status=STARTED, tags=request.tags,
                                  asset_selection=frozenset(request.asset_selection or ()))  # fmt: skip
        if status == FAILURE:
            self.instance.report_run_failed(run)
        elif status == SUCCESS:
            self.instance.report_dagster_event(dg.DagsterEvent("PIPELINE_SUCCESS", run.job_name), run.run_id)
        return run

    def drain(self) -> list[str]:
        """Let all that is asked for succeed: the batches."""
        taken: list[str] = []
        while isinstance(request := self.tick(), dg.RunRequest):
            assert len(taken) < 20
            self.end(request, SUCCESS)
            taken.append(request.tags[PARTITION_NAME_TAG])
        return taken

    def known(self) -> dict[str, list[int]]:
        """Rows of each batch as they were taken in: how many, and how many are not 'no'."""
        store = self.state.store
        frames = {
            batch: store.read_frame("cleaned_features", batch) for batch in store.batches("cleaned_features")
        }
        return {batch: [len(frame), int((frame["y"] != "no").sum())] for batch, frame in frames.items()}


def asked(answer: dg.RunRequest | str) -> dg.RunRequest:
    assert isinstance(answer, dg.RunRequest), answer
    return answer


@pytest.fixture
def shore(tmp_path: Path) -> Iterator[Shore]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Shore(tmp_path, instance)


def test_two_at_once_come_one_after_the_other_and_older_ones_later(shore: Shore) -> None:
    for number in (3, 2):
        shore.send(number)
    assert shore.drain() == [day(2), day(3)]
    for number in (4, 0):
        shore.send(number)
    assert shore.drain() == [day(0), day(4)]
    assert shore.state.known_first_batch() == day(0)
    assert shore.tick() == f"all there is was taken in; the newest batch that is due is {newest()}"


def test_dropped_files_come_by_the_date_in_their_names(shore: Shore) -> None:
    shore.batches = "period: daily, drops: true"

    def drop(name: str, rows: int = 40) -> None:
        shore.send(0, rows)
        told = pd.read_csv(shore.folder / "0.csv").drop(columns="day")
        (shore.folder / "0.csv").unlink()
        told.to_csv(shore.folder / name, index=False)

    for number in (3, 2):
        drop(f"rows_{day(number)}.csv")
    assert shore.drain() == [day(2), day(3)]
    drop(f"rows_{day(5)}.csv")
    drop(f"rows_{day(0)}.csv")  # late
    drop(f"rows_{day(3)}.csv", 60)  # another content
    assert shore.drain() == [day(0), day(3), day(5)]
    assert {batch: rows for batch, (rows, _) in shore.known().items()} == {
        day(0): 40, day(2): 40, day(3): 60, day(5): 40,
    }  # fmt: skip
    drop("rows.csv")
    assert "rows.csv: its name tells no time (batches.drops): name it as" in str(shore.tick())
    (shore.folder / "rows.csv").rename(shore.folder / f"rows_{day(6)}.csv")
    assert shore.drain() == [day(6)]


def newest() -> str:
    return f"{datetime.now(UTC) - timedelta(days=1, hours=1):%Y-%m-%d}"


def test_nothing_is_asked_for_while_a_run_is_in_flight(shore: Shore) -> None:
    for number in (0, 1):
        shore.send(number)
    request = shore.tick()
    assert isinstance(request, dg.RunRequest)
    shore.end(request, DagsterRunStatus.STARTED, steps=0)
    assert shore.tick() == f"batch {day(0)} is being taken in"


def named(run: dg.DagsterRun) -> list[dg.DagsterEvent]:
    said = UserFailureData(label="intentional-failure", description="column a is missing", metadata={})
    return [failed_step(run, StepFailureData(error=None, user_failure_data=said))]


def checked(run: dg.DagsterRun) -> list[dg.DagsterEvent]:
    key = dg.AssetKey(["tide", "raw_data"])
    found = AssetCheckEvaluation(key, "contract", passed=False, metadata={}, blocking=True)
    event = dg.DagsterEvent("ASSET_CHECK_EVALUATION", run.job_name, event_specific_data=found)
    return [event, failed_step(run, StepFailureData(error=None, user_failure_data=None))]


def crashed(run: dg.DagsterRun) -> list[dg.DagsterEvent]:
    return [failed_step(run, StepFailureData(error=None, user_failure_data=None))]


def failed_step(run: dg.DagsterRun, data: StepFailureData) -> dg.DagsterEvent:
    return dg.DagsterEvent("STEP_FAILURE", run.job_name, step_key="tide__raw_data", event_specific_data=data)


@pytest.mark.parametrize(("how", "again"), [(named, False), (checked, False), (crashed, True)])
def test_refused_batch_stops_no_other_and_is_tried_again_when_it_changes(
    shore: Shore, how: Callable[[dg.DagsterRun], list[dg.DagsterEvent]], again: bool
) -> None:
    for number in (0, 1):
        shore.send(number)
    run = shore.end(asked(shore.tick()), FAILURE, steps=0)
    for event in how(run):
        shore.instance.report_dagster_event(event, run.run_id)
    assert shore.drain() == [day(number) for number in ((0, 1) if again else (1,))]
    assert ("is tried again when it changes" in str(shore.tick())) != again
    shore.send(0, rows=50)
    assert shore.drain() == [day(0)]


@pytest.mark.parametrize("how", [named, checked, crashed])
def test_alert_and_status_say_why_a_batch_was_not_taken_in(
    shore: Shore, how: Callable[[dg.DagsterRun], list[dg.DagsterEvent]]
) -> None:
    shore.send(0)
    run = shore.end(asked(shore.tick()), FAILURE, steps=0)
    for event in how(run):
        shore.instance.report_dagster_event(event, run.run_id)
    change = shore.instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1).records[0]
    context = dg.build_run_status_sensor_context(
        "failed_run_alert", change.event_log_entry.dagster_event, shore.instance, run
    ).for_run_failure()
    failed_run_alert(shore.state.settings)(context)
    why = str(failure(how(run)))
    entry = shore.state.ledger.entries("tide", "alert")[-1]
    assert why in entry.reason and entry.batch == day(0)
    assert why in " ".join(state_of_data(shore.state).notes)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_killed_run_is_tried_again_three_times_in_all(shore: Shore, steps: int) -> None:
    shore.send(0)
    keys = []
    for _ in range(3):
        request = shore.tick()
        assert isinstance(request, dg.RunRequest)
        keys.append(request.run_key)
        shore.end(request, FAILURE, steps)
    assert len(set(keys)) == 3
    assert isinstance(shore.tick(), str)
    shore.send(0, rows=50)
    assert shore.drain() == [day(0)] and shore.known() == {day(0): [50, 25]}


def test_what_a_command_has_finished_since_is_not_asked_for_again(shore: Shore) -> None:
    shore.send(0)
    shore.end(asked(shore.tick()), FAILURE, steps=2)
    for number, asset in enumerate(BATCH_ASSETS):
        assert asked(shore.tick()).tags[PARTITION_NAME_TAG] == day(0), number
        event = dg.AssetMaterialization(dg.AssetKey(["tide", asset]), partition=day(0))
        shore.instance.report_runless_asset_event(event)
    assert isinstance(shore.tick(), str)


def test_command_waits_for_the_run_at_work_and_calls_off_one_that_never_begins(
    shore: Shore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_in, "PATIENCE", 0.0)
    queued = create_run_for_test(shore.instance, "tide_monitor", status=DagsterRunStatus.QUEUED,
                                 remote_job_origin=ORIGIN.get_job_origin("tide_monitor"))  # fmt: skip
    other = create_run_for_test(shore.instance, "reef_monitor", status=DagsterRunStatus.STARTED)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as working:
        run_id = make_new_run_id()
        started = Path(f"/proc/{working.pid}/stat").read_text().rpartition(")")[2].split()[19]
        tags = {PROCESS_TAG: f"{socket.gethostname()}:{working.pid}:{started}:{run_id}"}
        create_run_for_test(
            shore.instance, "tide_monitor", run_id, status=DagsterRunStatus.STARTED, tags=tags
        )

        def let_end(text: str) -> None:
            assert queued.run_id in text and run_id in text
            assert working.poll() is None
            working.communicate(b"\n")

        taking_in.wait_for_runs(shore.instance, shore.state, ["monitor"], let_end)
        assert working.returncode == 0
    statuses = {run.run_id: run.status for run in shore.instance.get_runs()}
    assert statuses == {
        queued.run_id: DagsterRunStatus.CANCELED,
        other.run_id: DagsterRunStatus.STARTED,
        run_id: FAILURE,  # its process is gone
    }


def test_rule_leaves_old_changes_as_they_are_and_says_so(shore: Shore) -> None:
    shore.batches += ", revisit: never"
    shore.send(0)
    assert shore.drain() == [day(0)]
    shore.send(0, rows=20)
    assert "20 rows where 40 were taken in; left as it was taken in (batches.revisit: never)" in str(
        shore.tick()
    )


def test_what_an_earlier_recipe_made_is_made_anew_the_oldest_first_without_reading_what_it_reads_alike(
    shore: Shore,
) -> None:
    for number in (0, 1):
        shore.send(number)
    assert shore.drain() == [day(0), day(1)]
    shore.engineering = "{polynomials: {columns: [a]}}"  # made inside the model
    assert isinstance(shore.tick(), str)
    shore.engineering = "{date_parts: {columns: [day], parts: [month]}}"
    with pytest.raises(StepError, match="was made before the recipe changed"):
        split_step(shore.state, day(1))
    request = asked(shore.tick())
    assert request.asset_selection == [dg.AssetKey(["tide", "cleaned_features"])]
    assert request.tags[REASON_TAG] == f"batch {day(0)} was cleaned before the recipe changed"
    assert shore.drain() == [day(0), day(1)]
    assert "day_month" in shore.state.store.columns("cleaned_features", day(0))
    shore.batches += "}\nquality: {rows: [{columns: [a], min: 0}]"
    assert {asset.path[1] for asset in asked(shore.tick()).asset_selection or ()} == {*BATCH_ASSETS[:2]}
    assert shore.drain() == [day(0), day(1)]
    assert isinstance(shore.tick(), str)


def test_batch_is_taken_in_when_it_is_due(shore: Shore) -> None:
    shore.batches += ", grace: 2d"
    days = [datetime.now(UTC).date() - timedelta(days=back) for back in (4, 2, 0)]
    for number, when in enumerate(days):
        shore.send(number, when=str(when))
    assert shore.drain() == [str(days[0])]
    assert "is not due yet" in str(shore.tick())


def test_source_that_cannot_be_read_is_told_once(shore: Shore) -> None:
    shore.send(0)
    shore.drain()
    (shore.folder / "1.csv").write_text("a,day,y\n1,someday,no\n")
    for _ in range(2):
        assert "the source cannot be read" in str(shore.tick())
    told = [entry.record["event"] for entry in shore.state.ledger.entries("tide", "alert")]
    assert told.count("unreadable") == 1


@settings(max_examples=6)
@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from([(20, "yes"), (40, "yes"), (40, "no")]),
            st.sampled_from(["wait", "succeeds", "killed", "killed late"]),
        ),
        min_size=1,
        max_size=7,
    )
)
def test_law_each_change_is_one_run_the_oldest_first_whatever_is_killed(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, tuple[int, str], str]]
) -> None:
    sent: dict[str, tuple[int, str]] = {}
    taken: dict[str, tuple[int, str]] = {}
    with dg.DagsterInstance.ephemeral() as instance:
        shore = Shore(tmp_path_factory.mktemp("shore"), instance)
        for number, (rows, label), then in changes:
            shore.send(number, rows, label=label)
            sent[day(number)] = rows, label
            if then == "wait":
                continue
            waiting = sorted(batch for batch in sent if taken.get(batch) != sent[batch])
            request = shore.tick()
            if not waiting:
                assert isinstance(request, str)
                continue
            assert isinstance(request, dg.RunRequest) and request.tags[PARTITION_NAME_TAG] == waiting[0]
            if then == "succeeds":
                shore.end(request, SUCCESS)
                taken[waiting[0]] = sent[waiting[0]]
            else:
                shore.end(request, FAILURE, steps=1 if then == "killed" else 2)
                taken.pop(waiting[0], None)  # whatever it has done, it is asked for again
                shore.end(asked(shore.tick()), SUCCESS)
                taken[waiting[0]] = sent[waiting[0]]
        assert shore.drain() == sorted(batch for batch in sent if taken.get(batch) != sent[batch])
        assert shore.known() == {
            day: [rows, rows // 2 * (label == "yes")] for day, (rows, label) in sent.items()
        }


# ---- batches that have not come


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ("1234567", []),
        ("12345", ["67"]),
        ("123567", ["4"]),
        ("12347", ["56"]),
        ("1", ["234567"]),
    ],
)
def test_missing_batches_are_told_by_stretches(shore: Shore, there: str, told: list[str]) -> None:
    found = missing(shore.state, {day(int(number)) for number in there}, day(1), day(7))
    assert found == [(day(int(stretch[0])), day(int(stretch[-1]))) for stretch in told]


def test_day_on_which_nothing_came_a_week_ago_either_is_not_missed(shore: Shore) -> None:
    shore.state.begin_with(day(0))
    there = {day(number) for number in range(20) if number % 7 != 6}
    assert missing(shore.state, there, day(5), day(20)) == [(day(6), day(6))]  # the first time only
    assert missing(shore.state, there - {day(16)}, day(6), day(20)) == [(day(16), day(16))]


@pytest.mark.parametrize(
    ("period", "grace", "due"),
    [("daily", "0m", "2024-03-09"), ("daily", "12h", "2024-03-09"), ("daily", "13h", "2024-03-08"),
     ("hourly", "1h", "2024-03-10-10:00"), ("weekly", "1d", "2024-02-26"), ("monthly", "2w", "2024-01-01")],
)  # fmt: skip
def test_batch_is_due_so_long_after_its_end(shore: Shore, period: str, grace: str, due: str) -> None:
    shore.batches = f"period: {period}, grace: {grace}"
    assert newest_due(shore.state, datetime(2024, 3, 10, 12)) == due


def test_silence_of_years_is_one_stretch(shore: Shore) -> None:
    there = {day(number) for number in range(5)}
    for last in ("2026-01-01", "2026-01-02"):
        assert missing(shore.state, there, day(4), last) == [(day(5), last)]


OPENED: list[str] = []
"""Files that this process has opened since the list was emptied."""


@pytest.fixture(scope="module")
def listening() -> None:
    """Note each file that is opened; an audit hook stays, so it is added once."""
    sys.addaudithook(lambda event, told: OPENED.append(str(told[0])) if event == "open" else None)


@pytest.mark.usefixtures("listening")
def test_quiet_look_opens_no_file_of_a_batch(shore: Shore) -> None:
    for number in range(4):
        shore.send(number)
    assert len(shore.drain()) == 4
    quiet = shore.tick()
    assert "all there is was taken in" in str(quiet)
    OPENED.clear()
    assert shore.tick() == quiet
    places = [
        str(shore.folder / "home" / "batches"),
        *(str(shore.folder / f"{number}.csv") for number in range(4)),
    ]
    opened = [place for place in OPENED if place.startswith(tuple(places))]
    assert [Path(place).name for place in opened] == ["calendar.json"] * len(opened)


def test_missing_batch_is_an_alert_once_until_all_has_come_again(shore: Shore) -> None:
    days = [str(datetime.now(UTC).date() - timedelta(days=back)) for back in range(9, 1, -1)]

    def told() -> list[str | None]:
        shore.drain()
        return [entry.batch for entry in shore.state.ledger.entries("tide", "alert")]

    for number in range(4):
        shore.send(number, when=days[number])
    assert told() == told() == [days[4]]
    for number in (4, 5):  # the silence is made up for, one after the other
        shore.send(number, when=days[number])
        assert told() == [days[4]]


def test_a_batch_later_than_any_before_is_told_long_before_its_grace(
    shore: Shore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight days came an hour after their end; the ninth is missed five hours after it, not after two days."""
    shore.batches = "period: daily, grace: 2d"

    def at(number: int, hours: float) -> list[str | None]:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:
                return datetime(2024, 1, number + 2, tzinfo=tz) + timedelta(hours=hours)

        monkeypatch.setattr("ml_assets.orchestration.arrival.datetime", Clock)
        shore.tick()
        return [entry.batch for entry in shore.state.ledger.entries("tide", "alert")]

    for number in range(8):
        at(number, 0.9)
        shore.send(number)
        os.utime(shore.folder / f"{number}.csv", (number, number))  # not just now, by that clock
        assert at(number, 1.0) == []
        shore.drain()
    assert list(arrivals_seen(shore.state)) == [day(number) for number in range(8)]
    assert at(8, 2.0) == []
    shore.drain()
    assert at(8, 2.1) == at(8, 2.15) == []
    assert (
        at(8, 2.3) == at(8, 5.0) == [day(8)]
    )  # a tick that finds nothing new asks again then, not ten minutes later
    assert at(8, 60.0) == [day(8)]  # and not once more when its grace is over
    (entry,) = shore.state.ledger.entries("tide", "alert")
    assert "2 h 18 min after its end now" in entry.reason and "1 h after its end" in entry.reason
