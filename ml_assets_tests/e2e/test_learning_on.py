"""A network that begins from the champion, from the command line to the gate, and what it cannot begin from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.evaluate import predict
from ml_assets.lifecycle.beginning import fitted_again
from ml_assets.lifecycle.served import row_ids_learned
from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe.loading import load_recipe
from ml_assets.settings import read_settings
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets

pytestmark = pytest.mark.extras

RECIPE = """\
name: shop
model:
  class_path: ml_assets.networks.MLPClassifier
  hyperparameters: {start_from: champion, max_epochs: 15, hidden: [32, 16]}
  loader: {source_uri: shop.csv}
  data_interface: {task_type: classification, target_col: bought}
hyperparameter_tuning: {enabled: false, metric: roc_auc}
"""
STREAM = """\
batches: {column: at, period: daily}
monitoring: {min_rows: 100}
training: {window: 3, first: 2}
retraining: {max_age: 2}
"""


def days(count: int, first: int = 0, rows: int = 250) -> pd.DataFrame:
    """Customers by day; from the sixth on some come from a town that nobody had come from."""
    rng = np.random.default_rng(first)
    x = rng.normal(size=(count * rows, 3)).round(4)
    day = first + np.arange(len(x)) // rows
    town = np.where((day > 4) & (rng.random(len(x)) < 0.2), "new", rng.choice(["here", "there"], len(x)))
    lift = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.5 * (town == "there") + 0.8 * (town == "new")
    bought = np.where(lift + 0.3 * rng.normal(size=len(x)) > 0.3, "yes", "no")
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D")
    return pd.DataFrame(x, columns=["x0", "x1", "x2"]).assign(town=town, bought=bought, at=at)


def state_of(path: Path) -> ModelState:
    return ModelState(load_recipe(path), path, read_settings())


def test_each_champion_learns_on_from_the_one_before(shop: Shop, caplog: Any) -> None:
    days(8).to_csv(shop.folder / "shop.csv", index=False)
    path = shop.write("shop.yaml", RECIPE + STREAM)
    with caplog.at_level("INFO", logger="ml_assets"):
        walked = ml_assets("backfill", "--recipe-file", path, "--json")
    assert walked.code == 0, walked.err
    assert "start_from: champion: there is none yet, so the network begins from scratch" in caplog.text
    assert "the network begins from version 1" in caplog.text
    state = state_of(path)
    versions = state.registry.versions("shop")
    began = [each.trained.training.began_from for each in versions]
    assert began[:2] == [None, 1] and len(began) >= 3 and None not in began[1:]
    last = versions[-1]
    assert last.trained.training.params["start_from"] == began[-1]
    assert f"begins from the weights of version {began[-1]}" in last.trained.training.notes
    # Rows that any version before it had learned are none that may judge it.
    learned = set(row_ids_learned(state, last.version))
    assert learned > set(state.registry.files.trained_row_ids("shop", last.version))
    assert learned > set(state.registry.files.trained_row_ids("shop", 1))
    # A new town has a level of its own, and those before keep theirs.
    pipelines = [state.registry.files.load("shop", version) for version in (1, last.version)]
    levels = [pipeline[0].levels_["town"] for pipeline in pipelines]
    assert levels[0] == ["here", "there"] and levels[1][:2] == levels[0]
    assert pipelines[1][-1].start_from == began[-1]  # its weights are not stored twice
    # The same again is the same; with no epoch it is the version from which it began.
    rows = state.registry.files.reference("shop", last.version)
    once, twice = (fitted_again(state, rows, last.trained.training) for _ in range(2))
    asked = days(1, first=9)
    pd.testing.assert_frame_equal(predict(once, asked), predict(twice, asked), check_exact=True)
    none = last.trained.training.params | {"max_epochs": 0}
    still = fitted_again(state, rows, last.trained.training.model_copy(update={"params": none}))
    before = state.registry.files.load("shop", int(began[-1] or 0))
    pd.testing.assert_frame_equal(predict(still, asked), predict(before, asked), check_exact=True)
    explained = ml_assets("explain", "shop", "--json")
    assert explained.code == 0, explained.err
    told = ml_assets("backtest", "shop", "--json")
    assert told.code == 0, told.err
    assert "Each begins from scratch, not from the version that start_from names" in told.result["note"]


@pytest.fixture
def trained(shop: Shop) -> Path:
    """A first version, of a table without batches, from scratch."""
    days(2).drop(columns="at").to_csv(shop.folder / "shop.csv", index=False)
    path = shop.write("shop.yaml", RECIPE.replace("start_from: champion, ", ""))
    assert ml_assets("train", "--recipe-file", path, "--json").code == 0
    return path


def test_what_it_cannot_begin_from_is_told_in_one_line(trained: Path, shop: Shop) -> None:
    frame = pd.read_csv(shop.folder / "shop.csv")

    def refused(text: str, rows: pd.DataFrame = frame) -> str:
        rows.to_csv(shop.folder / "shop.csv", index=False)
        trained.write_text(text)
        return ml_assets("train", "--recipe-file", trained, "--json").message

    place = "shop: model.hyperparameters.start_from: "
    told = refused(RECIPE.replace("champion", "7"))
    assert f"{place}shop has no version 7 in the ledger (registered: 1): name one that is registered" in told
    told = refused(RECIPE.replace("MLPClassifier", "TransformerClassifier").replace(", hidden: [32, 16]", ""))
    assert "version 1 is of ml_assets.networks.MLPClassifier, and the recipe names" in told
    told = refused(RECIPE.replace("[32, 16]", "[32, 8]"))
    assert "version 1 is another network (hidden: [32, 16], not [32, 8]): write what it has" in told
    assert "version 1 learned 'x1', which the rows lack" in refused(RECIPE, frame.drop(columns="x1"))
    three = frame.assign(bought=np.where(np.arange(len(frame)) % 3, frame["bought"], "maybe"))
    assert "knows the classes no, yes, and the rows have maybe, no, yes: leave" in refused(RECIPE, three)
    (model,) = shop.home.rglob("model.pkl")
    model.write_bytes(model.read_bytes()[:-1] + b"\0")
    told = refused(RECIPE, frame)
    assert "A file was changed after training. Nothing was loaded" in told


def test_a_new_column_is_not_learned_and_said(trained: Path, shop: Shop) -> None:
    frame = pd.read_csv(shop.folder / "shop.csv")
    frame.assign(x9=frame["x0"] ** 2).to_csv(shop.folder / "shop.csv", index=False)
    trained.write_text(RECIPE)
    told = ml_assets("train", "--recipe-file", trained)
    assert told.code == 0, told.err
    assert "'x9' (version 1, from which the network begins, has no such column)" in told.out
