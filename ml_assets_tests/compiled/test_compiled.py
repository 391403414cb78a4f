"""A compiled model gives the pipeline's own numbers, whatever the estimator, the preparation and the row."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from ml_assets.compiled import run
from ml_assets.compiled.alike import answers
from ml_assets.compiled.parity import frame_of
from ml_assets.compiled.refusal import NotCompiledError
from ml_assets.compiled.spec import ANSWERS, ARRAYS, CHECK, FOLDER, SPECIFICATION
from ml_assets.compiled.write import write
from ml_assets.features.cleaning import clean, clean_alone
from ml_assets.recipe.schema import Recipe
from ml_assets.registry.standard import RawRows, raw_rows
from ml_assets.training.fit import fit
from ml_assets_tests.serving.test_standard import raw, recipe_of

CLASSIFIERS: dict[str, dict[str, Any]] = {
    "xgboost.XGBClassifier": {"n_estimators": 25},
    "xgboost.XGBRFClassifier": {"n_estimators": 10},
    "sklearn.linear_model.LogisticRegression": {},
    "sklearn.linear_model.RidgeClassifier": {},
    "sklearn.linear_model.SGDClassifier": {"loss": "log_loss"},
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": {},
    "sklearn.svm.LinearSVC": {},
    "sklearn.tree.DecisionTreeClassifier": {},
    "sklearn.ensemble.RandomForestClassifier": {"n_estimators": 20},
    "sklearn.ensemble.ExtraTreesClassifier": {"n_estimators": 20},
    "sklearn.ensemble.GradientBoostingClassifier": {"n_estimators": 20},
    "sklearn.ensemble.HistGradientBoostingClassifier": {"max_iter": 20},
    "sklearn.neural_network.MLPClassifier": {"max_iter": 20, "hidden_layer_sizes": [8]},
    "ml_assets.estimators.kernel.KernelClassifier": {"n_components": 40, "scale": "range"},
    "sklearn.ensemble.VotingClassifier": {
        "estimators": [
            {"name": "one", "estimator": {"class_path": "xgboost.XGBClassifier"}},
            {"name": "two", "estimator": {"class_path": "sklearn.linear_model.LogisticRegression"}},
        ],
        "weights": [2, 1],
    },
    "sklearn.ensemble.StackingClassifier": {
        "estimators": [
            {"name": "one", "estimator": {"class_path": "sklearn.tree.DecisionTreeClassifier"}},
            {"name": "two", "estimator": {"class_path": "sklearn.linear_model.LogisticRegression"}},
        ],
    },
}  # fmt: skip
OF_TWO = (
    "xgboost.XGBRFClassifier",
    "sklearn.linear_model.RidgeClassifier",
    "sklearn.tree.DecisionTreeClassifier",
)
REGRESSORS: dict[str, dict[str, Any]] = {
    "xgboost.XGBRegressor": {"n_estimators": 25, "objective": "reg:tweedie"},
    "sklearn.linear_model.Ridge": {},
    "sklearn.linear_model.PoissonRegressor": {},
    "sklearn.ensemble.RandomForestRegressor": {"n_estimators": 20},
    "sklearn.ensemble.GradientBoostingRegressor": {"n_estimators": 20},
    "sklearn.ensemble.HistGradientBoostingRegressor": {"loss": "poisson", "max_iter": 20},
    "sklearn.neural_network.MLPRegressor": {"max_iter": 20, "hidden_layer_sizes": [8]},
    "ml_assets.estimators.kernel.KernelRegressor": {"n_components": 40},
}
PREPARED: dict[str, dict[str, Any]] = {
    "of two kinds": {"column_sets": [{"columns": ["share"], "numerical_strategy": "minmax"}]},
    "numbers as categories": {"categorical_features": ["count", "region", "member"]},
}
ENGINEERED: dict[str, dict[str, Any]] = {
    "products": {"interactions": [["count", "share"]], "polynomials": {"columns": ["count", "share"], "degree": 3}},
    "pairs": {"interactions": [["region", "member"]]},
}  # fmt: skip
DATES = {"date_parts": {"columns": ["when"], "parts": ["year", "quarter", "month", "week", "day", "day_of_year",
                                                       "weekday", "weekend", "hour", "minute", "days"]}}  # fmt: skip


class Saved:
    """A fitted pipeline and its compiled form in a folder."""

    def __init__(self, folder: Path, task: str, class_path: str, classes: int = 2, **model: Any) -> None:
        frame = raw(0, 400)
        target = frame["count"] * (50 // classes + 1) ** -1
        frame["target"] = (
            (target + 0.4 * frame["share"].fillna(0)).clip(0, classes - 1).astype(int)
            if task == "classification"
            else frame["count"] + frame["share"].fillna(0).abs()
        )
        self.recipe: Recipe = recipe_of(task, class_path, **model)
        for name in self.recipe.targets[1:]:
            frame[name] = frame["target"].to_numpy()[::-1]
        self.rows = clean(frame.drop(columns="truth"), self.recipe, "all").frame
        self.pipeline, training = fit(self.rows, self.recipe)
        self.known: RawRows = raw_rows(self.recipe, training, self.rows, frame)
        self.folder = folder
        self.why = write(folder, self.pipeline, self.known, self.recipe, self.rows)

    def load(self) -> run.Compiled:
        kinds = self.known.kinds.columns
        return run.load(self.folder, self.known.columns, kinds, self.recipe.model.loader.na_values)

    def expected(self, rows: list[tuple[Any, ...]]) -> list[np.ndarray[Any, Any]]:
        frame = frame_of(rows, self.known.columns, dict(self.known.kinds.columns))
        features = clean_alone(frame, self.recipe, self.known.kinds)[list(self.known.features)]
        return answers(self.pipeline, features)


def value(kind: str) -> st.SearchStrategy[Any]:
    if kind == "number":
        return st.none() | st.floats(-1e30, 1e30) | st.integers(-3, 60).map(float)
    if kind == "time":
        times = st.datetimes(min_value=pd.Timestamp("1900-01-01"), max_value=pd.Timestamp("2200-01-01"))
        return st.none() | times.map(lambda time: time.isoformat(timespec="microseconds"))
    known = st.sampled_from(["north", "south", "NA land", "True", "False", "missing", "-99.5"])
    return st.none() | known | st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)


def hold(saved: Saved, examples: int = 20) -> None:
    """Any rows get the same numbers from both, together and each alone."""
    assert saved.why is None, saved.why
    compiled = saved.load()
    assert compiled.spec.rows_checked >= 1000 and compiled.spec.worst <= 1e-6
    kinds = saved.known.kinds.columns
    row = st.tuples(*(value(kinds[name]) for name in saved.known.columns))

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(row, min_size=1, max_size=20))
    def holds(rows: list[tuple[Any, ...]]) -> None:
        V, C = compiled.encoder.rows(rows)
        together = compiled.scores(V, C)
        for k, (expected, found) in enumerate(zip(saved.expected(rows), together, strict=True)):
            assert run.difference(expected, found) <= 1e-6
            alone = np.concatenate([compiled.scores(V[i : i + 1], C[i : i + 1])[k] for i in range(len(rows))])
            assert run.difference(found, alone) <= (0 if compiled.by_rows else 1e-12)

    holds()


@pytest.mark.parametrize("class_path", CLASSIFIERS)
def test_shares_are_the_pipelines(tmp_path: Path, class_path: str) -> None:
    classes = 2 if class_path in OF_TWO else 3
    given_to = {"hyperparameters": CLASSIFIERS[class_path], "feature_engineering": DATES}
    hold(Saved(tmp_path, "classification", class_path, classes, **given_to))


@pytest.mark.parametrize("class_path", REGRESSORS)
def test_numbers_are_the_pipelines(tmp_path: Path, class_path: str) -> None:
    hold(Saved(tmp_path, "regression", class_path, hyperparameters=REGRESSORS[class_path]))


@pytest.mark.parametrize("how", PREPARED)
def test_columns_of_their_own_are_the_pipelines(tmp_path: Path, how: str) -> None:
    params = {"exclude_cols": ["unused"]} | PREPARED[how]
    hold(Saved(tmp_path, "classification", "xgboost.XGBClassifier", preprocessor={"params": params}))


@pytest.mark.parametrize("how", ENGINEERED)
def test_columns_made_of_several_are_the_pipelines(tmp_path: Path, how: str) -> None:
    selection = {"method": "anova", "keep": 0.7}
    class_path = "sklearn.linear_model.LogisticRegression"
    engineered = {"feature_engineering": ENGINEERED[how], "feature_selection": selection}
    hold(Saved(tmp_path, "classification", class_path, 3, **engineered))


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_categories_encoded_by_several_targets_are_the_pipelines(tmp_path: Path, task: str) -> None:
    path = f"sklearn.ensemble.HistGradientBoosting{'Classifier' if task == 'classification' else 'Regressor'}"
    prepared = {
        "hyperparameters": {"max_iter": 10},
        "preprocessor": {"params": {"exclude_cols": ["unused"], "categorical_strategy": "target"}},
        "feature_engineering": ENGINEERED["pairs"],
        "feature_selection": {"method": "anova", "keep": 0.7},
        "data_interface": {"task_type": task, "target_col": ["target", "other"]},
    }
    hold(Saved(tmp_path, task, path, 3, **prepared))


def test_what_cannot_be_told_as_data_says_why(tmp_path: Path) -> None:
    saved = Saved(tmp_path, "classification", "sklearn.neighbors.KNeighborsClassifier")
    assert saved.why == "KNeighborsClassifier is served as it is"
    with pytest.raises(NotCompiledError, match="served as it is"):
        saved.load()
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} == {SPECIFICATION, ANSWERS}
    with pytest.raises(NotCompiledError, match="train it again"):
        run.load(tmp_path / "another", (), {})


def test_a_model_that_answers_otherwise_here_is_not_taken(tmp_path: Path) -> None:
    saved = Saved(tmp_path, "classification", "xgboost.XGBClassifier", hyperparameters={"n_estimators": 5})
    check = tmp_path / FOLDER / CHECK
    said = json.loads(check.read_text())
    said["scores"][0][3] = [0.5, 0.5]
    check.write_text(json.dumps(said))
    with pytest.raises(NotCompiledError, match="answers otherwise here"):
        saved.load()


def test_nothing_is_unpickled_from_the_arrays(tmp_path: Path) -> None:
    saved = Saved(tmp_path, "regression", "sklearn.linear_model.Ridge")
    bomb = np.array([Bomb()], dtype=object)
    np.savez(tmp_path / FOLDER / ARRAYS, **{"model.coef": bomb})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        saved.load()
    assert "never_imported_by_anyone" not in sys.modules


class Bomb:
    def __reduce__(self) -> Any:
        return __import__, ("never_imported_by_anyone",)
