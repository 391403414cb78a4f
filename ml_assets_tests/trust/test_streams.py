"""The benchmark's streams walk through the product's replay; here one of them walks through the graph, too."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.trust import together
from ml_assets.backtest.stream import Stream
from ml_assets.lifecycle.intake import clean_step, predict_step, raw_step
from ml_assets.lifecycle.split import split_step
from ml_assets.lifecycle.state import ModelState
from ml_assets.lifecycle.train import champion_step, evaluate_step, train_step
from ml_assets.lifecycle.watch import drift_step
from ml_assets.names import BATCH
from ml_assets.recipe.loading import load_recipe
from ml_assets.records import DriftReport
from ml_assets.registry.tracking import ensure_experiment
from ml_assets.settings import Settings

NEW = 5
"""Batches after those that the champion has learned."""
WORLD = together.WORLDS["declared entities, 20 rows each"]


def plain(value: Any) -> Any:
    """A record without the last digits of its numbers."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return round(value, 9) if isinstance(value, float) else value


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path) -> list[DriftReport]:
    """The reports of the graph's steps: each batch is taken in, and after twelve a model is trained."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("recipes")
    shutil.copyfile(mlflow_template, home / "mlflow.db")
    path = folder / "together.yaml"
    text = together.RECIPE.format(period=WORLD.period, entity=WORLD.entity)
    fixed = "  hyperparameters: {alpha: 1.0}\n  loader:"
    text = text.replace("  loader:", fixed, 1).replace("{metric:", "{enabled: false, metric:")
    path.write_text(text)
    stream = together.made(WORLD, 1, NEW)
    (folder / "made").mkdir()
    for batch, frame in stream.frames.items():
        frame.drop(columns="row_id__").to_csv(folder / "made" / f"{batch}.csv", index=False)
    state = ModelState(load_recipe(path), path, Settings(home=home, recipes=(folder,)))
    client = state.registry.client
    run = str(client.create_run(ensure_experiment(client, state.settings, state.name)).info.run_id)
    reports = []
    for place, batch in enumerate(stream.labels):
        assert not raw_step(state, batch).problems
        clean_step(state, batch)
        predict_step(state, batch)
        if place >= together.LEARNED:
            reports.append(drift_step(state, batch, run).report)
        if place == together.LEARNED - 1:
            split_step(state, batch)
            train_step(state, batch, run, lambda _: None)
            evaluate_step(state, batch)
            promotion = champion_step(state, batch, run, "test", lambda _: None).promotion
            assert promotion.outcome == "promote"
    return reports


def test_a_stream_of_the_benchmark_is_reported_as_the_graph_reports_it(lived: list[DriftReport]) -> None:
    """Columns, joint change and predictions, each with the history of the batches that were learned."""
    raw = together.made(WORLD, 1, NEW).rows.drop(columns=["row_id__", BATCH])
    replayed = list(together.reports(Stream.of(together.recipe(WORLD.period, WORLD.entity), raw)))
    assert len(replayed) == NEW
    for live, again in zip(lived, replayed, strict=True):
        assert again.predictions and again.predictions[0].usual is not None
        assert plain(again.model_dump(mode="json")) == plain(live.model_dump(mode="json"))
