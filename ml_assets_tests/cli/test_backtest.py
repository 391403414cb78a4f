"""`ml-assets backtest` on a small file: the interface, the asset of the same without fits, and the static table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from benchmarks.trust.streams import made_rows
from ml_assets.cli.app import app

RECIPE = """
name: made
model:
  class_path: sklearn.linear_model.LogisticRegression
  hyperparameters: {C: 1.0}
  loader: {source_uri: "made.csv"}
  data_interface: {task_type: classification, target_col: y}
hyperparameter_tuning: {enabled: false, metric: roc_auc}
"""
BATCHES = "batches: {column: day, period: daily}\ntraining: {first: 4, window: 4}\n"
COUNT = 9
"""Days that were made: of five of them a policy is replayed."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("backtest")
    frame = pd.concat(made_rows(COUNT, 320, 0, 5).values()).drop(columns="row_id__")
    frame.to_csv(folder / "made.csv", index=False)
    (folder / "made.yaml").write_text(RECIPE + BATCHES)
    (folder / "static.yaml").write_text(RECIPE.replace("name: made", "name: static"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ML_ASSETS_HOME", str(folder / "home"))
        yield folder


@pytest.fixture(scope="module")
def first(folder: Path) -> tuple[int, dict[str, Any], str]:
    """The first run of the command: its exit code, its result and its progress."""
    return run(folder / "made.yaml")


def run(path: Path) -> tuple[int, dict[str, Any], str]:
    result = CliRunner().invoke(app, ["backtest", "--recipe-file", str(path), "--json"])
    return result.exit_code, json.loads(result.stdout.splitlines()[-1]), result.stderr


def test_backtest_tells_every_policy_and_recommends_one(first: tuple[int, dict[str, Any], str]) -> None:
    code, told, progress = first
    assert code == 0
    assert {"name", "metric", "policies", "recommended"} <= told.keys()
    assert told["metric"] == "roc_auc"
    for row in told["policies"]:
        assert {"policy", "score", "interval", "retrains", "seconds", "dates"} <= row.keys()
        assert len(row["dates"]) == row["retrains"]
    assert told["recommended"] in [row["policy"] for row in told["policies"]]
    assert told["section"] is None or told["section"].startswith("retraining: {")
    assert "fits     [####################] 6 of 6" in progress


def test_static_table_has_no_history(folder: Path) -> None:
    code, told, _ = run(folder / "static.yaml")
    assert code == 2
    assert "no history" in told["error"]


def test_asset_shows_the_same_backtest_without_a_fit_and_says_why_there_is_none(
    folder: Path, first: tuple[int, dict[str, Any], str]
) -> None:
    from ml_assets.backtest.errors import TooShortError
    from ml_assets.cli.validate import load_state
    from ml_assets.features.cleaning import clean
    from ml_assets.lifecycle.backtest import backtest_report
    from ml_assets.orchestration.display import backtest_metadata
    from ml_assets.settings import read_settings

    _, told, _ = first
    state = load_state(folder / "made.yaml", read_settings())
    batches = [f"2024-01-{day:02}" for day in range(1, COUNT + 1)]
    for known in (0, 5, COUNT):
        for batch in batches[:known]:
            cleaned = clean(state.read(batch), state.recipe, batch).frame
            state.store.write_frame("cleaned_features", batch, cleaned)
        if known < COUNT:
            with pytest.raises(TooShortError, match=f"{known} batches, too few"):
                backtest_report(state, lambda text: None)
    fits = sorted((folder / "home" / "backtests").rglob("*.json"))
    times = [path.stat().st_mtime_ns for path in fits]
    tried = backtest_report(state, lambda text: None)
    assert fits == sorted((folder / "home" / "backtests").rglob("*.json"))
    assert fits and [path.stat().st_mtime_ns for path in fits] == times
    assert json.loads(tried.result.model_dump_json()) == told
    shown = backtest_metadata(tried.result)
    assert all(png.startswith(b"\x89PNG") for png in tried.pictures.values()) and tried.pictures
    assert shown["recommended"] == told["recommended"]
    assert len(shown["policies"].records) == len(told["policies"])
    static = load_state(folder / "static.yaml", read_settings())
    with pytest.raises(TooShortError, match="no history"):
        backtest_report(static, lambda text: None)
