"""Every demo recipe, and one without an estimator, obeys the same list of laws."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from ml_assets.cli.models import file_state
from ml_assets.orchestration.location import definitions_of
from ml_assets.orchestration.runs import execute, open_instance
from ml_assets.settings import DEMO_RECIPES
from ml_assets.sources import churn
from ml_assets_tests.support.command_line import ml_assets
from ml_assets_tests.support.laws import LAWS, Example

INCOMES = """\
# The shortest useful recipe: no estimator, so the automatic search.
name: incomes
model:
  loader: {source_uri: incomes.csv}
  data_interface: {task_type: classification, target_col: income}
hyperparameter_tuning: {n_trials: 4}
"""
SHOPS = """\
# Columns that are prepared, made and selected by name, over time.
name: shops
model:
  class_path: sklearn.linear_model.Ridge
  loader: {source_uri: shops.csv}
  preprocessor:
    name: custom_preprocessor
    params:
      outlier_detection: true
      outlier_treatment: flag
      column_sets:
        - {columns: [price], missing_strategy: interpolation, numerical_strategy: robust}
        - {columns: [rating], missing_strategy: drop, outlier_method: zscore, outlier_treatment: remove}
        - {columns: [town], categorical_strategy: target}
  feature_engineering:
    date_parts: {columns: [at], parts: [weekday, weekend]}
    interactions: [[price, rating], [town, kind]]
    polynomials: {columns: [price]}
    lags: {columns: [price]}
    rolling: {columns: [visits], windows: [3, 7d], statistics: [mean, max]}
    functions: [ml_assets_tests.support.own_features.magnitude]
    history: 2
  feature_selection: {method: anova, keep: 0.8}
  data_interface: {task_type: regression, target_col: sold, entity_cols: [shop]}
batches: {column: at, period: weekly}
"""
RENTALS = """\
# A forecast of a week ahead, whose labels come a week late.
name: rentals
model:
  class_path: sklearn.ensemble.HistGradientBoostingRegressor
  loader: {source_uri: rentals.csv}
  feature_engineering: {horizon: 7d, season: 7d, date_parts: {columns: [at], parts: [weekday]}}
  data_interface: {task_type: timeseries, target_col: rented, entity_cols: [station]}
batches: {column: at, period: weekly}
monitoring: {label_delay: 1}
"""
RECIPES = ("churn", "iris", "diabetes", "incomes", "shops", "rentals")


def incomes(rows: int = 600) -> pd.DataFrame:
    """People with missing values, a rare occupation, and an income above or below a limit."""
    random = np.random.default_rng(0)
    age = random.integers(17, 90, rows)
    hours = random.normal(40, 12, rows).clip(1, 99).round()
    education = random.choice(["school", "college", "doctorate"], rows, p=[0.6, 0.35, 0.05])
    gain = np.where(random.random(rows) < 0.1, random.gamma(2, 3000, rows).round(), 0.0)
    risk = (hours - 40) / 6 - ((age - 50) / 15) ** 2 + 2.0 * (education != "school") + gain / 1500
    frame = pd.DataFrame(
        {
            "age": age,
            "weight": random.integers(10_000, 500_000, rows),
            "education": education,
            "occupation": random.choice(["sales", "craft", None], rows),
            "gain": gain,
            "hours": hours,
            "income": np.where(risk + random.logistic(0, 0.5, rows) > 0.5, ">50K", "<=50K"),
        }
    )
    return frame.assign(hours=frame["hours"].mask(random.random(rows) < 0.05))


def shops(weeks: int = 8) -> pd.DataFrame:
    """Twelve shops, each day: prices that move slowly and are missing at times, and what was sold for them."""
    random = np.random.default_rng(4)
    days = pd.date_range("2024-01-01", periods=7 * weeks)
    frame = pd.MultiIndex.from_product([days, [f"s{k}" for k in range(12)]], names=["at", "shop"]).to_frame(
        index=False
    )
    rows = len(frame)
    moves = random.normal(0, 0.3, (len(days), 12)).cumsum(axis=0)
    price = 10 + moves.reshape(-1) + random.normal(0, 0.2, rows)
    frame = frame.assign(
        price=price,
        rating=random.uniform(1, 5, rows),
        visits=random.poisson(30, rows).astype(float),
        town=[f"t{int(shop[1:]) % 5}" for shop in frame["shop"]],
        kind=[("food", "tools")[int(shop[1:]) % 2] for shop in frame["shop"]],
    )
    weekend = 8 * (frame["at"].dt.weekday >= 5)
    towns = frame["town"].map({"t0": 0.0, "t1": 4.0, "t2": 8.0, "t3": 12.0, "t4": 16.0})
    frame["sold"] = 60 - 3 * price + 4 * frame["rating"] + weekend + towns + random.normal(0, 2, rows)
    gaps = random.random((rows, 2)) < 0.06
    return frame.assign(price=frame["price"].mask(gaps[:, 0]), rating=frame["rating"].mask(gaps[:, 1]))


def rentals(weeks: int = 26) -> pd.DataFrame:
    """Six stations, each day: a level that drifts, a week that comes again, and more rented where it is warm."""
    random = np.random.default_rng(5)
    days = pd.date_range("2024-01-01", periods=7 * weeks)
    frame = pd.MultiIndex.from_product([days, [f"s{k}" for k in range(6)]], names=["at", "station"]).to_frame(
        index=False
    )
    level = 40 + random.normal(0, 0.4, (len(days), 6)).cumsum(axis=0).reshape(-1)
    warm = random.normal(15, 5, len(days)).repeat(6)
    week = np.array([0.0, 1.0, 2.0, 3.0, 8.0, 20.0, 14.0])[frame["at"].dt.weekday]
    rented = level + week + 1.5 * warm + random.normal(0, 2, len(frame))
    return frame.assign(warm=warm.round(1), rented=rented.round(1))


@pytest.fixture(scope="module", params=RECIPES)
def example(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path
) -> Iterator[Example]:
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copyfile(mlflow_template, folder / "mlflow.db")
    path = DEMO_RECIPES / f"{request.param}.yaml"
    if request.param == "churn":
        churn.write(folder / "churn", months=6, rows=500)
    if request.param == "incomes":
        incomes().to_csv(folder / "incomes.csv", index=False)
        path = folder / "incomes.yaml"
        path.write_text(INCOMES)
    if request.param == "shops":
        shops().to_csv(folder / "shops.csv", index=False)
        path = folder / "shops.yaml"
        path.write_text(SHOPS)
    if request.param == "rentals":
        rentals().to_csv(folder / "rentals.csv", index=False)
        path = folder / "rentals.yaml"
        path.write_text(RENTALS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ML_ASSETS_HOME", str(folder))
        patch.setenv("ML_ASSETS_DEMO_DATA", str(folder))
        patch.setenv("ML_ASSETS_MODULES", "ml_assets_tests.support")
        for name in ("MLFLOW_TRACKING_URI", "DAGSTER_HOME", "ML_ASSETS_RECIPES"):
            patch.setenv(name, "")
        result = ml_assets("train", "--recipe-file", path, "--json")
        assert result.code == 0, result.err
        state = file_state(path)
        as_of = state.store.batches("champion")[-1]
        repository = definitions_of([state], [], state.settings).get_repository_def()
        partition = as_of if state.recipe.batches else None
        with open_instance(state.settings) as instance:
            execute(instance, repository, f"{state.name}_monitor", partition=partition)
        yield Example(state, as_of)
    mlflow.set_tracking_uri(None)
    os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Callable[[Example], None], example: Example) -> None:
    law(example)
