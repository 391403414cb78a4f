"""A constraint by name holds for every row, whatever the library and however columns are prepared."""

from __future__ import annotations

import pickle
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.evaluate import predict
from ml_assets.recipe.faults import Faults
from ml_assets.recipe.rules import check_consistency
from ml_assets.recipe.schema.preparing import OutlierMethod, OutlierTreatment, Scaler
from ml_assets.training.fit import fit
from ml_assets_tests.support.libraries import marks_of
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of

CASES = [
    ("sklearn.ensemble.HistGradientBoosting{}", "monotonic_cst", {"max_iter": 30}),
    ("sklearn.ensemble.RandomForest{}", "monotonic_cst", {"n_estimators": 10}),
    ("xgboost.XGB{}", "monotone_constraints", {"n_estimators": 30}),
    ("xgboost.XGB{}", "monotone_constraints", {"n_estimators": 30, "enable_categorical": True}),
    ("lightgbm.LGBM{}", "monotone_constraints", {"n_estimators": 30}),
    ("catboost.CatBoost{}", "monotone_constraints", {"iterations": 30}),
]


def recipe(
    kind: str, path: str, parameter: str, constraints: Any, more: dict[str, Any], **sections: Any
) -> Any:
    return recipe_of(
        "classification" if kind == "Classifier" else "regression",
        path.format(kind),
        {**more, parameter: constraints},
        training={"folds": 2},
        **sections,
    )


@pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
@pytest.mark.parametrize(
    ("path", "parameter", "more"), [pytest.param(*case, marks=marks_of(case[0])) for case in CASES]
)
@pytest.mark.parametrize("way", [1, -1])
def test_the_answer_goes_one_way_with_the_column(
    kind: str, path: str, parameter: str, more: dict[str, Any], way: int
) -> None:
    rows = mixed_rows(200, task="classification" if kind == "Classifier" else "regression")
    model, _ = fit(rows, recipe(kind, path, parameter, {"age": way}, more))
    again = pickle.loads(pickle.dumps(model))
    some = rows.head(10).loc[np.repeat(np.arange(10), 30)].reset_index(drop=True)
    some["age"] = np.tile(np.linspace(10, 80, 30), 10)
    column = "probability_yes" if kind == "Classifier" else "prediction"
    found = predict(again, some)[column].to_numpy(float).reshape(10, 30)
    assert (np.diff(found, axis=1) * way >= -1e-9).all()
    free = rows.head(1).loc[[0] * 30].assign(income=np.linspace(5, 60, 30))
    assert len(set(predict(again, free.reset_index(drop=True))[column])) > 1


@pytest.mark.parametrize("positive", ["yes", "no", "left"])
@pytest.mark.parametrize("ways", [{}, {"calibration": "sigmoid"}, {"threshold": {"metric": "f1"}}])
@pytest.mark.parametrize(
    ("path", "parameter", "more"), [pytest.param(*case, marks=marks_of(case[0])) for case in CASES]
)
def test_of_two_classes_the_share_of_the_positive_one_goes_that_way(
    path: str, parameter: str, more: dict[str, Any], ways: dict[str, Any], positive: str
) -> None:
    rows = mixed_rows(200)
    if positive == "left":  # by the recipe's default, the rarer class, which comes first in the alphabet
        rows["target"] = np.where(rows["age"].rank(pct=True) > 0.6, "left", "stays")
    asked = recipe("Classifier", path, parameter, {"age": 1}, more)
    wanted = {} if positive == "left" else {"positive_class": positive}
    model = asked.model.model_dump(mode="json", exclude_none=True)
    asked = type(asked).model_validate(
        {**asked.model_dump(mode="json", exclude_none=True), "model": {
            **model, **ways, "data_interface": {**model["data_interface"], **wanted},
        }}
    )  # fmt: skip
    fitted, told = fit(rows, asked)
    assert told.positive == positive
    some = rows.head(10).loc[np.repeat(np.arange(10), 30)].reset_index(drop=True)
    some["age"] = np.tile(np.linspace(10, 80, 30), 10)
    found = predict(fitted, some)[f"probability_{positive}"].to_numpy(float).reshape(10, 30)
    assert (np.diff(found, axis=1) >= -1e-9).all()
    assert positive != "left" or np.ptp(found) > 0


def test_each_of_several_targets_has_its_positive_class() -> None:
    rows = mixed_rows(200).dropna()
    rows["other"] = np.where(rows["age"].rank(pct=True) > 0.6, "left", "stays")
    asked = recipe_of(
        "classification", "xgboost.XGBClassifier",
        {"n_estimators": 20, "monotone_constraints": {"age": 1}},
        interface={"target_col": ["target", "other"]}, training={"folds": 2},
    )  # fmt: skip
    model, told = fit(rows, asked)
    some = rows.head(1).loc[[rows.index[0]] * 30].assign(age=np.linspace(10, 80, 30)).reset_index(drop=True)
    found = predict(model, some)
    for target, classes in told.target_classes.items():
        assert (np.diff(found[f"probability_{target}_{classes[-1]}"].astype(float)) >= -1e-9).all(), target
    assert len(set(found["probability_other_left"])) > 1


def test_of_three_classes_there_is_no_one_answer_that_could_rise() -> None:
    rows = mixed_rows(200)
    rows.loc[rows["age"] > 45, "target"] = "perhaps"
    asked = recipe("Classifier", "xgboost.XGB{}", "monotone_constraints", {"age": 1}, {"n_estimators": 5})
    with pytest.raises(ValueError, match=r"monotone_constraints: .* of 3 classes .* Leave it out"):
        fit(rows, asked)


