"""A model whose daily batches arrive when told, through the very steps of the graph but without Dagster."""

from __future__ import annotations

import shutil
from copy import copy
from pathlib import Path
from typing import Self

import pandas as pd

from ml_assets.lifecycle.intake import clean_step, predict_step, raw_step
from ml_assets.lifecycle.split import split_step
from ml_assets.lifecycle.state import ModelState
from ml_assets.lifecycle.train import champion_step, evaluate_step, train_step
from ml_assets.lifecycle.watch import performance_step
from ml_assets.recipe.loading import load_recipe
from ml_assets.records import Promotion
from ml_assets.registry.tracking import ensure_experiment
from ml_assets.settings import Settings
from ml_assets_tests.support.homes import copy_home
from ml_assets_tests.support.tide import MODEL, NAME

RECIPE = (
    MODEL
    + """\
evaluation: {validation: {test_size: 0.3}}
batches: {column: day, period: daily, start: 2024-01-01}
training: {window: %d}
monitoring: {min_rows: 100, label_delay: 1}
"""
)
"""Labels come a day late; the window is filled in."""


def day(number: int) -> str:
    """Label of a daily batch; the first is number 0."""
    return f"2024-01-{number + 1:02d}"


class Shore:
    """One model, its data and its home."""

    def __init__(self, folder: Path, home: Path, window: int = 1) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{NAME}.yaml"
        path.write_text(RECIPE % window)
        self._lives_in(folder, home)
        client = self.state.registry.client
        self.run = str(client.create_run(ensure_experiment(client, self.state.settings, NAME)).info.run_id)

    def _lives_in(self, folder: Path, home: Path) -> None:
        path = folder / f"{NAME}.yaml"
        self.folder = folder
        self.state = ModelState(load_recipe(path), path, Settings(home=home, recipes=(folder,)))

    def copy(self, root: Path) -> Self:
        """The same model elsewhere, as it is now; what happens there does not happen here."""
        again = copy(self)
        home = copy_home(self.state.settings.home, root / "a home")
        again._lives_in(Path(shutil.copytree(self.folder, root / "recipes")), home)
        return again

    def put(self, number: int, frame: pd.DataFrame) -> None:
        """Write a day's rows to the source."""
        frame.assign(day=day(number)).to_csv(self.folder / f"{day(number)}.csv", index=False)

    def take_in(self, number: int) -> tuple[str, ...]:
        """Read, clean and predict a day, and score the day before; the alarms."""
        assert not raw_step(self.state, day(number)).problems
        clean_step(self.state, day(number))
        predict_step(self.state, day(number))
        return performance_step(self.state, day(number), self.run).alarms

    def train(self, number: int) -> Promotion:
        """Train and ask the gate."""
        split_step(self.state, day(number))
        train_step(self.state, day(number), self.run, lambda _: None)
        evaluate_step(self.state, day(number))
        return champion_step(self.state, day(number), self.run, "test", lambda _: None).promotion
