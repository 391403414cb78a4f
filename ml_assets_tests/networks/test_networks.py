"""Networks are estimators like any other, learn what there is to learn, and go on where they were killed."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import check_estimator

from ml_assets import networks
from ml_assets.estimators.build import build
from ml_assets.evaluation.evaluate import predict
from ml_assets.training.fit import fit, refit
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of

pytestmark = pytest.mark.extras
EVERY = [getattr(networks, name) for name in networks.__all__]
QUICK = {"max_epochs": 2, "random_state": 0}
EPOCHS = {networks.MLPClassifier: 5, networks.MLPRegressor: 5}
"""So many that what scikit-learn's checks want learned is learned; others are not trained for so long here."""
SMALL = {"size": 8, "hidden": (8,), "channels": (4,), "units": 8}


either_library = pytest.mark.parametrize("library", ["torch", "keras"])


def small(network: Any, **changes: Any) -> Any:
    known = network().get_params()
    return network(**{name: value for name, value in (SMALL | QUICK | changes).items() if name in known})


def images(n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of 4 × 4, the left or the right half of which is lighter."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    X = rng.normal(size=(n, 4, 4))
    X[y == 1, :, 2:] += 1.5
    X[y == 0, :, :2] += 1.5
    return X.reshape(n, 16), y


@pytest.mark.parametrize("network", [each for each in EVERY if not each.__name__.startswith("CNN")])
def test_passes_the_checks_of_scikit_learn(network: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks provoke them
        results = check_estimator(
            small(network, max_epochs=EPOCHS.get(network, 2), learning_rate=0.05), on_fail=None
        )
    failed = {each["check_name"] for each in results if each["status"] == "failed"}
    assert failed <= (set() if network in EPOCHS else {"check_classifiers_train", "check_regressors_train"})


@either_library
@pytest.mark.parametrize("network", EVERY)
def test_learns_and_answers_alike_again_alone_and_from_a_file(network: Any, library: str) -> None:
    X, y = images()
    labels = np.where(y == 1, "right", "left") if hasattr(network, "predict_proba") else y.astype(float)
    model = small(network, max_epochs=30, learning_rate=0.01, library=library).fit(X, labels)
    assert model.score(X, labels) > (0.9 if hasattr(network, "predict_proba") else 0.4)
    found = model.predict(X)
    assert (clone(model).fit(X, labels).predict(X) == found).all()
    assert (pickle.loads(pickle.dumps(model)).predict(X) == found).all()
    if hasattr(network, "predict_proba"):
        shares = model.predict_proba(X)
        np.testing.assert_allclose(shares.sum(axis=1), 1.0)
        alone = np.concatenate([model.predict_proba(X[k : k + 1]) for k in range(20)])
        np.testing.assert_allclose(alone, shares[:20], rtol=1e-9)
    rates = [epoch["learning_rate"] for epoch in model.history_]
    assert rates == sorted(rates, reverse=True) and len(rates) == model.n_iter_


@either_library
@pytest.mark.parametrize("network", EVERY)
@pytest.mark.parametrize("epochs", [1, 4])
def test_a_killed_training_ends_with_the_weights_that_it_would_have_had(
    network: Any, epochs: int, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml_assets.networks import training

    X, y = images(60)
    whole = small(network, max_epochs=8, library=library).fit(X, y)
    again = small(network, max_epochs=8, library=library, checkpoints=str(tmp_path))
    write = training._Course.write

    def killed(course: Any, path: Path) -> None:
        write(course, path)
        if len(course.history) == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(training._Course, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        clone(again).fit(X, y)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(training._Course, "write", write)
    again.fit(X, y)
    assert again.history_ == whole.history_
    for name, values in whole.weights_.items():
        np.testing.assert_array_equal(again.weights_[name], values)
    assert list(tmp_path.iterdir()) == []


def test_stops_early_and_takes_the_best_weights_back() -> None:
    X, _ = images(80)
    noise = np.random.default_rng(1).integers(0, 2, 80)
    model = networks.MLPClassifier(random_state=0, learning_rate=0.01, hidden=(32,)).fit(X, noise)
    losses = [epoch["loss_aside"] for epoch in model.history_]
    assert len(losses) < 100 and losses.index(min(losses)) == len(losses) - 11
    shorter = networks.MLPClassifier(
        random_state=0, learning_rate=0.01, hidden=(32,), max_epochs=len(losses) - 10
    ).fit(X, noise)
    np.testing.assert_array_equal(shorter.predict_proba(X), model.predict_proba(X))


@either_library
@pytest.mark.parametrize("encoder", [None, "embedding", "onehot"])
def test_categories_are_embedded_unless_the_recipe_prepares_them(encoder: str | None, library: str) -> None:
    rows = mixed_rows(300)
    recipe = recipe_of(
        class_path="ml_assets.networks.MLPClassifier",
        hyperparameters={"max_epochs": 15, "hidden": [16], "library": library, "learning_rate": 0.01},
        preprocessor={"categorical_strategy": encoder} if encoder else None,
        training={"folds": 2},
    )
    model, training = fit(rows, recipe)
    assert len(training.epochs) <= 15 and training.cv_scores[0] > 0.7
    tables = [name for name in model[-1].weights_ if "embedd" in name]
    assert bool(tables) == (encoder != "onehot")
    strange = rows.head(3).assign(region=["never seen", None, ""], income=[np.nan, 1e12, -1e12])
    assert predict(model, strange).notna().all().all()


def test_columns_that_are_no_image_are_told() -> None:
    X, y = images()
    with pytest.raises(ValueError, match="15 columns are no square image"):
        networks.CNNClassifier().fit(X[:, 1:], y)
    with pytest.raises(ValueError, match=r"image_shape: \[3, 5\] is no image of 16 columns"):
        networks.CNNClassifier(image_shape=[3, 5]).fit(X, y)
    with pytest.raises(ValueError, match="time_steps: 16 columns of numbers are not 3 steps"):
        networks.RNNClassifier(time_steps=3).fit(X, y)


def test_handwritten_digits_are_read() -> None:
    """Goal: an accuracy of .98."""
    rows = load_digits(as_frame=True).frame.assign(row_id__=np.arange(1797, dtype=np.uint64))
    rows = rows.sample(frac=1.0, random_state=0).reset_index(drop=True)
    rows["target"] = rows["target"].astype(str)
    recipe = recipe_of(
        class_path="ml_assets.networks.CNNClassifier",
        hyperparameters={"max_epochs": 8},
        training={"folds": 2},
        hyperparameter_tuning={"metric": "accuracy"},
    )
    _, training = fit(rows.head(400), recipe)
    model = refit(rows.head(1300), recipe, training)
    assert len(training.features) == 64 and training.features[10] == "pixel_1_2"
    test = rows.tail(497)
    assert (predict(model, test)["prediction"] == test["target"]).mean() >= 0.98


def test_weights_of_classes_reach_the_loss() -> None:
    X, _ = images()
    labels = np.where(np.random.default_rng(2).random(len(X)) < 0.5, "yes", "no")
    made = [
        build(
            "ml_assets.networks.MLPClassifier", {"max_epochs": 3, "class_weight": weight}, 0, "classification"
        )
        for weight in ({"no": 1, "yes": 50}, "balanced")
    ]
    counts = [int((model.fit(X, labels).predict(X) == "yes").sum()) for model in made]
    assert counts[0] > counts[1]


def test_a_frame_without_categories_is_an_array_with_names() -> None:
    X, y = images()
    frame = pd.DataFrame(X, columns=[f"pixel_{k}" for k in range(16)])
    model = small(networks.CNNClassifier).fit(frame, y)
    assert list(model.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"pixel_0": "other"}))


def test_keras_that_learns_otherwise_is_told() -> None:
    code = (
        "from ml_assets.networks import MLPRegressor\nMLPRegressor(library='keras').fit([[0], [1]], [0, 1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        capture_output=True,
        text=True,
    )
    assert "Set KERAS_BACKEND=torch" in done.stderr
    with pytest.raises(ValueError, match="library: 'jax' is none; allowed: torch, keras"):
        small(networks.MLPRegressor, library="jax").fit([[0], [1]], [0, 1])
