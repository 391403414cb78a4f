"""The graph is the same for every recipe, keeps the hold-out out of training, and loads light."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import dagster as dg
import pytest

from ml_assets.orchestration.location import build_definitions
from ml_assets.orchestration.runs import failure
from ml_assets.recipe.periods import PERIODS
from ml_assets.recipe.tasks import TaskType
from ml_assets.settings import Settings

RECIPE = """
name: {name}
model:
  loader: {{source_uri: "{name}/*.csv"}}
  data_interface: {{task_type: classification, target_col: y}}
"""
BATCHED = {f"batches_{period}": period for period in PERIODS}

EDGES = {
    "raw_data": set(),
    "cleaned_features": {"raw_data"},
    "training_set": {"cleaned_features"},
    "test_set": {"cleaned_features"},
    "trained_model": {"training_set"},
    "evaluation_report": {"trained_model", "test_set"},
    "champion": {"evaluation_report"},
    "predictions": {"cleaned_features"},
    "drift_report": {"cleaned_features"},
    "performance_report": {"cleaned_features", "predictions"},
    "backtest": {"cleaned_features"},
}
CHECKS = {
    ("raw_data", "contract", True),
    ("raw_data", "usual", False),
    ("evaluation_report", "targets", True),
    ("evaluation_report", "leak", False),
    ("evaluation_report", "sound", False),
    ("trained_model", "converged", False),
    ("drift_report", "drift", False),
    ("performance_report", "performance", False),
}


def with_recipes(root: Path) -> Settings:
    """Settings that name a folder with a recipe of each kind."""
    folder = root / "recipes"
    folder.mkdir()
    (folder / "static.yaml").write_text(RECIPE.format(name="static"))
    for name, period in BATCHED.items():
        batches = f"batches: {{column: at, period: {period}, start: 2024-01-01}}\n"
        (folder / f"{name}.yaml").write_text(RECIPE.format(name=name) + batches)
    return Settings(home=root / "home", recipes=(folder,))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return with_recipes(tmp_path)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> dg.AssetGraph:
    """The graph of such a folder, which nobody changes."""
    settings = with_recipes(tmp_path_factory.mktemp("graph"))
    return build_definitions(settings).get_repository_def().asset_graph


def ancestors(graph: dg.AssetGraph, key: dg.AssetKey) -> set[dg.AssetKey]:
    found: set[dg.AssetKey] = set()
    waiting = {key}
    while waiting:
        parents = graph.get(waiting.pop()).parent_keys - found
        found |= parents
        waiting |= parents
    return found


@pytest.mark.parametrize("name", ["static", *BATCHED])
def test_graph_is_the_same_for_every_recipe(graph: dg.AssetGraph, name: str) -> None:
    keys = {key for key in graph.get_all_asset_keys() if key.path[0] == name}
    edges = {key.path[-1]: {parent.path[-1] for parent in graph.get(key).parent_keys} for key in keys}
    assert edges == EDGES
    assert all(parent.path[0] == name for key in keys for parent in graph.get(key).parent_keys)
    assert {graph.get(key).group_name for key in keys} == {name}
    checks = {
        (key.asset_key.path[-1], key.name, graph.get(key).blocking)
        for key in graph.asset_check_keys
        if key.asset_key.path[0] == name
    }
    assert checks == CHECKS


@pytest.mark.parametrize("name", ["static", *BATCHED])
def test_model_never_sees_the_test_set(graph: dg.AssetGraph, name: str) -> None:
    assert dg.AssetKey([name, "test_set"]) not in ancestors(graph, dg.AssetKey([name, "trained_model"]))
    assert dg.AssetKey([name, "test_set"]) in ancestors(graph, dg.AssetKey([name, "champion"]))


@pytest.mark.parametrize("name", ["static", *BATCHED])
@pytest.mark.parametrize("asset", ["predictions", "drift_report", "performance_report"])
def test_champion_is_no_ancestor_of_what_it_is_used_for(graph: dg.AssetGraph, name: str, asset: str) -> None:
    assert dg.AssetKey([name, "champion"]) not in ancestors(graph, dg.AssetKey([name, asset]))


@pytest.mark.parametrize("name", BATCHED)
def test_batch_assets_are_partitioned_and_training_is_not(graph: dg.AssetGraph, name: str) -> None:
    partitioned = {
        key.path[-1]
        for key in graph.get_all_asset_keys()
        if key.path[0] == name and graph.get(key).is_partitioned
    }
    assert partitioned == {
        "raw_data",
        "cleaned_features",
        "predictions",
        "drift_report",
        "performance_report",
    }


def test_static_table_has_no_partitions(graph: dg.AssetGraph) -> None:
    assert not any(graph.get(k).is_partitioned for k in graph.get_all_asset_keys() if k.path[0] == "static")


def test_broken_recipe_is_shown_with_its_message_and_takes_nothing_down(settings: Settings) -> None:
    (recipes,) = settings.recipes
    (recipes / "broken.yaml").write_text("name: broken\nmodle: {}\n")
    (recipes / "worse.yaml").write_text("name: [\n")
    repository = build_definitions(settings).get_repository_def()
    dg.Definitions.validate_loadable(build_definitions(settings))
    graph = repository.asset_graph
    assert {key.path[0] for key in graph.get_all_asset_keys() if key.path[-1] == "recipe_error"} == {
        "broken",
        "worse",
    }
    shown = graph.get(dg.AssetKey(["broken", "recipe_error"]))
    assert "broken.yaml:2" in (shown.description or "") and "modle" in (shown.description or "")
    names = {key.path[0] for key in graph.get_all_asset_keys()}
    assert {"static", *BATCHED} <= names
    assert {f"{name}_retrain" for name in ("static", *BATCHED)} <= {s.name for s in repository.sensor_defs}
    result = repository.get_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[dg.AssetKey(["broken", "recipe_error"])], raise_on_error=False
    )
    assert "modle" in str(failure(result.all_events))


OF_TASKS = {
    "classification": "target_col: y",
    "regression": "target_col: y",
    "clustering": "",
    "recommendation": "user_col: u, item_col: i",
    "timeseries": "target_col: y}\n  feature_engineering: {horizon: 7d, time_col: at",
    "causal": "target_col: y, treatment_col: t",
}


@pytest.mark.parametrize("task", get_args(TaskType))
def test_a_recipe_of_any_task_without_a_class_path_has_its_assets_or_is_told_of_it(
    tmp_path: Path, task: str
) -> None:
    told = f"data_interface: {{task_type: {task}, {OF_TASKS[task]}}}"
    (tmp_path / "one.yaml").write_text(f"name: one\nmodel:\n  loader: {{source_uri: one.csv}}\n  {told}\n")
    settings = Settings(home=tmp_path / "home", recipes=(tmp_path,))
    graph = build_definitions(settings).get_repository_def().asset_graph
    found = {key.path[-1] for key in graph.get_all_asset_keys() if key.path[0] == "one"}
    if task == "clustering":
        assert found == {"recipe_error"}
        assert "class_path" in str(graph.get(dg.AssetKey(["one", "recipe_error"])).description)
    else:
        assert found == EDGES.keys()


def test_location_and_sensor_import_no_ml_library(settings: Settings) -> None:
    program = """
