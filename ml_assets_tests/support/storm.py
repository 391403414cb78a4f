"""The live daemon, a walk and a person's commands at once on one home, some of them killed; then the laws that hold.

`python -m ml_assets_tests.support.storm FOLDER SEED KILLS RACES` runs one and prints what it did.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pandas as pd
import psutil
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.storage.tags import PARTITION_NAME_TAG

from ml_assets.names import CONTENT_TAG
from ml_assets.orchestration.reaper import IN_PROGRESS
from ml_assets.registry import champions
from ml_assets_tests.support.daemons import Daemon
from ml_assets_tests.support.places import BATCH_RECIPE, Place, check_ledger, check_store, day, wait_for
from ml_assets_tests.support.processes import Program

LIVE_RECIPE: Final = BATCH_RECIPE.replace(", start: 2024-01-01, end: 2024-02-01", "")
BEGIN: Final = 3
"""Days that were walked through before."""
EACH: Final = 2
"""A day comes before every so many moments."""
LONGEST: Final = 8.0
"""Seconds between the start of a command and the moment at which something is killed, at most."""
PATIENCE: Final = 900
"""Seconds that a command may take, beside whatever else the machine does."""
CALM: Final = 900
"""Seconds within which everything that came is taken in, once nothing is killed any more."""
WEIGHTS: Final = {"command": 3.0, "run worker": 3.0, "code server": 1.0, "daemon": 1.0}
"""What is killed, and how readily; a daemon is always there."""


@dataclass
class Storm:
    """What happens to one place, by its seed."""

    place: Place
    seed: int
    say: Any = print
    days: int = BEGIN
    commands: list[tuple[str, Program]] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.daemon = Daemon(self.place)

    # ---- what happens

    def arrive(self) -> None:
        """Let a day's rows come, in one move; three in ten are drifted."""
        self.place.write(self.days, drifted=self.random.random() < 0.3)
        self.days += 1

    def command(self, which: str | None = None) -> None:
        """Start what a person types."""
        name = self.place.name
        version = str(self.random.randint(1, 4))
        choices = {
            "backfill": ["backfill", name],
            "train": ["train", "--recipe-file", str(self.place.recipe)],
            "promote": ["promote", name, version, *self.random.choice([[], ["--force"]])],
            "rollback": ["rollback", name],
        }
        which = which or self.random.choice(["backfill", "backfill", "train", "promote", "rollback"])
        self.commands.append((which, self.place.start(*choices[which])))

    def look(self) -> None:
        """Take note of the daemon's children, start a daemon where there is none, and see commands that have ended."""
        if self.daemon.process.poll() is None:
            self.daemon.note_children()
        else:
            self.daemon.start()
        for which, program in [each for each in self.commands if each[1].returncode is not None]:
            self._ended(which, program)

    def _ended(self, which: str, program: Program) -> None:
        self.commands = [each for each in self.commands if each[1] is not program]
        with program:
            out, err = program.output()
        code = program.returncode
        self.ended[f"{which} {code}"] += 1
        assert "Traceback" not in out + err and "fault of ml_assets" not in out + err, (
            f"{which}: {out}\n{err}"
        )
        assert code in (0, 1, -signal.SIGKILL), f"{which}: {code}\n{out}\n{err}"
        if code == 1:
            self.say(f"    {which}: exit {code}: {err.strip().splitlines()[-1:]}")

    def kill(self) -> str:
        """Kill one of the living processes of a kind that is drawn; which kind it was."""
        for target in sorted(WEIGHTS, key=lambda kind: self.random.random() * WEIGHTS[kind], reverse=True):
            if target == "command":
                alive = [program for _, program in self.commands if program.returncode is None]
                if alive:
                    with suppress(ProcessLookupError):
                        os.killpg(self.random.choice(alive).pid, signal.SIGKILL)
                    break
            elif target == "daemon":
                self.daemon.kill()
                break
            elif found := self._children(target):
                with suppress(psutil.NoSuchProcess):
                    self.random.choice(found).kill()
                break
        self.killed[target] += 1
        return target

    def _children(self, kind: str) -> list[psutil.Process]:
        found = []
        for child in self.daemon.known.values():
            with suppress(psutil.Error):
                words = " ".join(child.cmdline())
                is_server, is_worker = " api grpc " in words, "multiprocessing.spawn" in words
                if child.is_running() and (is_server if kind == "code server" else is_worker):
                    found.append(child)
        return found

    def moment(self, number: int, *, kill: bool) -> None:
        """One moment: rows may come, one to three commands start, and something dies or nothing does."""
        if number % EACH == 0:
            self.arrive()
        self.look()
        wanted = 1 if kill else self.random.randint(2, 3)
        while len(self.commands) < wanted:
            self.command()
        time.sleep(self.random.uniform(0.0, LONGEST) if kill else 0.5)
        if kill:
            self.look()
            self.say(f"  {number}: {[which for which, _ in self.commands]}, killed: {self.kill()}")
        else:
            for which, program in self.commands:
                wait_for(lambda p=program: p.returncode is not None, PATIENCE, f"the end of {which}")
            self.say(f"  {number}: race of {[which for which, _ in self.commands]}")
            self.look()

    def settle(self) -> None:
        """Kill nothing any more, and wait until all is taken in and no run is open; a last walk finds nothing to do."""
        for which, program in self.commands:
            wait_for(lambda p=program: p.returncode is not None, PATIENCE, f"the end of {which}")
        self.wait_for_calm()
        self.command("backfill")  # settles what a killed command has left, and finds nothing else to do
        (_, program) = self.commands[-1]
        wait_for(lambda: program.returncode is not None, PATIENCE, "the last walk")
        self._ended("backfill", program)
        self.wait_for_calm()  # the sensor of the overview may have seen what the walk settled

    def wait_for_calm(self) -> None:
        """Wait until all is taken in and no run is open, twice with a breath between."""
        with self.place.instance() as instance:

            def calm() -> bool:
                self.look()
                there = self.place.state.store.batches("cleaned_features")
                return len(there) == self.days and not instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS))

            wait_for(calm, CALM, "calm", every=2)
            time.sleep(5)
            wait_for(calm, CALM, "lasting calm", every=2)

    def end(self) -> None:
        """End what was started here."""
        for _, program in self.commands:
            program.__exit__()
        self.daemon.stop()

    # ---- what holds

    def laws(self) -> None:
        """Nothing is lost, nothing is done twice, and ledger and registry tell the same story."""
        state = self.place.state
        check_ledger(state)  # the chain was verified when it was opened
        check_store(state)
        for number in range(self.days):
            sent = pd.read_csv(self.place.recipe.parent / f"{day(number)}.csv", float_precision="round_trip")
            kept = state.store.read_frame("raw_data", day(number))
            columns = ["a", "b", "c", "d"]
            assert sorted(map(tuple, kept[columns].to_numpy())) == sorted(
                map(tuple, sent[columns].to_numpy())
            )
            assert (kept["y"] == "yes").sum() == (sent["y"] == "yes").sum()
        with self.place.instance() as instance:
            runs = instance.get_runs()
            check_runs(instance, runs, self.place.name)
            check_order(instance, self.place.name)
        self.check_versions()
        self.place.home.chmod(0o700)
        examined = self.place.command("doctor")
        assert examined["ok"], [each for each in examined["checks"] if not each["ok"]]

    def check_versions(self) -> None:
        """Each version has one number, can be read whole, and no run of MLflow is left open."""
        state = self.place.state
        numbers = [info.version for info in champions.versions(state.ledger, state.name)]
        assert len(set(numbers)) == len(numbers), numbers
        for number in numbers:
            state.registry.files.load(state.name, number)
        client = state.registry.client
        experiments = [each.experiment_id for each in client.search_experiments()]
        running = client.search_runs(experiments, "attributes.status = 'RUNNING'")
        assert not running, [run.info.run_name for run in running]


