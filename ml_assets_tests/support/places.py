"""A home, a recipe and batches of rows for tests that run the whole program in processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from ml_assets.lifecycle.known import load_states
from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.runs import prepare_home
from ml_assets.settings import Settings, read_settings
from ml_assets.sources.calendar import next_batch
from ml_assets_tests.support.homes import move_addresses
from ml_assets_tests.support.processes import Program
from ml_assets_tests.support.tide import MODEL

PROGRAMS = Path(sys.executable).parent
FIRST = "2024-01-01"

STATIC_RECIPE = """
name: reef
model:
  class_path: sklearn.linear_model.LogisticRegression
  hyperparameters: {C: 1.0}
  loader: {source_uri: rows.csv}
  data_interface: {task_type: classification, target_col: y}
hyperparameter_tuning: {enabled: false, metric: roc_auc}
"""

BATCH_RECIPE = (
    MODEL
    + """\
evaluation: {validation: {test_size: 0.3}}
batches: {column: day, period: daily, start: 2024-01-01, end: 2024-02-01}
training: {window: 1, first: 2}
monitoring: {min_rows: 100}
retraining: {breaches: {k: 1, n: 1}, cooldown: 0, max_age: off}
"""
)


def day(number: int) -> str:
    """Label of a daily batch; the first is number 0."""
    return next_batch(FIRST, "daily", number) if number else FIRST


def rows(number: int, drifted: bool, size: int = 300) -> pd.DataFrame:
    """Rows of one day; a drifted day has other inputs, and the opposite meaning."""
    rng = np.random.default_rng(number)
    frame = pd.DataFrame(rng.normal(size=(size, 4)), columns=["a", "b", "c", "d"])
    frame["day"] = day(number)
    margin = 2.0 * frame["a"] - frame["b"]
    chance = 1 / (1 + np.exp(-(-margin if drifted else margin)))
    frame["y"] = np.where(rng.random(size) < chance, "yes", "no")
    if drifted:
        frame[["c", "d"]] += 2.0
    return frame


@dataclass(frozen=True)
class Place:
    """A folder with recipes and data, and a home beside it."""

    root: Path
    name: str

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def recipe(self) -> Path:
        return self.root / "recipes" / f"{self.name}.yaml"

    @property
    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in ("DAGSTER_HOME", "MLFLOW_TRACKING_URI")}
        return kept | {
            "ML_ASSETS_HOME": str(self.home),
            "ML_ASSETS_RECIPES": str(self.root / "recipes"),
            "ML_ASSETS_SENSOR_SECONDS": "1",
            "OMP_NUM_THREADS": "1",
            "DO_NOT_TRACK": "true",
        }

    @property
    def settings(self) -> Settings:
        return read_settings(self.environ)

    @property
    def state(self) -> ModelState:
        states, faults = load_states(self.settings)
        assert not faults, faults
        return next(state for state in states if state.name == self.name)

    def instance(self) -> dg.DagsterInstance:
        """Dagster's instance as it is: nothing is reaped."""
        home, before = str(self.settings.dagster_home), os.environ.get("DAGSTER_HOME")
        os.environ["DAGSTER_HOME"] = (
            home  # its dagster.yaml says by this where its files are: a home may be moved
        )
        try:
            return dg.DagsterInstance.from_config(home)
        finally:
            os.environ.pop("DAGSTER_HOME")
            if before is not None:
                os.environ["DAGSTER_HOME"] = before

    def write(self, number: int, drifted: bool = False) -> str:
        """Let a day's rows arrive."""
        frame = rows(number, drifted)
        frame.to_csv(self.recipe.parent / f"{day(number)}.csv", index=False)
        return day(number)

    def copy(self, root: Path) -> Place:
        """The same place elsewhere; MLflow's artifact addresses and Dagster's paths follow."""
        shutil.copytree(self.root, root)
        move_addresses(root / "home", self.home)
        return Place(root, self.name)

    def start(self, *arguments: str) -> Program:
        """Start `ml-assets` in a process of its own."""
        return Program("ml-assets", *arguments, folder=self.root, environ=self.environ)

    def dagster(self, *arguments: str) -> None:
        """Run `dagster` in a process of its own; it must succeed."""
        environ = self.environ | {"DAGSTER_HOME": str(self.settings.dagster_home)}
        with Program("dagster", *arguments, folder=self.root, environ=environ) as process:
            _, err = process.output(180)
            assert process.returncode == 0, err

    def command(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run `ml-assets` to its end and give its JSON."""
        with self.start(*arguments, "--json") as process:
            out, err = process.output(180)
        assert process.returncode == code, f"{arguments}: exit {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err, err
        answer: dict[str, Any] = json.loads(out.splitlines()[-1])
        return answer


def make_place(root: Path, recipe: str, mlflow_template: Path) -> Place:
    """Make a place with one recipe."""
    (root / "recipes").mkdir(parents=True)
    (root / "home").mkdir()
    name = recipe.split("name: ")[1].split()[0]
    (root / "recipes" / f"{name}.yaml").write_text(recipe)
    shutil.copyfile(mlflow_template, root / "home" / "mlflow.db")
    place = Place(root, name)
    before = dict(os.environ)
    try:
        prepare_home(place.settings)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return place


def wait_for(condition: Callable[[], Any], seconds: float, what: str, every: float = 0.2) -> Any:
    """Wait until a condition gives something true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(every)
    return found


def check_ledger(state: ModelState) -> None:
    """No intent is open, each promotion has one outcome, and ledger and alias agree."""
    assert not state.ledger.open_intents(state.name)
    by_decision: dict[str, list[str]] = {}
    for kind in ("promote", "rollback"):
        for entry in state.ledger.entries(state.name, kind):
            by_decision.setdefault(entry.decision_id, []).append(entry.state)
    for states in by_decision.values():
        assert states in (["intent", "done"], ["intent", "aborted"], ["aborted"])
    from ml_assets.registry import champions

    line = champions.champions(state.ledger, state.name)
    alias = state.registry.champion(state.name)
    assert (alias.version if alias else None) == (line[-1] if line else None)


def check_store(state: ModelState) -> None:
    """Everything that can be seen in the store can be read, whole."""
    for folder in state.store.place.folder.iterdir():
        if not folder.is_dir():
            continue
        for batch in state.store.batches(folder.name):
            if (folder / f"{batch}.frame.json").exists():
                state.store.read_frame(folder.name, batch)  # verifies the hash
            if (folder / f"{batch}.record.json").exists():
                json.loads((folder / f"{batch}.record.json").read_bytes())


def listed_runs(client: Any, name: str) -> list[Any]:
    """Runs that MLflow's page lists of a model, without those below another; the newest first."""
    experiment = client.get_experiment_by_name(name)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    runs = client.search_runs([experiment.experiment_id])
    return [run for run in runs if "mlflow.parentRunId" not in run.data.tags]


def mlflow_statuses(state: ModelState, dagster_run_id: str) -> Mapping[str, str]:
    """Status of each MLflow run that belongs to a Dagster run: by name, its parent run as `parent`."""
    client = state.registry.client
    experiments = [e.experiment_id for e in client.search_experiments()]
    parents = client.search_runs(experiments, f"tags.dagster_run_id = '{dagster_run_id}'")
    found = {}
    for parent in parents:
        found["parent"] = parent.info.status
        nested = client.search_runs(experiments, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
        found |= {run.info.run_name: run.info.status for run in nested}
    return found
