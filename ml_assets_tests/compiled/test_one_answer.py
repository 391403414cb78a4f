"""Served, batch and pipeline answer 1,000 awkward rows alike, whatever prepares columns and composes models."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.compiled.refusal import NotCompiledError
from ml_assets.compiled.run import load
from ml_assets.compiled.write import write
from ml_assets.features.cleaning import clean
from ml_assets.registry.standard import RAW_ROWS, raw_rows
from ml_assets.serving.standard import Predictor, cleaner
from ml_assets.serving.ways import Arrayed, Piped, Way
from ml_assets.training.fit import fit
from ml_assets_tests.serving.test_standard import raw, recipe_of
from ml_assets_tests.support.covering import PREPARATIONS, pairwise, prepared
from ml_assets_tests.support.three_ways import asked_of, hold_one_answer

LOGISTIC = "sklearn.linear_model.LogisticRegression"
FOREST = {"class_path": "sklearn.ensemble.RandomForestClassifier", "hyperparameters": {"n_estimators": 5}}
XGBOOST = {"class_path": "xgboost.XGBClassifier", "hyperparameters": {"n_estimators": 5}}


def held(folder: Path, task: str, class_path: str, **model: Any) -> Way:
    """Fit on 200 rows, compile, and hold the three ways against each other on rows that hypothesis seeds."""
    frame = raw(0, 200)
    signal = frame["count"] / 25 + 0.4 * frame["share"].fillna(0)
    if task == "classification":
        signal = pd.Series(np.where(signal > 1, "yes", "no"), index=frame.index)
    recipe = recipe_of(task, class_path, **model)
    for k, name in enumerate(recipe.targets):
        frame[name] = np.roll(signal, k)
    rows = clean(frame.drop(columns="truth"), recipe, "all").frame
    pipeline, training = fit(rows, recipe)
    known = raw_rows(recipe, training, rows, frame)
    (folder / RAW_ROWS).write_text(known.model_dump_json())
    why = write(folder, pipeline, known, recipe, rows)
    clean_rows = cleaner(folder, ())
    try:
        missing = recipe.model.loader.na_values
        way: Way = Arrayed(load(folder, known.columns, known.kinds.columns, missing), clean_rows)
    except NotCompiledError as error:
        assert str(error) == why
        way = Piped(Predictor(pickle.loads(pickle.dumps(pipeline)), clean_rows), str(why))

    @settings(max_examples=1, deadline=None)
    @given(st.integers(0, 2**31))
    def holds(seed: int) -> None:
        hold_one_answer(way, pipeline, recipe, rows, seed)

    holds()
    return way


PREPARED = pairwise({**PREPARATIONS, "class_path": [LOGISTIC, "xgboost.XGBClassifier"]})


@pytest.mark.parametrize("case", PREPARED, ids=lambda case: "-".join(map(str, case.values()))[:60])
def test_however_columns_are_prepared(tmp_path: Path, case: dict[str, Any]) -> None:
    params = {"exclude_cols": ["unused"], **prepared(case)}
    quick = {} if case["class_path"] == LOGISTIC else {"hyperparameters": {"n_estimators": 5}}
    way = held(tmp_path, "classification", case["class_path"], preprocessor={"params": params}, **quick)
    told = dict(case["outliers"])
    by_forest = told.get("outlier_method") == "isolation_forest" and told.get("outlier_treatment") == "flag"
    assert (way.name == "compiled") is not by_forest, way.why


COMPOSED = pairwise(
    {
        "ensemble": (None, "averaging", "voting", "stacking", "blending"),
        "calibration": ("off", "sigmoid", "isotonic"),
        "threshold": (None, 0.3),
        "first": ("linear", "forest", "xgboost"),
    }
)


@pytest.mark.parametrize("case", COMPOSED, ids=lambda case: "-".join(map(str, case.values())))
def test_however_shares_and_labels_are_decided(tmp_path: Path, case: dict[str, Any]) -> None:
    by_name = {"linear": {"class_path": LOGISTIC}, "forest": FOREST, "xgboost": XGBOOST}
    model = {"calibration": case["calibration"], "threshold": case["threshold"], **by_name[case["first"]]}
    if case["ensemble"]:
        others = [each for name, each in by_name.items() if name != case["first"]]
        model["ensemble"] = {"method": case["ensemble"], "estimators": others}
    assert held(tmp_path, "classification", model.pop("class_path"), **model).name == "compiled"


@pytest.mark.parametrize("method", [None, "averaging", "stacking", "blending"])
@pytest.mark.parametrize("targets", ["target", ["target", "other"]])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_numbers_and_several_targets(tmp_path: Path, task: str, targets: Any, method: str | None) -> None:
    one, two = (
        ("sklearn.ensemble.HistGradientBoostingClassifier", LOGISTIC)
        if task == "classification"
        else ("sklearn.linear_model.Ridge", "xgboost.XGBRegressor")
    )
    model: dict[str, Any] = {"data_interface": {"task_type": task, "target_col": targets}}
    if method is not None:
        model["ensemble"] = {"method": method, "estimators": [{"class_path": two}]}
    if one == LOGISTIC or "Ridge" not in one:
        model["hyperparameters"] = {"max_iter": 5}
    held(tmp_path, task, one, **model)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("ensemble", [True, False])
def test_forests_that_scikit_learn_calibrates(tmp_path: Path, method: str, ensemble: bool) -> None:
    inner = {"estimator": FOREST, "method": method, "cv": 2, "ensemble": ensemble}
    way = held(
        tmp_path, "classification", "sklearn.calibration.CalibratedClassifierCV", hyperparameters=inner
    )
    assert way.name == "compiled", way.why


@pytest.mark.parametrize("class_path", [LOGISTIC, "sklearn.naive_bayes.GaussianNB"])
def test_a_letter_and_its_accent_are_one_level_to_every_way(tmp_path: Path, class_path: str) -> None:
    """macOS writes two characters where others write one: compiled or not, both get one answer."""
    frame = raw(0, 200)
    frame["region"] = np.where(frame["region"] == "north", "Zu\u0308rich", "Köln")
    frame["target"] = np.where(frame["region"] == "Köln", "yes", "no")
    frame.loc[:20, "target"] = "no"
    recipe = recipe_of("classification", class_path)
    rows = clean(frame.drop(columns="truth"), recipe, "all").frame
    assert set(rows["region"].dropna()) == {"Zürich", "Köln"}
    pipeline, training = fit(rows, recipe)
    known = raw_rows(recipe, training, rows, frame)
    (tmp_path / RAW_ROWS).write_text(known.model_dump_json())
    why = write(tmp_path, pipeline, known, recipe, rows)
    clean_rows = cleaner(tmp_path, ())
    way: Way = Piped(Predictor(pipeline, clean_rows), str(why))
    if why is None:
        way = Arrayed(load(tmp_path, known.columns, known.kinds.columns, ()), clean_rows)
    row = dict.fromkeys(known.columns)
    given = [{**row, "region": name} for name in ("Köln", "Ko\u0308ln", "elsewhere")]
    assert way.name == ("compiled" if class_path == LOGISTIC else "pipeline")
    _, shares = way.answers(asked_of(known, given, shares=True))
    assert shares is not None and shares[0] == shares[1] != shares[2]
