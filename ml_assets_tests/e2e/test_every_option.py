"""Every way to prepare, make and select columns is valid on real data and trains a model that beats the baseline."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ml_assets.cli.models import file_state
from ml_assets.cli.validate import look_and_check
from ml_assets.evaluation.evaluate import evaluate, predict
from ml_assets.features.cleaning import clean
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import STATIC
from ml_assets.recipe.yaml_text import dump_yaml
from ml_assets.training.fit import fit
from ml_assets.training.splits import split
from ml_assets_tests.support.options import Option, options
from ml_assets_tests.support.training_examples import SHARED

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SHARED.is_dir(), reason="the real data sets are not there"),
]

CREDIT = options(("duration", "credit_amount"), ("purpose", "savings_status"), None, classes=True)
TRAFFIC = options(("temp", "clouds_all"), ("weather_main", "weather_description"), "date_time", classes=False)
NEWEST = 4_000
"""Rows of the traffic, an hour each, that are looked at."""
TIMED = [name for name in TRAFFIC if name not in CREDIT]


def state_of(folder: Path, data: Path, task: str, target: str, estimator: str, option: Option) -> ModelState:
    """The state of a recipe with an option."""
    recipe = {
        "name": "example",
        "model": {
            "loader": {"source_uri": str(data)},
            "data_interface": {"task_type": task, "target_col": target},
            "class_path": estimator,
            **option,
        },
        "training": {"folds": 2},
    }
    path = folder / "example.yaml"
    path.write_text(dump_yaml(recipe))
    return file_state(path)


def trains(state: ModelState) -> None:
    checked = look_and_check(state)
    assert not checked.recipe
    assert not checked.data
    frame = clean(state.read(STATIC), state.recipe, STATIC, functions=state.functions).frame
    training, test = split(frame, state.recipe)
    model, result = fit(training, state.recipe)
    found = evaluate(
        state.recipe, test[state.recipe.target], predict(model, test), training[state.recipe.target]
    )
    ours, baseline = found.scores[found.metric].value, found.baseline[found.metric]
    assert ours > baseline if found.direction == "maximize" else ours < baseline
    assert result.learned > len(training) / 2


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ML_ASSETS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ML_ASSETS_MODULES", "ml_assets_tests.support")
    return tmp_path


@pytest.mark.parametrize("option", CREDIT)
def test_option_trains_on_credits(option: str, place: Path) -> None:
    estimator = "sklearn.linear_model.LogisticRegression"
    data = SHARED / "german_credit.csv"
    trains(state_of(place, data, "classification", "class", estimator, CREDIT[option]))


@pytest.mark.parametrize("horizon", ["1h", "1d"])
def test_rentals_are_forecast_better_than_by_the_naive_forecast(horizon: str, place: Path) -> None:
    made = {
        "preprocessor": {"params": {"exclude_cols": ["instant", "dteday", "yr", "casual", "registered"]}},
        "feature_engineering": {"time_col": "timestamp", "horizon": horizon, "season": "7d"},
    }
    estimator = "sklearn.ensemble.HistGradientBoostingRegressor"
    trains(state_of(place, SHARED / "bike_hour.csv", "timeseries", "cnt", estimator, made))


@pytest.mark.parametrize("option", TIMED)
def test_option_of_times_trains_on_traffic(option: str, place: Path) -> None:
    pd.read_csv(SHARED / "metro_traffic.csv").tail(NEWEST).to_csv(place / "traffic.csv", index=False)
    state = state_of(
        place,
        place / "traffic.csv",
        "regression",
        "traffic_volume",
        "sklearn.linear_model.Ridge",
        TRAFFIC[option],
    )
    trains(state)