@pytest.mark.parametrize("method", ["averaging", "stacking"])
def test_a_member_of_an_ensemble_has_constraints_by_name(method: str) -> None:
    rows = mixed_rows(200)
    rows["target"] = np.where(rows["age"].rank(pct=True) > 0.6, "left", "stays")
    asked = recipe("Classifier", "sklearn.tree.DecisionTree{}", "monotonic_cst", {"age": 1}, {"max_depth": 4})
    model = asked.model.model_dump(mode="json", exclude_none=True)
    member = {
        "class_path": "xgboost.XGBClassifier",
        "hyperparameters": {"n_estimators": 5, "monotone_constraints": {"age": 1}},
    }
    model["ensemble"] = {"method": method, "estimators": [member]}
    for hyperparameters in (model["hyperparameters"], {"max_depth": 1}):
        whole = {
            **asked.model_dump(mode="json", exclude_none=True),
            "model": {**model, "hyperparameters": hyperparameters},
        }
        fitted, _ = fit(rows, type(asked).model_validate(whole))
        some = rows.head(1).loc[[0] * 30].assign(age=np.linspace(10, 80, 30)).reset_index(drop=True)
        shares = predict(fitted, some)["probability_left"].to_numpy(float)
        assert (np.diff(shares) >= -1e-9).all() and len(set(shares)) > 1


@pytest.mark.parametrize(
    ("constraints", "more", "words"),
    [
        ({"agee": 1}, {}, "'agee' is no column of numbers. Did you mean 'age'"),
        ({"region": 1}, {}, "'region' is no column of numbers"),
        ({"age": 2}, {}, "found 2; allowed: 1, 0 or -1"),
        ({"age": 1}, {"feature_selection": {"method": "rfe"}}, "leave feature_selection out"),
    ],
)
def test_what_cannot_be_held_to_is_told(
    constraints: dict[str, int], more: dict[str, Any], words: str
) -> None:
    asked = recipe("Regressor", "xgboost.XGB{}", "monotone_constraints", constraints, {"n_estimators": 5})
    if more:
        asked = type(asked).model_validate(
            {
                **asked.model_dump(mode="json", exclude_none=True),
                "model": {**asked.model_dump(mode="json", exclude_none=True)["model"], **more},
            }
        )
    with pytest.raises(ValueError, match=words):
        fit(mixed_rows(100, task="regression"), asked)


def test_frames_keep_their_order() -> None:
    rows = mixed_rows(100, task="regression")
    asked = recipe("Regressor", "xgboost.XGB{}", "monotone_constraints", {"age": 1}, {"n_estimators": 5})
    model, _ = fit(rows, asked)
    shuffled = rows[rows.columns[::-1]]
    pd.testing.assert_frame_equal(predict(model, shuffled), predict(model, rows))


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize(
    ("params", "made"),
    [
        ({}, {}),
        *(({"numerical_strategy": each}, {}) for each in get_args(Scaler)),
        *(
            ({"outlier_detection": True, "outlier_method": method, "outlier_treatment": each}, {})
            for method in get_args(OutlierMethod)
            for each in get_args(OutlierTreatment)
        ),
        ({}, {"interactions": [["age", "income"]]}),
        ({}, {"polynomials": {"columns": ["age", "income"], "degree": 2}}),
    ],
)
def test_a_recipe_is_refused_or_its_constraint_holds(
    params: dict[str, Any], made: dict[str, Any], others: bool
) -> None:
    """However columns are prepared: the income alone is prepared so where it is about `others`."""
    draw = np.random.default_rng(0)
    rows = pd.DataFrame({"age": draw.normal(size=1500), "income": draw.normal(size=1500)})
    rows.loc[:60, "age"] = draw.uniform(6, 9, 61)
    # What is seen far out says the contrary, and so does the age together with the income.
    rows["target"] = rows["age"] - 20 * (rows["age"] > 5) - rows["age"] * rows["income"]
    asked = recipe("Regressor", CASES[0][0], "monotonic_cst", {"age": 1}, {})
    written = asked.model_dump(mode="json", exclude_none=True)
    sets = [{"columns": ["income"], **params}] if others else []
    given = {"column_sets": sets} if others else params
    written["model"] |= {
        "preprocessor": {"name": "custom_preprocessor", "params": given},
        "feature_engineering": made,
    }
    asked = type(asked).model_validate(written)
    try:
        check_consistency(asked)
    except Faults as faults:
        assert not others or made
        assert {key for key, _ in faults.faults} == {("model", "hyperparameters", "monotonic_cst")}
        return
    model, _ = fit(rows, asked)
    for income in (-1.5, 0.0, 1.5):
        some = pd.DataFrame({"age": np.linspace(-4, 12, 200), "income": income})
        assert (np.diff(np.asarray(model.predict(some))) >= -1e-9).all()


def test_a_member_of_an_ensemble_may_have_constraints() -> None:
    asked = recipe("Regressor", "xgboost.XGB{}", "monotone_constraints", {"age": 1}, {})
    written = asked.model_dump(mode="json", exclude_none=True)
    member = {
        "class_path": "sklearn.tree.DecisionTreeRegressor",
        "hyperparameters": {"monotonic_cst": {"age": 1}},
    }
    written["model"]["ensemble"] = {"method": "averaging", "estimators": [member]}
    check_consistency(type(asked).model_validate(written))
