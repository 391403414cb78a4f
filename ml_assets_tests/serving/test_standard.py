"""A plain MLflow client hands the model its raw rows and gets what the pipeline says of the clean ones."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from ml_assets.evaluation.evaluate import predict
from ml_assets.features.cleaning import clean
from ml_assets.recipe.schema import Recipe
from ml_assets.registry.database import configure
from ml_assets.registry.tracking import RunPlace, ensure_experiment, log_training
from ml_assets.settings import Settings
from ml_assets.tasks.base import PROBABILITY
from ml_assets.training.fit import fit

ANSWERS: dict[str, Any] = {
    "integers": lambda truth: truth.astype(int),
    "truths": lambda truth: truth,
    "small letters": lambda truth: np.where(truth, "true", "false"),
    "texts": lambda truth: np.where(truth, "late", "on time"),
}


def raw(seed: int, rows: int = 120) -> pd.DataFrame:
    """Rows as pandas reads them: whole numbers, booleans, times, texts, some of each missing but the whole numbers."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "count": rng.integers(0, 50, rows),
            "share": rng.normal(size=rows),
            "member": rng.random(rows) < 0.5,
            "region": rng.choice(["north", "south", "NA land"], rows).astype(object),
            "when": pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 10**6, rows), unit="s"),
            "unused": "x",
        }
    )
    frame["truth"] = frame["count"] + 10 * frame["share"] + 5 * frame["member"] > 25
    frame.loc[::9, "share"] = np.nan
    frame.loc[::11, "region"] = None
    return frame


def recipe_of(task: str, class_path: str, **model: Any) -> Recipe:
    """A recipe with everything that cleaning does to a row alone."""
    return Recipe.model_validate(
        {
            "name": "shop",
            "model": {
                "class_path": class_path,
                "loader": {"source_uri": "rows.csv", "na_values": ["-99"]},
                "preprocessor": {"params": {"exclude_cols": ["unused"]}},
                "data_interface": {"task_type": task, "target_col": "target"},
                "feature_engineering": {"date_parts": {"columns": ["when"], "parts": ["hour", "weekday"]}},
                **model,
            },
            "training": {"window": "all", "folds": 2},
            "hyperparameter_tuning": {"enabled": False},
        }
    )


@pytest.fixture
def client(mlflow_home: Path) -> MlflowClient:
    return configure(Settings(home=mlflow_home))


def logged(client: MlflowClient, home: Path, recipe: Recipe, frame: pd.DataFrame) -> tuple[Any, str]:
    """The pipeline fitted on clean rows, and where its MLflow model is."""
    rows = clean(frame, recipe, "all").frame
    pipeline, training = fit(rows, recipe)
    place = RunPlace(ensure_experiment(client, Settings(home=home), recipe.name))
    made = log_training(
        client, place, recipe=recipe, pipeline=pipeline, training=training, rows=rows, raw=frame
    )
    return pipeline, str(client.get_logged_model(made.model_uri.removeprefix("models:/")).artifact_location)


@pytest.mark.parametrize("answer", ANSWERS)
def test_raw_rows_get_the_pipelines_answer_in_the_type_of_the_target(
    client: MlflowClient, mlflow_home: Path, answer: str
) -> None:
    recipe = recipe_of("classification", "xgboost.XGBClassifier", hyperparameters={"n_estimators": 15})
    frame, others = (
        each.assign(target=ANSWERS[answer](each["truth"])).drop(columns="truth") for each in (raw(0), raw(1))
    )
    pipeline, place = logged(client, mlflow_home, recipe, frame)
    model = mlflow.pyfunc.load_model(place)
    expected = predict(pipeline, clean(others, recipe, "all").frame)
    asked = others.drop(columns=["target", "unused"]).iloc[:, ::-1].set_index(pd.Index(range(7, 127)))
    found = model.predict(asked)
    truth = pd.read_csv(StringIO(others.to_csv()))["target"]
    assert found.dtype == truth.dtype and set(found) == set(truth)
    shares = model.predict(asked, params={"probabilities": True})
    for name in shares.columns:
        assert np.array_equal(shares[name], expected[f"{PROBABILITY}{name}"])
    named = dict(zip(expected["prediction"], found, strict=True))
    assert [named[label] for label in expected["prediction"]] == list(found)  # one label, one value
    # as a file gives them to someone who reads all as text, and with what the recipe calls missing
    text = asked.assign(count=asked["count"].astype(str), when=asked["when"].astype(str))
    text.loc[text["share"].isna(), "share"] = -99.0
    assert list(model.predict(text)) == list(found)
    one = [model.predict(asked.iloc[[k]])[0] for k in range(5)]
    assert one == list(found[:5])
    (row,) = model.input_example.head(1).to_dict("records")
    assert row["count"] == frame["count"].iloc[0] and row["region"] == frame["region"].iloc[0]