import sys
import ml_assets.definitions
HEAVY = {"mlflow", "dagster_mlflow", "sklearn", "xgboost", "optuna", "evidently", "torch", "shap", "scipy",
         "numpy", "pandas", "lightgbm", "catboost"}
def loaded():
    return sorted(HEAVY & sys.modules.keys())
assert not loaded(), ("import", loaded())
import dagster as dg
repository = ml_assets.definitions.definitions().get_repository_def()
assert not loaded(), ("definitions", loaded())
from dagster._core.test_utils import instance_for_test
with instance_for_test() as instance:
    for name in ("static", "batches_daily"):
        with dg.build_sensor_context(instance=instance, repository_def=repository) as context:
            tick = repository.get_sensor_def(name + "_retrain").evaluate_tick(context)
        assert "no champion yet" in tick.skip_message, tick
    assert not loaded(), ("sensor", loaded())
    with dg.build_sensor_context(instance=instance, repository_def=repository) as context:
        tick = repository.get_sensor_def("batches_daily_batches").evaluate_tick(context)
    assert "all there is was taken in" in tick.skip_message, tick
assert {"numpy", "pandas"}.issuperset(loaded()), ("what looks at files", loaded())
"""
    environ = os.environ | {
        "ML_ASSETS_HOME": str(settings.home),
        "ML_ASSETS_RECIPES": str(settings.recipes[0]),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