def check_runs(instance: dg.DagsterInstance, runs: list[dg.DagsterRun], name: str) -> None:
    """No run is open, none failed by itself, and no content of a batch was taken in, or evidence trained on, twice."""
    assert not [run for run in runs if not run.is_finished]
    for run in runs:
        if run.status == DagsterRunStatus.FAILURE:
            failed = instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_FAILURE)
            said = [str(entry.get_dagster_event().step_failure_data.error) for entry in failed]
            assert not said, f"{run.job_name} {run.tags}: {said[0][-3000:]}"
    done = [run for run in runs if run.status == DagsterRunStatus.SUCCESS]
    taken = Counter(
        (run.tags[PARTITION_NAME_TAG], run.tags.get(CONTENT_TAG, "").partition(" ")[2] or "walked")
        for run in done
        if run.job_name == f"{name}_monitor" and PARTITION_NAME_TAG in run.tags
    )
    batches = Counter(batch for batch, _ in taken.elements())
    assert not [batch for batch, times in batches.items() if times > 1], taken
    asked = Counter(run.tags["ml_assets/decision"] for run in done if "ml_assets/decision" in run.tags)
    assert not [key for key, times in asked.items() if times > 1], asked


def check_order(instance: dg.DagsterInstance, name: str) -> None:
    """Each batch was first taken in after the one before it."""
    key = dg.AssetKey([name, "cleaned_features"])
    records = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=key), limit=1000).records
    first = list(dict.fromkeys(record.partition_key for record in reversed(records)))
    assert first == sorted(str(batch) for batch in first), first


def storm(place: Place, seed: int, kills: int, races: int, say: Any = print) -> Storm:
    """Let it storm over a place that was walked through its first days; the laws are held against it."""
    made = Storm(place, seed, say)
    try:
        moments = [True] * kills + [False] * races
        made.random.shuffle(moments)
        for number, kill in enumerate(moments):
            made.moment(number, kill=kill)
        made.settle()
    finally:
        made.end()
    made.laws()
    say(f"seed {seed}: {dict(made.killed)} killed, {races} races, {made.days} days; {dict(made.ended)}")
    return made


if __name__ == "__main__":
    from ml_assets.registry.database import configure
    from ml_assets.settings import Settings
    from ml_assets_tests.support.places import make_place

    root, seed, kills, races = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    start = Place(root / "start", "tide")
    if not root.exists():
        template = Settings(home=root / "template")
        template.home.mkdir(parents=True)
        configure(template)
        start = make_place(root / "start", LIVE_RECIPE, template.home / "mlflow.db")
        for number in range(BEGIN):
            start.write(number)
        start.command("backfill", start.name)
    storm(
        start.copy(root / f"{seed}-{int(time.time())}"),
        seed,
        kills,
        races,
        lambda text: print(text, flush=True),  # noqa: T201 - a program
    )
