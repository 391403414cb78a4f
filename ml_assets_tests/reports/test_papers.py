"""The papers beside a model say of every task what is so, and their notebook runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.cli.profile import write_profile
from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe.loading import load_recipe
from ml_assets.reports.papers import NOTEBOOK, PROBLEM, REQUIREMENTS
from ml_assets.settings import Settings

ROWS = 300
SEARCHED = (
    "  class_path: sklearn.cluster.KMeans\n  hyperparameters: {n_clusters: {type: int, low: 2, high: 4}}\n"
)
RIDGE = "  class_path: sklearn.linear_model.Ridge\n"
TASKS = {
    "two targets": (
        "task_type: classification, target_col: [left, level]",
        "",
        "hyperparameter_tuning: {timeout: 10}",
        {
            PROBLEM: ["Predict `left` and `level` from", "The measure is `f1`"],
            REQUIREMENTS: ["Search: 10 seconds at most."],
        },
        {},
    ),
    "a number": (
        "task_type: regression, target_col: spent",
        RIDGE,
        "",
        {REQUIREMENTS: ["No search: parameters are fixed.", "a random 20", "2 features are learned"]},
        {},
    ),
    "a series": (
        "task_type: timeseries, target_col: spent",
        RIDGE + "  feature_engineering: {time_col: at}\n",
        "",
        {REQUIREMENTS: ["the newest 20"]},
        {},
    ),
    "an effect": (
        "task_type: causal, target_col: left, treatment_col: called",
        "",
        "hyperparameter_tuning: {n_trials: 3}",
        {
            PROBLEM: ["Predict how much `called` changes `left` of a row, from", "The measure is `qini`"],
            REQUIREMENTS: ["Search: 3 trials and 120 seconds at most."],
        },
        {},
    ),
    "clusters": (
        "task_type: clustering",
        SEARCHED,
        "batches: {column: at, period: monthly}",
        {PROBLEM: ["Find groups"], REQUIREMENTS: ["Search: 20 trials at most."]},
        {PROBLEM: ["label"], REQUIREMENTS: ["target"]},
    ),
    "recommendations": (
        "task_type: recommendation, user_col: who, item_col: what",
        "",
        "batches: {column: at, period: monthly}",
        {PROBLEM: ["Recommend items"], REQUIREMENTS: ["`who` had `what`"]},
        {PROBLEM: ["label", "weight of each feature"], REQUIREMENTS: ["target", "Missing", "1 features"]},
    ),
}  # fmt: skip
"""Data interface, lines of the model and of the recipe; what the papers say, and what they must not."""


def table(folder: Path, columns: list[str]) -> None:
    """Write rows with some of the columns that a shop could have."""
    random = np.random.default_rng(0)
    every = pd.DataFrame(
        {
            "at": pd.date_range("2024-01-01", periods=ROWS, freq="12h"),
            "who": random.integers(0, 30, ROWS).astype(str),
            "what": random.integers(0, 9, ROWS).astype(str),
            "age": random.normal(40, 9, ROWS).round(1),
            "visits": random.integers(0, 9, ROWS),
            "spent": random.gamma(2, 30, ROWS).round(2),
            "left": random.integers(0, 2, ROWS),
            "level": random.choice(["low", "mid", "high"], ROWS),
            "called": random.integers(0, 2, ROWS),
        }
    )
    every[columns].to_csv(folder / "rows.csv", index=False)


@pytest.mark.parametrize("task", TASKS)
def test_papers_say_of_each_task_what_is_so_and_the_notebook_runs(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interface, model, lines, said, unsaid = TASKS[task]
    labels = [name for name in ("left", "level", "spent", "called") if name in interface]
    table(tmp_path, ["at", "who", "what"] if "user_col" in interface else ["at", "age", "visits", *labels])
    path = tmp_path / "shop.yaml"
    path.write_text(
        f"name: shop\nmodel:\n{model}  loader: {{source_uri: rows.csv}}\n  data_interface: {{{interface}}}\n{lines}\n"
    )
    settings = Settings(home=tmp_path / "home", recipes=(tmp_path,))
    write_profile(ModelState(load_recipe(path), path, settings), tmp_path / "page.html", tmp_path)
    for name in (PROBLEM, REQUIREMENTS):
        text = (tmp_path / name).read_text()
        assert [part for part in said.get(name, []) if part not in text] == []
        assert [part for part in unsaid.get(name, []) if part in text] == []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("ML_ASSETS_HOME", str(settings.home))
    known: dict[str, Any] = {}
    for cell in json.loads((tmp_path / NOTEBOOK).read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), known)
    assert known["targets"] == labels
