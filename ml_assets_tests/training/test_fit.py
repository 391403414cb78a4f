import json
import pickle
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.estimators.families import families
from ml_assets.evaluation.evaluate import evaluate, predict
from ml_assets.features.categories import TypedColumns
from ml_assets.features.columns import roles
from ml_assets.recipe.schema import Recipe, Tuning
from ml_assets.records import TrainingResult
from ml_assets.search.study import SearchRun
from ml_assets.training.fit import fit, refit, seconds_of_a_fit
from ml_assets.training.identity import study_name
from ml_assets.training.splits import labelled_rows, split
from ml_assets_tests.support.libraries import marks_of
from ml_assets_tests.support.training_examples import SHARED, mixed_rows, recipe_of, weekly_rows

ENGINES = get_args(Tuning.model_fields["engine"].annotation)
LOGISTIC = "sklearn.linear_model.LogisticRegression"
FOREST = "sklearn.ensemble.RandomForestClassifier"
SEARCHED = {"C": {"type": "float", "low": 0.01, "high": 10.0, "log": True}}
SMALL_FOREST = {"n_estimators": 10, "max_depth": {"type": "int", "low": 2, "high": 5}}
FEW = {"n_trials": 4}
NATIVE = {"n_estimators": 10, "enable_categorical": True, "max_depth": {"type": "int", "low": 2, "high": 5}}

LIGHT = "lightgbm.LGBMClassifier"
CAT = "catboost.CatBoostClassifier"
ESTIMATORS: list[Any] = [
    ("classification", LOGISTIC, SEARCHED),
    ("classification", FOREST, SMALL_FOREST),
    ("classification", "xgboost.XGBClassifier", {"n_estimators": 10}),
    ("regression", "sklearn.linear_model.Ridge", {}),
    ("regression", "xgboost.XGBRegressor", {"n_estimators": 10}),
    ("classification", "xgboost.XGBClassifier", NATIVE),
    pytest.param("classification", LIGHT, {"n_estimators": 10}, marks=marks_of(LIGHT)),
    pytest.param("regression", "lightgbm.LGBMRegressor", {"n_estimators": 10}, marks=marks_of(LIGHT)),
    pytest.param("classification", CAT, {"n_estimators": 10}, marks=marks_of(CAT)),
    pytest.param("regression", "catboost.CatBoostRegressor", {"n_estimators": 10}, marks=marks_of(CAT)),
]


def probabilities(model: Any, frame: pd.DataFrame) -> Any:
    return predict(model, frame).iloc[:, -1].to_numpy()


@pytest.mark.parametrize(("task", "class_path", "hyperparameters"), ESTIMATORS)
def test_same_rows_same_recipe_same_model(
    task: str, class_path: str, hyperparameters: dict[str, Any]
) -> None:
    recipe = recipe_of(task, class_path, hyperparameters, hyperparameter_tuning=FEW)
    frame = mixed_rows(task=task)
    model, result = fit(frame, recipe)
    other_order = frame.sample(frac=1, random_state=1)[[*reversed(frame.columns)]].assign(batch__="all")
    again, result_again = fit(other_order, recipe)
    pd.testing.assert_frame_equal(predict(again, frame), predict(model, frame), check_exact=True)
    if not class_path.startswith("catboost"):  # it writes the time of the fit into its model
        assert pickle.dumps(again) == pickle.dumps(model)
    assert result_again.params == result.params
    assert result_again.cv_scores == result.cv_scores


def test_model_never_sees_the_test_set() -> None:
    recipe = recipe_of(
        class_path=LOGISTIC,
        hyperparameters=SEARCHED,
        hyperparameter_tuning=FEW,
        batches={"column": "at", "period": "weekly"},
    )
    frame = weekly_rows()
    train, test = split(frame, recipe)
    model, _ = fit(train, recipe)
    spoilt = frame.copy()
    newest = spoilt["row_id__"].isin(test["row_id__"])
    spoilt.loc[newest, ["age", "income"]] = 1e6
    spoilt.loc[newest, "region"] = "elsewhere"
    spoilt.loc[newest, "target"] = "yes"
    again, _ = fit(split(spoilt, recipe)[0], recipe)
    np.testing.assert_array_equal(probabilities(model, frame), probabilities(again, frame))


