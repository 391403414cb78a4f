"""Laws of the table of libraries: every row answers every column, and tells the truth."""

import re
from dataclasses import MISSING, fields
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.estimators.build import build
from ml_assets.estimators.libraries import LIBRARIES, Library, input_wanted, library_of, load_class
from ml_assets.estimators.peculiar import REQUIRED
from ml_assets.features.categories import TypedColumns
from ml_assets.recipe import planned
from ml_assets.recipe.catalogue import ESTIMATORS
from ml_assets_tests.support.libraries import marks_of

CLASSIFIERS = {"sklearn": "sklearn.linear_model.LogisticRegression"}
"""For a library that lists its estimators itself, one of them."""


ONE_SPLIT: dict[str, dict[str, Any]] = {"ml_assets.networks": {"max_epochs": 5}}
"""What keeps an estimator from telling levels apart by their order; of a network nothing does."""

every_library = pytest.mark.parametrize(
    "package", [pytest.param(package, marks=marks_of(package)) for package in LIBRARIES]
)
every_library_of_classifiers = pytest.mark.parametrize(
    "package",
    [
        pytest.param(package, marks=marks_of(package))
        for package, library in LIBRARIES.items()
        if library.estimators is None or "classification" in library.estimators.values()
    ],
)


def classifier(package: str) -> str:
    named = LIBRARIES[package].estimators
    if named is None:
        return CLASSIFIERS[package]
    return next(f"{package}.{name}" for name, task in named.items() if task == "classification")


def classes(package: str) -> list[str]:
    return [path for path in ESTIMATORS if path.startswith(f"{package}.")]


def accepts(class_path: str, X: Any, y: Any) -> bool:
    """Whether the class itself, without anything of ours round it, can be fitted."""
    quiet = library_of(class_path).defaults
    try:
        load_class(class_path)(**quiet).fit(X, y)
    except ValueError:
        return False
    return True


@pytest.mark.extras
def test_every_extra_is_installed_where_extras_are_tested() -> None:
    assert [library.imported for library in LIBRARIES.values() if find_spec(library.imported) is None] == []
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    (extras,) = re.findall(r"STAMP_EXTRAS\): EXTRAS = (.+)", makefile)
    installed = {*extras.split(","), "catboost", "lightgbm"}  # `libraries` is these two
    assert {library.extra for library in LIBRARIES.values()} - {None} <= installed


def test_no_column_answers_for_a_row_that_is_silent() -> None:
    assert [column.name for column in fields(Library) if column.default is not MISSING] == []
    assert [column.name for column in fields(Library) if column.default_factory is not MISSING] == []


@every_library
def test_what_installs_a_library_is_known(package: str) -> None:
    library = LIBRARIES[package]
    assert metadata.version(library.distribution)
    extras = metadata.metadata("ml_assets").get_all("Provides-Extra")
    assert library.extra is None or library.extra in extras
    needed = [line for line in metadata.requires("ml_assets") or () if line.startswith(library.distribution)]
    assert {"extra ==" in line for line in needed} == {library.extra is not None}


@pytest.mark.parametrize("package", LIBRARIES)
def test_parameters_of_a_row_are_the_library_s(package: str) -> None:
    library = LIBRARIES[package]
    named = {*library.defaults, *library.more_parameters}
    named |= {library.categories} if isinstance(library.categories, str) else set()
    named |= {library.early_stopping} if library.early_stopping else set()
    for class_path in classes(package):
        assert named <= set(ESTIMATORS[class_path].parameters)
    for name in {*library.threads} - {"nthread"}:
        assert any(name in ESTIMATORS[path].parameters for path in classes(package))
    assert any(library.random_state in ESTIMATORS[path].parameters for path in classes(package))
    assert library.early_stopping is None or library.early_stopping in planned.HYPERPARAMETERS


@every_library
def test_built_with_one_seed_on_one_thread(package: str) -> None:
    for class_path in classes(package) if LIBRARIES[package].estimators else [CLASSIFIERS[package]]:
        if class_path in REQUIRED:
            continue
        estimator = build(class_path, {}, 7, ESTIMATORS[class_path].task)
        made = getattr(estimator, "estimator", estimator)
        params = made.get_params() if hasattr(made, "get_params") else vars(made)
        if library_of(class_path).random_state in ESTIMATORS[class_path].parameters:
            assert params[library_of(class_path).random_state] == 7
        threads = library_of(class_path).threads
        name = threads[0] if threads else "n_jobs"
        assert params.get(name) == (1 if threads and name in params else None)


@every_library_of_classifiers
def test_text_labels_are_taken_or_encoded(package: str) -> None:
    X = np.arange(120.0).reshape(-1, 1)
    y = np.where(X[:, 0] < 60, "no", "yes")
    assert accepts(classifier(package), X, y) == (LIBRARIES[package].wrapper != "labels_as_codes")
    estimator = build(classifier(package), {}, 0, "classification").fit(X, y)
    assert list(estimator.classes_) == ["no", "yes"]
    assert (estimator.predict(X) == y).mean() > 0.9


@every_library_of_classifiers
def test_missing_numbers_are_understood_or_refused(package: str) -> None:
    X = np.arange(120.0).reshape(-1, 1)
    y = (X[:, 0] < 60).astype(int)
    X[::10] = np.nan
    assert accepts(classifier(package), X, y) == LIBRARIES[package].missing


@every_library_of_classifiers
def test_categories_are_understood_as_such(package: str) -> None:
    # Every other level is of the class: one cut of a number cannot tell, one set of levels does.
    asked = LIBRARIES[package].categories
    if asked is False:
        assert input_wanted(classifier(package), {}) == "numbers"
        return
    frame = pd.DataFrame({"kind": [f"k{i % 10}" for i in range(2000)]})
    y = np.where(np.arange(2000) % 2 == 0, "even", "odd")
    params = ONE_SPLIT.get(package, {"n_estimators": 1, "max_depth": 1})
    params = {**params, **({asked: True} if isinstance(asked, str) else {})}
    assert input_wanted(classifier(package), params) == "categories"
    assert input_wanted(classifier(package), params, encoded=True) == "numbers"
    X = TypedColumns([], ["kind"]).fit_transform(frame)
    estimator = build(classifier(package), params, 0, "classification").fit(X, y)
    assert (estimator.predict(X) == y).all()


def test_a_library_that_is_not_installed_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from ml_assets.estimators import libraries

    absent = {**LIBRARIES, "not_there": libraries.LIBRARIES["xgboost"]}
    row = {name: getattr(absent["not_there"], name) for name in (column.name for column in fields(Library))}
    absent["not_there"] = Library(
        **(row | {"distribution": "not-there", "imported": "not_there", "extra": "elsewhere"})
    )
    monkeypatch.setattr(libraries, "LIBRARIES", absent)
    with pytest.raises(
        ValueError, match=r"not-there is not installed.*pip install \"ml_assets\[elsewhere\]\""
    ):
        load_class("not_there.Classifier")


def test_what_wants_validation_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="early_stopping_rounds is not yet supported"):
        build("xgboost.XGBClassifier", {"early_stopping_rounds": 5}, 0, "classification")
