"""Every class that a recipe may name trains from it, answers rows it has not seen, and answers alike once reloaded."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from ml_assets.estimators.build import build
from ml_assets.estimators.peculiar import REQUIRED
from ml_assets.estimators.several import SeveralTargets
from ml_assets.evaluation.evaluate import predict
from ml_assets.recipe.catalogue import ESTIMATORS, NO_NEW_ROWS
from ml_assets.recipe.rules.estimators import CHAIN, FOR_SEVERAL
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.tasks import ESTIMATOR_KINDS, RECOMMENDS
from ml_assets.registry.database import configure
from ml_assets.registry.pipelines import load_pipeline
from ml_assets.registry.tracking import RunPlace, ensure_experiment, log_training
from ml_assets.serving.ways import way_of
from ml_assets.settings import Settings
from ml_assets.tasks.all import TASKS
from ml_assets.training.fit import fit, refit
from ml_assets_tests.support.covering import PREPARATIONS, pairwise, prepared
from ml_assets_tests.support.libraries import marks_of
from ml_assets_tests.support.three_ways import hold_one_answer
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of

INNER = {
    "Classifier": {"class_path": "sklearn.linear_model.LogisticRegression"},
    "Regressor": {"class_path": "sklearn.linear_model.Ridge"},
}
QUICK = {
    "ml_assets.networks": {"max_epochs": 3, "image_shape": [1, 2]},
    "catboost": {"iterations": 20},
    "implicit": {"factors": 4, "iterations": 5},
    "lightgbm": {"n_estimators": 10, "min_child_samples": 5},
    "xgboost": {"n_estimators": 10},
    "sklearn.cluster.MeanShift": {"bandwidth": 1.0},
    "sklearn.decomposition": {"n_components": 4},
    "sklearn.ensemble": {"n_estimators": 10},
    "sklearn.linear_model.TheilSenRegressor": {"max_subpopulation": 100},
    "sklearn.mixture": {"n_components": 3},
    "sklearn.neural_network": {"hidden_layer_sizes": [8]},
    "sklearn.model_selection.TunedThresholdClassifierCV": {"thresholds": 5},
    "sklearn.linear_model.LogisticRegressionCV": {"Cs": 3},
    "sklearn.svm.NuSVC": {"nu": 0.05},
    "sklearn.gaussian_process.GaussianProcessClassifier": {"max_iter_predict": 20},
}
"""Smaller than by default, by the beginning of the class path."""

CASES = pairwise(PREPARATIONS)
"""Classes take turns with them."""

CLASSES = [
    pytest.param(path, id=path, marks=marks_of(path))
    for path, known in ESTIMATORS.items()
    # A chain takes classes 0 and 1 alone; what cannot tell the cluster of a new row is refused, too.
    if known.task in ESTIMATOR_KINDS and path != CHAIN and path not in NO_NEW_ROWS
]


def hyperparameters(class_path: str) -> dict[str, Any]:
    known = ESTIMATORS[class_path]
    inner = INNER.get(ESTIMATOR_KINDS[known.task])
    needed = {"estimator": inner, "estimators": [{"name": "one", "estimator": inner}]}
    values = {name: needed[name] for name in known.required}
    if TASKS[known.task].joint and class_path in REQUIRED:
        values |= {"outcome_learner": INNER["Classifier"], "effect_learner": INNER["Regressor"]}
    if class_path.endswith("SelfTrainingClassifier"):
        values["estimator"] = inner
    if "cv" in known.parameters:
        values["cv"] = 2
    for beginning, quick in QUICK.items():
        if class_path.startswith(beginning):
            values |= {name: value for name, value in quick.items() if name in known.parameters}
    return values


def example(class_path: str) -> tuple[Recipe, pd.DataFrame, pd.DataFrame]:
    """A recipe, rows to learn, and others, among them levels and numbers that no row to learn has."""
    task = ESTIMATORS[class_path].task
    sections: dict[str, Any] = {"training": {"folds": 2}}
    interface: dict[str, Any] = {}
    # An image has as many columns as its shape says: its network prepares them itself.
    image = class_path.startswith("ml_assets.networks.CNN")
    preprocessor = (
        {}
        if image or task in RECOMMENDS
        else prepared(CASES[list(ESTIMATORS).index(class_path) % len(CASES)])
    )
    frame = mixed_rows(80, task="regression" if TASKS[task].joint else task)
    if TASKS[task].joint:
        interface["treatment_col"] = "treated"
        frame["treated"] = np.arange(80) % 2.0
        frame["target"] = (frame["target"] > frame["target"].median()) * 1.0
    if class_path in FOR_SEVERAL:
        interface["target_col"] = ["target", "again"]
        frame["again"] = frame["target"].to_numpy()[::-1]
    if class_path.endswith(("GammaRegressor", "PoissonRegressor")):
        frame["target"] = frame["target"].abs() + 0.1
    if class_path.endswith("IsotonicRegression"):
        preprocessor = {"exclude_cols": ["age", "region", "plan"]}
    if class_path.endswith("OutputCodeClassifier"):
        sections["hyperparameter_tuning"] = {"metric": "f1"}
    recipe = recipe_of(
        task,
        class_path,
        hyperparameters(class_path),
        interface=interface,
        preprocessor=preprocessor,
        **sections,
    )
    rows, others = frame.iloc[:60].reset_index(drop=True), frame.iloc[60:].reset_index(drop=True)
    if task in RECOMMENDS:
        others.loc[:2, "user"] = ["never seen", None, ""]
        return recipe, rows, others
    others.loc[:2, "region"] = ["never seen", None, ""]
    others.loc[:2, "income"] = [np.nan, 500.0, -500.0]
    return recipe, rows, others


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, mlflow_template: Path) -> Iterator[Settings]:
    """One home for all classes."""
    home = tmp_path_factory.mktemp("a home")
    shutil.copyfile(mlflow_template, home / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield Settings(home=home)
        mlflow.set_tracking_uri(None)


@pytest.fixture(scope="module")
def client(settings: Settings) -> MlflowClient:
    return configure(settings)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # scikit-learn's of classes that it will leave out
@pytest.mark.parametrize("class_path", CLASSES)
def test_trains_answers_and_answers_alike_once_reloaded_served_and_in_batches(
    class_path: str, client: MlflowClient, settings: Settings
) -> None:
    recipe, rows, others = example(class_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of so few rows some estimators complain
        model, training = fit(rows, recipe)
        found = predict(model, others)
    assert found.notna().all().all() and len(found) == len(others)
    assert np.isfinite(found.select_dtypes("number").to_numpy()).all()
    if training.classes is not None:
        assert set(found["prediction"]) <= set(training.classes)
    place = RunPlace(ensure_experiment(client, settings, recipe.name))
    made = log_training(client, place, recipe=recipe, pipeline=model, training=training, rows=rows, raw=rows)
    folder = client.get_logged_model(made.model_uri.removeprefix("models:/")).artifact_location
    files = Path(unquote(folder.removeprefix("file://")))
    again = load_pipeline(files)
    hold_one_answer(way_of(files, ()), model, recipe, rows, seed=len(class_path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pd.testing.assert_frame_equal(predict(again, others), found, check_exact=True)
        # The same rows, the same recipe: the same model.
        pd.testing.assert_frame_equal(predict(refit(rows, recipe, training), others), found, check_exact=True)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.extras
@pytest.mark.parametrize("class_path", [path for path in ESTIMATORS if path.startswith("ml_assets.networks")])
def test_so_do_networks_of_keras_layers(
    class_path: str, client: MlflowClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(QUICK, class_path, {"library": "keras"})
    assert hyperparameters(class_path)["library"] == "keras"
    test_trains_answers_and_answers_alike_once_reloaded_served_and_in_batches(class_path, client, settings)


def weighting(class_path: str) -> dict[str, Any] | None:
    """How a class is told that an error on `yes` costs more."""
    for name in ("class_weight", "class_weights"):
        if name in ESTIMATORS[class_path].parameters:
            return {name: {"no": 1, "yes": 20}}
    return None


@pytest.mark.parametrize(
    "class_path",
    [
        each
        for each in CLASSES
        if ESTIMATORS[str(each.id)].task == "classification" and weighting(str(each.id))
    ],
)
def test_a_class_of_more_weight_is_foretold_more_often(class_path: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = np.where(X[:, 0] + rng.normal(size=200) > 0.5, "yes", "no")
    quick = {name: value for name, value in hyperparameters(class_path).items() if name != "estimator"}
    if "max_depth" in ESTIMATORS[class_path].parameters:
        quick |= {"max_depth": 2}
    counts = []
    for weights in ({}, weighting(class_path) or {}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = build(class_path, quick | weights, 0, "classification").fit(X, y)
        counts.append(int((model.predict(X) == "yes").sum()))
    assert counts[1] > counts[0]


@pytest.mark.parametrize("labels", [("0", "1"), ("no", "yes")])
@pytest.mark.parametrize(
    "class_path",
    [
        each
        for each in CLASSES
        if ESTIMATORS[str(each.id)].task == "classification"
        and "class_weight" in ESTIMATORS[str(each.id)].parameters
    ],
)
def test_balanced_is_what_the_weights_of_each_label_are_whatever_labels_are_called(
    class_path: str, labels: tuple[str, str]
) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = np.where(X[:, 0] + rng.normal(size=200) > 1, labels[1], labels[0]).astype(object)
    each = {name: len(y) / 2 / (y == name).sum() for name in labels}
    quick = {name: value for name, value in hyperparameters(class_path).items() if name != "estimator"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said, meant = (
            build(class_path, quick | {"class_weight": weights}, 0, "classification").fit(X, y).predict(X)
            for weights in ("balanced", each)
        )
    assert (said == meant).mean() > 0.99
    assert set(said) <= set(labels)


@pytest.mark.parametrize("weights", [{"1": 20, "yes": 20}, {"1": 20}, "balanced"])
@pytest.mark.parametrize("name", ["ensemble.RandomForestClassifier", "linear_model.LogisticRegression"])
def test_of_several_targets_each_takes_the_weights_of_its_labels(name: str, weights: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = np.column_stack(
        [
            np.where(X[:, k] + rng.normal(size=300) > 1, of[1], of[0])
            for k, of in enumerate([("0", "1"), ("no", "yes")])
        ]
    ).astype(object)
    quick = {"max_depth": 2} if "Forest" in name else {}
    plain, weighed = (
        SeveralTargets(build(f"sklearn.{name}", quick | given, 0, "classification"), ("a", "b")).fit(X, y)
        for given in ({}, {"class_weight": weights})
    )
    more = (weighed.predict(X) == ["1", "yes"]).sum(axis=0) - (plain.predict(X) == ["1", "yes"]).sum(axis=0)
    assert more[0] > 0
    assert more[1] > 0 or weights == {"1": 20}
    unknown = build(f"sklearn.{name}", quick | {"class_weight": {"maybe": 2}}, 0, "classification")
    with pytest.raises(ValueError, match=r"class_weight: 'maybe' is no label \(found 0, 1, no, yes\)"):
        SeveralTargets(unknown, ("a", "b")).fit(X, y)


def test_the_weight_of_no_label_is_refused() -> None:
    model = build("xgboost.XGBClassifier", {"class_weight": {"maybe": 2}}, 0, "classification")
    with pytest.raises(ValueError, match=r"class_weight: 'maybe' is no label \(found no, yes\)"):
        model.fit(np.zeros((4, 1)), ["no", "yes", "no", "yes"])
