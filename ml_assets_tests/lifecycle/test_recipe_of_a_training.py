"""What a recipe says of a training beside the model: what a search begins with, and what is explained of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from ml_assets.lifecycle.split import split_step
from ml_assets.lifecycle.train import evaluate_step, train_step
from ml_assets.records import Evaluation, TrainedModel
from ml_assets_tests.support.shore import Shore, day

SEARCH = {"enabled": True, "n_trials": 3, "sampler": "random", "metric": "roc_auc"}


def said(shore: Shore, most: float = 100.0, **sections: Any) -> None:
    """Let the recipe say something else, and search its parameter up to `most`."""
    path = shore.state.path
    recipe = yaml.safe_load(path.read_text())
    recipe["model"]["hyperparameters"] = {"C": {"type": "float", "low": 0.001, "high": most, "log": True}}
    for name, section in sections.items():
        recipe[name] = recipe.get(name, {}) | section
    path.write_text(yaml.safe_dump(recipe))
    shore._lives_in(shore.folder, shore.state.settings.home)


@pytest.fixture
def shore(tmp_path: Path, mlflow_home: Path) -> Shore:
    """A model whose parameter was searched, and the next day's rows."""
    shore = Shore(tmp_path / "shore", mlflow_home)
    said(shore, most=0.05, hyperparameter_tuning=SEARCH)
    for number in range(3):
        random = np.random.default_rng(number)
        frame = pd.DataFrame(random.normal(size=(200, 3)), columns=["a", "b", "c"])
        shore.put(number, frame.assign(y=np.where(frame["a"] + random.normal(size=200) > 0, "yes", "no")))
        shore.take_in(number)
    shore.train(1)
    return shore


def fitted(shore: Shore) -> TrainedModel:
    """The next model, before the gate."""
    split_step(shore.state, day(2))
    train_step(shore.state, day(2), shore.run, lambda _: None)
    return shore.state.store.read_record("trained_model", day(2), TrainedModel)


def test_a_search_begins_with_what_the_last_one_found_unless_the_recipe_says_no(
    shore: Shore, tmp_path: Path
) -> None:
    champion = shore.state.registry.champion(shore.state.name)
    assert champion is not None and champion.trained.training.tuning is not None
    best = champion.trained.training.tuning.best_params
    first = {}
    for warm in (True, False):
        copy = shore.copy(tmp_path / str(warm))
        said(copy, hyperparameter_tuning={"warm_start": warm})
        tuning = fitted(copy).training.tuning
        assert tuning is not None
        first[warm] = tuning.history[0].params
    assert first[True] == pytest.approx(best) and first[False] == {"C": 1.0} != best


def test_a_report_explains_as_many_rows_and_columns_as_the_recipe_says(shore: Shore) -> None:
    fitted(shore)
    told = {}
    for rows in (0, 7, None):
        said(shore, evaluation={"explanation": {"columns": 2} | ({} if rows is None else {"rows": rows})})
        evaluate_step(shore.state, day(2))
        told[rows] = shore.state.store.read_record("evaluation_report", day(2), Evaluation)
    assert not told[0].swarms and not told[0].swarms_of
    assert [len(each.adds) for each in told[7].swarms] == [7, 7]
    assert [len(each.adds) for each in told[None].swarms] == [60, 60]
    assert told[None].swarms[0].column == "a"
    assert told[0].scores == told[7].scores