@pytest.mark.parametrize(
    ("preprocessor", "native"), [(None, True), ({"categorical_strategy": "onehot"}, False)]
)
@pytest.mark.parametrize(
    ("class_path", "hyperparameters"),
    [
        ("xgboost.XGBClassifier", NATIVE),
        pytest.param(LIGHT, {"n_estimators": 10, "min_child_samples": 5}, marks=marks_of(LIGHT)),
    ],
)
def test_an_estimator_gets_the_input_it_wants(
    class_path: str, hyperparameters: dict[str, Any], preprocessor: dict[str, Any] | None, native: bool
) -> None:
    recipe = recipe_of(
        class_path=class_path,
        hyperparameters=hyperparameters,
        preprocessor=preprocessor,
        hyperparameter_tuning=FEW,
    )
    frame = mixed_rows()
    model, result = fit(frame, recipe)
    again = refit(frame, recipe, result)
    for each in (model, again):
        assert isinstance(each.named_steps["preprocessing"], TypedColumns) == native
    np.testing.assert_array_equal(probabilities(again, frame), probabilities(model, frame))
    odd = pd.DataFrame({"income": [None], "age": [np.inf], "region": ["west"], "plan": [None]})
    assert np.isfinite(probabilities(model, odd)).all()


@given(st.permutations(["income", "age", "region", "plan"]), st.integers(0, 3))
@settings(max_examples=10, deadline=None)
def test_prediction_depends_on_the_row_alone(columns: list[str], extra: int) -> None:
    frame = mixed_rows()
    given_rows = frame[columns].assign(**{f"new_{k}": "x" for k in range(extra)})
    one_by_one = pd.concat([predict(MODEL, given_rows.iloc[[k]]) for k in range(5)])
    pd.testing.assert_frame_equal(predict(MODEL, frame).head(5), one_by_one)


MODEL, RESULT = fit(mixed_rows(), recipe_of(class_path=FOREST, hyperparameters={"n_estimators": 10}))


def test_unseen_and_missing_values_are_predicted() -> None:
    odd = pd.DataFrame(
        {"income": [None, np.inf], "age": [np.nan, 1e12], "region": ["west", None], "plan": [7, None]}
    )
    predictions = predict(MODEL, odd)
    assert set(predictions["prediction"]) <= {"yes", "no"}
    assert predictions.filter(like="probability_").sum(axis=1).tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize(
    "class_path", [LOGISTIC, "sklearn.svm.SVC", "sklearn.neighbors.KNeighborsClassifier"]
)
@pytest.mark.parametrize("scaler", ["standard", "minmax", "robust"])
def test_the_unit_of_a_feature_changes_nothing(class_path: str, scaler: str) -> None:
    recipe = recipe_of(class_path=class_path, preprocessor={"numerical_strategy": scaler})
    frame = mixed_rows()
    in_cents = frame.assign(income=frame["income"] * 1000)
    model, _ = fit(frame, recipe)
    other, _ = fit(in_cents, recipe)
    np.testing.assert_allclose(probabilities(model, frame), probabilities(other, in_cents), atol=1e-4)


@pytest.mark.parametrize("encoder", ["onehot", "label", "target"])
def test_nothing_can_be_learned_from_a_permuted_target(encoder: str) -> None:
    rng = np.random.default_rng(1)
    frame = mixed_rows(500)
    frame["town"] = [f"town {k}" for k in rng.integers(0, 150, len(frame))]
    frame["target"] = rng.permutation(frame["target"])
    recipe = recipe_of(
        class_path=FOREST,
        hyperparameters={"n_estimators": 30, "min_samples_leaf": 5},
        preprocessor={"categorical_strategy": encoder},
    )
    _, result = fit(frame, recipe)
    assert "town" in result.features
    assert np.mean(result.cv_scores) == pytest.approx(0.5, abs=0.08)


def test_the_result_is_plain_and_complete() -> None:
    recipe = recipe_of(class_path=FOREST, hyperparameters=SMALL_FOREST, hyperparameter_tuning=FEW)
    model, result = fit(mixed_rows(), recipe)
    assert TrainingResult.model_validate_json(result.model_dump_json()) == result
    assert json.loads(json.dumps(result.params)) == result.params
    assert set(result.params) == {"n_estimators", "max_depth"}
    assert result.features == tuple(model.feature_names_in_)
    assert (result.metric, result.direction, result.rows) == ("roc_auc", "maximize", 200)
    assert result.classes == ("no", "yes")
    assert result.tuning is not None
    assert result.tuning.total_trials == 4
    assert len(result.cv_scores) == 5
    assert result.excluded == {"target": "target", "row_id__": "reserved column"}


