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
RECIPES = ("churn", "iris", "diabetes", "incomes")


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
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ML_ASSETS_HOME", str(folder))
        patch.setenv("ML_ASSETS_DEMO_DATA", str(folder))
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