LOGISTIC = {"class_path": "sklearn.linear_model.LogisticRegression"}
TREES = {"class_path": "xgboost.XGBClassifier", "hyperparameters": {"n_estimators": 5}}
NETWORK = {"class_path": "ml_assets.networks.MLPClassifier", "hyperparameters": {"max_epochs": 2}}
SEVERAL = {"data_interface": {"task_type": "classification", "target_col": ["target", "other"]}}
COMPOSED: dict[str, Any] = {
    "calibrated": TREES | {"calibration": "isotonic"},
    "averaging": TREES | {"ensemble": {"method": "averaging", "estimators": [LOGISTIC]}, "calibration": "sigmoid"},
    "voting": TREES | {"ensemble": {"method": "voting", "estimators": [LOGISTIC]}, "threshold": 0.3},
    "stacking": TREES
    | {"ensemble": {"method": "stacking", "estimators": [LOGISTIC]}, "calibration": "isotonic", "threshold": 0.3},
    "blending": LOGISTIC | {"ensemble": {"method": "blending", "estimators": [TREES]}},
    "several targets": TREES | {"ensemble": {"method": "stacking", "estimators": [LOGISTIC]}} | SEVERAL,
    "a network": NETWORK | {"ensemble": {"method": "averaging", "estimators": [TREES]}, "calibration": "sigmoid"},
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.extras if name == "a network" else ()) for name in COMPOSED],
)
def test_what_is_composed_answers_alike_once_it_is_loaded(
    client: MlflowClient, mlflow_home: Path, name: str
) -> None:
    model = dict(COMPOSED[name])
    recipe = recipe_of("classification", model.pop("class_path"), **model)
    frame, others = (
        each.assign(target=each["truth"].astype(int), other=each["truth"]).drop(columns="truth")
        for each in (raw(0), raw(1))
    )
    if len(recipe.targets) == 1:
        frame = frame.drop(columns="other")
    pipeline, place = logged(client, mlflow_home, recipe, frame)
    loaded, expected = mlflow.pyfunc.load_model(place), predict(pipeline, clean(others, recipe, "all").frame)
    found, shares = loaded.predict(others), loaded.predict(others, params={"probabilities": True})
    if len(recipe.targets) > 1:
        assert [str(kind) for kind in found.dtypes] == ["int64", "bool"]
        assert found["target"].astype(str).tolist() == expected["prediction_target"].tolist()
        assert found["other"].astype(str).tolist() == expected["prediction_other"].tolist()
        assert np.array_equal(shares["target_1"], expected["probability_target_1"])
        assert np.array_equal(shares["other_True"], expected["probability_other_True"])
        return
    assert found.dtype == np.int64 and found.astype(str).tolist() == expected["prediction"].tolist()
    assert all(np.array_equal(shares[label], expected[PROBABILITY + label]) for label in ("0", "1"))


def test_a_regression_answers_in_numbers(client: MlflowClient, mlflow_home: Path) -> None:
    recipe = recipe_of("regression", "sklearn.linear_model.LinearRegression")
    frame, others = (each.assign(target=each["count"] * 2) for each in (raw(2), raw(3)))
    pipeline, place = logged(client, mlflow_home, recipe, frame)
    found = mlflow.pyfunc.load_model(place).predict(others)
    assert np.array_equal(found, predict(pipeline, clean(others, recipe, "all").frame)["prediction"])


def test_what_cannot_be_predicted_is_said_in_one_line(client: MlflowClient, mlflow_home: Path) -> None:
    recipe = recipe_of("regression", "sklearn.linear_model.LinearRegression")
    frame = raw(4).assign(target=1.0 * raw(4)["count"])
    _, place = logged(client, mlflow_home, recipe, frame)
    model = mlflow.pyfunc.load_model(place)
    with pytest.raises(Exception, match="count"):
        model.predict(frame.drop(columns="count"))
    with pytest.raises(ValueError, match="column 'count' is a number, and row 3 has 'many'"):
        model.predict(frame.assign(count=frame["count"].astype(object).where(frame.index != 3, "many")))
    lists = pd.Series([[1]] * len(frame))
    for name, values, found in (
        ("count", frame["when"], "times"),
        ("count", frame["when"].dt.tz_localize("UTC"), "times"),
        ("count", frame["when"].dt.date, "times"),
        ("count", frame["when"] - frame["when"].min(), "durations"),
        ("when", frame["count"], "numbers"),
        *((name, lists, "lists") for name in ("count", "when", "region")),
    ):
        with pytest.raises(ValueError, match=f"column '{name}' is a .*, and the rows have {found}"):
            model.predict(frame.assign(**{name: values}))
    lags = {"lags": {"columns": ["share"], "steps": [1]}, "time_col": "when"}
    _, place = logged(
        client,
        mlflow_home,
        recipe_of("regression", "sklearn.linear_model.LinearRegression", feature_engineering=lags),
        frame,
    )
    with pytest.raises(ValueError, match="made of earlier rows"):
        mlflow.pyfunc.load_model(place)


ELSEWHERE = """
import sys
sys.path[:] = {paths!r}
import mlflow.pyfunc, pandas as pd
try:
    import ml_assets.names
except ImportError:
    pass
else:
    raise SystemExit("ml_assets is installed here")
model = mlflow.pyfunc.load_model({place!r})
pd.Series(model.predict(pd.read_csv("rows.csv"))).to_csv("answers.csv", index=False)
"""


def test_a_client_without_ml_assets_gets_the_same(
    client: MlflowClient, mlflow_home: Path, tmp_path: Path
) -> None:
    recipe = recipe_of("classification", "xgboost.XGBClassifier", hyperparameters={"n_estimators": 5})
    frame = raw(5).assign(target=raw(5)["truth"].astype(int)).drop(columns="truth")
    pipeline, place = logged(client, mlflow_home, recipe, frame)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    here = Path(mlflow.__file__).parents[1]
    paths = [path for path in sys.path if path.startswith(sys.base_prefix)] + [str(here)]
    program = ELSEWHERE.format(paths=paths, place=place)
    subprocess.run([sys.executable, "-I", "-S", "-c", program], cwd=tmp_path, check=True, timeout=120)
    expected = predict(pipeline, clean(frame, recipe, "all").frame)["prediction"].astype(int)
    assert pd.read_csv(tmp_path / "answers.csv").iloc[:, 0].tolist() == expected.tolist()