def test_without_a_space_nothing_is_searched() -> None:
    assert RESULT.tuning is None
    assert len(RESULT.cv_scores) == 5


def test_fixed_parameters_are_judged_on_folds_only_where_rows_are_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ml_assets.training.deciding.JUDGED_ROWS", 100)
    told: list[str] = []
    for rows, sections, folds in ((100, {}, 5), (101, {}, 0), (101, {"training": {"folds": 2}}, 2)):
        recipe = recipe_of(class_path=LOGISTIC, hyperparameters={"C": 1.0}, **sections)
        frame = mixed_rows(rows)
        model, result = fit(frame, recipe, begins=lambda text, _: told.append(text))
        assert len(result.cv_scores) == folds
        assert seconds_of_a_fit(result) > 0
        pd.testing.assert_frame_equal(predict(model, frame), predict(refit(frame, recipe, result), frame))
    assert [text.partition(" ")[0] for text in told] == ["5", "fit", "fit", "2", "fit"]


@pytest.mark.parametrize(
    "setting", [{}, {"numerical_strategy": "robust"}, {"numerical_strategy": "normalizer"}]
)
def test_rows_that_are_given_are_never_changed(setting: dict[str, Any]) -> None:
    frame = mixed_rows()
    before = frame.copy(deep=True)
    recipe = recipe_of(class_path=LOGISTIC, preprocessor=setting or None)
    model, _ = fit(frame, recipe)
    numbers = frame[["income", "age"]].to_numpy()
    predict(model, frame)
    pd.testing.assert_frame_equal(frame, before)
    assert numbers.tobytes() == before[["income", "age"]].to_numpy().tobytes()


@pytest.mark.parametrize(("task", "class_path", "hyperparameters"), ESTIMATORS)
def test_a_refit_on_the_same_rows_is_the_same_model(
    task: str, class_path: str, hyperparameters: dict[str, Any]
) -> None:
    recipe = recipe_of(task, class_path, hyperparameters, hyperparameter_tuning=FEW)
    frame = mixed_rows(task=task)
    model, result = fit(frame, recipe)
    again = refit(frame, recipe, TrainingResult.model_validate_json(result.model_dump_json()))
    np.testing.assert_array_equal(probabilities(again, frame), probabilities(model, frame))


def test_the_positive_class_comes_last_and_stays() -> None:
    recipe = recipe_of(class_path=LOGISTIC, interface={"positive_class": "no"})
    frame = mixed_rows()
    model, result = fit(frame, recipe)
    assert result.classes == ("yes", "no")
    for fitted in (model, refit(frame, recipe_of(class_path=LOGISTIC), result)):
        assert list(predict(fitted, frame).columns) == ["prediction", "probability_yes", "probability_no"]


def test_a_fit_that_does_not_converge_is_said_and_used() -> None:
    net = "sklearn.neural_network.MLPClassifier"
    model, result = fit(mixed_rows(), recipe_of(class_path=net, hyperparameters={"max_iter": 2}))
    assert len(result.notes) == 1
    assert "did not converge" in result.notes[0]
    assert len(predict(model, mixed_rows())) == 200


def test_a_search_goes_on_only_with_the_same_rows_and_recipe(tmp_path: Path) -> None:
    recipe = recipe_of(class_path=LOGISTIC, hyperparameters=SEARCHED, hyperparameter_tuning=FEW)
    seen: list[int] = []

    def journals(frame: pd.DataFrame, chosen: Recipe) -> tuple[int, int]:
        seen.clear()
        fit(
            frame,
            chosen,
            run=SearchRun(storage=tmp_path, progress=lambda done, total, best: seen.append(done)),
        )
        return len(list(tmp_path.glob("*.journal"))), len(seen)

    frame = mixed_rows()
    assert journals(frame, recipe) == (1, 4)
    assert journals(frame.sample(frac=1, random_state=0), recipe) == (1, 0)
    changed = frame.copy()
    changed.loc[3, "age"] = 41.5
    assert journals(changed, recipe) == (2, 4)
    more = recipe_of(class_path=LOGISTIC, hyperparameters=SEARCHED, hyperparameter_tuning={"n_trials": 5})
    assert journals(frame, more) == (3, 5)


