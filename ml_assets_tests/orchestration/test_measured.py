"""What a step costs: measured of every asset, shown with what it makes, and told by `ml-assets costs` and the pages."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks.trust.streams import made_rows
from ml_assets.cli.app import app
from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.assets import recipe_assets
from ml_assets.orchestration.beta import expected_beta
from ml_assets.orchestration.location import model_repository
from ml_assets.orchestration.measured import spending
from ml_assets.orchestration.runs import RunFailedError, execute, open_instance
from ml_assets.recipe.loading import load_recipe
from ml_assets.registry import costs
from ml_assets.registry.spending import spending as spent_since
from ml_assets.settings import read_settings
from ml_assets_tests.support.pages import client_of, section
from ml_assets_tests.support.tide import MODEL

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DAYS, ROWS = 3, 160
RECIPE = (
    MODEL.replace("tide", "made").replace("*.csv", "made.csv")
    + """\
batches: {column: day, period: daily}
training: {first: 2, folds: 2}
monitoring: {min_rows: 50}
retraining: {budget: {cpu_hours: 100}}
"""
)
STEP_OF = {"training_set": "split", "test_set": "split"}
"""Assets that a step makes which has another name."""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelState]:
    """Three days that arrived, a first model, and the asset `backtest`, which says that it is too early."""
    folder = tmp_path_factory.mktemp("costs")
    frame = pd.concat(made_rows(DAYS, ROWS, 0).values()).drop(columns="row_id__")
    frame.to_csv(folder / "made.csv", index=False)
    path = folder / "made.yaml"
    path.write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ML_ASSETS_HOME", str(folder / "home"))
        patch.setenv("ML_ASSETS_RECIPES", str(folder))
        assert CliRunner().invoke(app, ["backfill", "--recipe-file", str(path)]).exit_code == 0
        state = ModelState(load_recipe(path), path, read_settings())
        with open_instance(state.settings) as instance:
            backtest = [each for each in assets_of(state) if each.keys == {dg.AssetKey(["made", "backtest"])}]
            assert dg.materialize(backtest, instance=instance).success
        yield state


def assets_of(state: ModelState) -> list[dg.AssetsDefinition]:
    with expected_beta():
        return recipe_assets(state)


def told(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["costs", *arguments, "--json"])
    return json.loads(result.stdout.splitlines()[-1]) | {"code": result.exit_code}


def test_every_asset_of_the_graph_is_measured_where_all_are(state: ModelState) -> None:
    """No step is a generator: it would have done nothing when it is measured."""
    for asset in assets_of(state):
        step: Any = asset.op.compute_fn
        assert step.decorated_fn.__code__.co_name == "costing", asset.keys
        assert not inspect.isgeneratorfunction(step.decorated_fn.__wrapped__), asset.keys


def test_every_asset_shows_what_its_step_has_cost_and_the_table_has_it(state: ModelState) -> None:
    known = {each.asset: each for each in costs.by_asset(state.ledger, LONG_AGO, "made")}
    graph = model_repository(state).asset_graph
    with open_instance(state.settings) as instance:
        for key in graph.get_all_asset_keys():
            event = instance.get_latest_materialization_event(key)
            assert event is not None and event.asset_materialization is not None, key
            shown: dict[str, Any] = {
                name: value.value for name, value in event.asset_materialization.metadata.items()
            }
            step = known.pop(STEP_OF.get(key.path[1], key.path[1]), None)
            assert step is not None or key.path[1] in STEP_OF, key
            assert 0 < shown["step_cpu_seconds"] < 600 and 0 < shown["step_seconds"] < 600, key
            assert 10**7 < shown["step_peak_bytes"] < 10**11, key
            if step is not None:
                assert step.cpu_seconds >= shown["step_cpu_seconds"] - 1e-9 and step.failed == 0
    assert not known


def test_rows_and_bytes_are_those_that_were_kept(state: ModelState) -> None:
    known = {each.asset: each for each in costs.by_asset(state.ledger, LONG_AGO, "made")}
    assert known["raw_data"].rows_written == DAYS * ROWS
    assert known["cleaned_features"].rows_written == DAYS * ROWS
    assert known["cleaned_features"].rows_read >= DAYS * ROWS
    assert known["split"].rows_written == known["split"].rows_read > 0
    version = state.registry.files.location(state.registry.version("made", 1).model_uri)
    files = sum(file.stat().st_size for file in Path(version.removeprefix("file://")).rglob("*"))
    assert known["trained_model"].bytes_written > files > 0


def test_a_training_is_told_with_its_version_and_what_came_of_it(state: ModelState) -> None:
    found = spent_since(state.ledger, LONG_AGO, "made")
    (training,) = found.trainings
    assert (training.version, training.promoted, training.batch) == (1, True, "2024-01-02")
    assert 0 < training.cpu_seconds == found.training_cpu_seconds < found.cpu_seconds
    assert found.lost_cpu_seconds == 0
    assert found.cpu_seconds == pytest.approx(sum(each.cpu_seconds for each in found.assets))
    later = datetime.now(UTC) + timedelta(hours=1)
    assert (
        spent_since(state.ledger, later, "made").steps,
        spent_since(state.ledger, later, "none").steps,
    ) == (
        0,
        0,
    )


def test_step_that_fails_has_cost_something_too(state: ModelState) -> None:
    before = spent_since(state.ledger, LONG_AGO, "made")
    with open_instance(state.settings) as instance, pytest.raises(RunFailedError):
        execute(instance, model_repository(state), "made_monitor", partition="2024-02-01")
    after = spent_since(state.ledger, LONG_AGO, "made")
    assert (after.failed, after.steps) == (before.failed + 1, before.steps + 1)


def test_command_tells_all_models_and_one(state: ModelState) -> None:
    every = told()
    (one,) = every["models"]
    assert (
        every["code"] == 0
        and one["name"] == "made"
        and one["dearest"] in {each["asset"] for each in one["assets"]}
    )
    stored = sum(file.stat().st_size for file in (state.folder).glob("*/**/*") if file.is_file())
    assert sum(one["bytes_kept"].values()) == stored
    assert one["budget"].endswith("of 100 hours of CPU (retraining.budget.cpu_hours)")
    assert told("made")["models"][0]["assets"] == one["assets"]
    text = CliRunner().invoke(app, ["costs", "made"]).stdout
    assert all(asset in text for asset in ("raw_data", "split", "champion", "backtest"))
    assert "each training's model was put in charge" in text and "2024-01-02  v1" in text
    assert CliRunner().invoke(app, ["costs"]).stdout.splitlines()[0].split()[:3] == ["name", "steps", "wall"]
    assert told("made", "--since", "2999-01-01")["models"][0]["steps"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--since", "yesterday"), 2, "--since 'yesterday' is no date: write it as 2026-11-01"),
        (("maid",), 2, "there is no model 'maid' (known: made). Did you mean 'made'?"),
    ],
)
def test_command_says_what_is_wrong_with_its_arguments(
    state: ModelState, arguments: tuple[str, ...], code: int, words: str
) -> None:
    answer = told(*arguments)
    assert answer["code"] == code and words in answer["error"]


def test_page_of_the_model_has_what_it_costs(state: ModelState) -> None:
    with client_of(state.settings) as client:
        words = section(client.get("/models/made").text, "spent")
    assert "In the last 30 days" in words and "trained_model" in words
    assert "each training's model was put in charge" in words


def test_costs_follow_a_model_to_its_new_name(state: ModelState) -> None:
    before = spent_since(state.ledger, LONG_AGO, "made")
    costs.rename(state.ledger, "made", "other")
    assert spent_since(state.ledger, LONG_AGO, "made").steps == 0
    assert spent_since(state.ledger, LONG_AGO, "other").steps == before.steps
    costs.rename(state.ledger, "other", "made")


def test_spending_has_cpu_of_processes_that_ended_and_the_peak_though_an_earlier_one_was_higher() -> None:
    earlier = b"x" * 300_000_000
    del earlier
    with spending() as spent:
        code = "import time\nwhile time.process_time() < 0.3: pass"
        subprocess.run([sys.executable, "-c", code], check=True)
        inside = spent()
        held = b"x" * 150_000_000
        time.sleep(0.3)
        del held
        found = spent()
    with spending() as spent:
        calm = spent()
    assert inside.cpu_seconds >= 0.3 and inside.seconds > 0.3
    assert found.peak_bytes is not None and calm.peak_bytes is not None
    assert found.peak_bytes > calm.peak_bytes + 100_000_000