def test_one_class_and_no_feature_are_refused() -> None:
    recipe = recipe_of(class_path=LOGISTIC)
    with pytest.raises(ValueError, match="of one class, 'no'"):
        fit(mixed_rows().assign(target="no"), recipe)
    with pytest.raises(ValueError, match="No feature is left"):
        fit(mixed_rows()[["target", "row_id__"]], recipe)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_automatic_search_tries_every_family_and_beats_the_baseline(task: str) -> None:
    recipe = recipe_of(task, hyperparameter_tuning={"n_trials": len(families(task))})
    train, test = split(mixed_rows(300, task=task), recipe)
    model, result = fit(train, recipe)
    assert result.tuning is not None
    assert {t.params["family"] for t in result.tuning.history} == set(families(task))
    found = evaluate(recipe, test["target"], predict(model, test), train["target"])
    sign = 1 if found.direction == "maximize" else -1
    assert sign * found.scores[found.metric].value > sign * found.baseline[found.metric] + 0.1


def test_a_switched_off_search_compares_the_families_first_points() -> None:
    recipe = recipe_of(hyperparameter_tuning={"enabled": False})
    _, result = fit(mixed_rows(120), recipe)
    assert result.tuning is not None
    assert result.choice is not None
    assert result.tuning.total_trials == len(result.choice.standings) >= 4


def iris() -> tuple[Recipe, pd.DataFrame]:
    from sklearn.datasets import load_iris

    from ml_assets.recipe.loading import load_recipe

    path = Path(__file__).parents[2] / "ml_assets" / "recipes" / "iris.yaml"
    data = load_iris(as_frame=True)
    frame = data.data.assign(target=data.target.map(dict(enumerate(data.target_names))))
    return load_recipe(path), frame.assign(row_id__=np.arange(150, dtype=np.uint64))


def test_iris_is_right_19_times_in_20() -> None:
    from sklearn.model_selection import RepeatedStratifiedKFold

    recipe, frame = iris()
    _, result = fit(frame, recipe)
    rows = labelled_rows(frame, recipe)
    right = []
    for train, test in RepeatedStratifiedKFold(n_splits=5, n_repeats=10, random_state=0).split(
        rows, rows["target"]
    ):
        model = refit(rows.iloc[train], recipe, result)
        right.append((predict(model, rows.iloc[test])["prediction"] == rows["target"].iloc[test]).mean())
    assert len(right) == 50
    assert np.mean(right) >= 0.95


def real(name: str) -> pd.DataFrame:
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not there")
    return pd.read_csv(SHARED / name)


def test_german_credit_is_learned() -> None:
    frame = real("german_credit.csv")
    recipe = recipe_of(target="class", hyperparameter_tuning={"n_trials": 3})
    train, test = split(frame, recipe)
    model, _ = fit(train, recipe)
    found = evaluate(recipe, test["class"], predict(model, test), train["class"])
    assert found.scores["roc_auc"].value > 0.72


@pytest.mark.slow
def test_adult_is_learned_in_two_minutes() -> None:
    frame = real("adult.csv").drop(columns="part")
    recipe = recipe_of(target="income")
    train, test = split(frame, recipe)
    model, result = fit(train, recipe)
    found = evaluate(recipe, test["income"], predict(model, test), train["income"])
    assert found.scores["roc_auc"].value >= 0.92
    assert result.seconds < 180


@pytest.mark.parametrize("hyperparameters", [SMALL_FOREST, {"n_estimators": 10}])
def test_every_long_part_is_told_before_it_begins(hyperparameters: dict[str, Any]) -> None:
    told: list[tuple[str, float]] = []
    recipe = recipe_of(class_path=FOREST, hyperparameters=hyperparameters, hyperparameter_tuning=FEW)
    _, result = fit(mixed_rows(), recipe, begins=lambda text, seconds: told.append((text, seconds)))
    texts = [text for text, _ in told]
    searched = "search, 4 trials of 5 folds of 200 rows, 4 columns"
    assert texts == [
        searched if hyperparameters is SMALL_FOREST else "5 folds of 200 rows, 4 columns",
        "fit on all of 200 rows, 4 columns",
    ]
    assert 0 < told[1][1] < result.seconds
    assert 0 < seconds_of_a_fit(result) < result.seconds


def test_each_engine_has_a_search_of_its_own() -> None:
    rows, names = mixed_rows(60), set()
    for engine in ENGINES:
        recipe = recipe_of(hyperparameter_tuning={"engine": engine})
        names.add(study_name(rows, roles(rows, recipe), recipe))
    assert len(names) == len(ENGINES)
