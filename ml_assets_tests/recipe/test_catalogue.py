"""The table of estimators is the installed libraries' own; run this file as a script to write it anew."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import math
import numbers
import subprocess
import sys
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pytest
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints

from ml_assets.estimators.constraints import surely_taken
from ml_assets.estimators.libraries import LIBRARIES, Library, library_of, load_class
from ml_assets.estimators.peculiar import REQUIRED
from ml_assets.recipe import catalogue
from ml_assets.recipe.tasks import ESTIMATOR_KINDS

TABLE = Path(catalogue.__file__).with_name("estimators.json")
TASKS = {"classifier": "classification", "regressor": "regression", "cluster": "clustering"}
OTHERS = (
    ("sklearn.mixture", ("GaussianMixture", "BayesianGaussianMixture"), "clustering"),
    ("sklearn.decomposition", ("NMF", "TruncatedSVD"), "recommendation"),
)
"""Clusterers that scikit-learn does not count among them, and what brings users and items to factors."""


def public_path(cls: type) -> str:
    parts = cls.__module__.split(".")
    private = [part.startswith("_") for part in parts]
    module = ".".join(parts[: private.index(True)] if True in private else parts)
    assert getattr(importlib.import_module(module), cls.__name__) is cls
    return f"{module}.{cls.__name__}"


def of_scikit_learn() -> dict[str, dict[str, Any]]:
    from sklearn.utils import all_estimators

    found = [(cls, task) for kind, task in TASKS.items() for _, cls in all_estimators(type_filter=kind)]
    for module, names, task in OTHERS:
        found += [(getattr(importlib.import_module(module), name), task) for name in names]
    table: dict[str, dict[str, Any]] = {}
    for cls, task in found:
        parameters = inspect.signature(cls).parameters
        required = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
        constraints = getattr(cls, "_parameter_constraints", {})
        takes = {name: taken(constraints[name]) for name in parameters if name in constraints}
        table[public_path(cls)] = {
            "task": task,
            "required": required,
            "parameters": list(parameters),
            "takes": {name: kinds for name, kinds in takes.items() if kinds},
        }
    return table


KINDS = {None: "none", "boolean": "bool", numbers.Integral: "int", numbers.Real: "Real", str: "text", dict: "dict",
         list: "list"}  # fmt: skip


def taken(constraints: Any) -> list[Any]:
    """What a parameter takes among values of a recipe, as the table has it."""
    if isinstance(constraints, str):
        return ["any"]  # "no_validation"
    found: list[Any] = []
    for each in constraints:
        if isinstance(each, StrOptions):
            found.append(["one of", *sorted(each.options - each.deprecated)])
        elif isinstance(each, Interval):
            low, high = (None if end is None or math.isinf(end) else end for end in (each.left, each.right))
            found.append(
                [
                    each.type.__name__,
                    low,
                    high,
                    each.closed in ("left", "both"),
                    each.closed in ("right", "both"),
                ]
            )
        elif each == "random_state":
            found += ["none", ["Integral", 0, 2**32 - 1, True, True]]
        elif each == "verbose":
            found += ["bool", ["Integral", 0, None, True, False]]
        elif isinstance(each, Hashable) and each in KINDS:
            found.append(KINDS[each])
    return found


def parameters(path: str) -> set[str]:
    """What the signature names, and what scikit-learn's contract gives: a library may show some in one alone."""
    cls = load_class(path)
    signed = inspect.signature(cls).parameters.values()
    shown = {each.name for each in signed if each.kind is not each.VAR_KEYWORD}
    return shown if path in REQUIRED or not hasattr(cls, "get_params") else shown | {*cls().get_params()}


def of(package: str, library: Library) -> dict[str, dict[str, Any]]:
    """Read the parameters of a library's classes, if it is installed."""
    if library.estimators is None:
        return of_scikit_learn()
    if importlib.util.find_spec(library.imported) is None:
        return {}
    return {
        f"{package}.{name}": {
            "task": task,
            "required": [],
            "parameters": sorted(
                {
                    *parameters(f"{package}.{name}"),
                    *library.more_parameters,
                    *(library.of_wrapper if task == "classification" else ()),
                }
            ),
        }
        for name, task in library.estimators.items()
    }


def installed() -> dict[str, dict[str, Any]]:
    return {path: row for package, library in LIBRARIES.items() for path, row in of(package, library).items()}


def as_text(table: dict[str, dict[str, Any]]) -> str:
    rows = ",\n".join(f"{json.dumps(path)}: {json.dumps(row)}" for path, row in table.items())
    return f"{{\n{rows}\n}}\n"


def written() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = json.loads(TABLE.read_text("utf-8"))
    return table


def test_table_equals_the_installed_libraries() -> None:
    found = installed()
    known = [library_of(path) for path in found]
    assert {path: row for path, row in written().items() if library_of(path) in known} == found


VALUES = [
    None, True, False, -1, 0, 1, 2, 7, 10**12, -0.5, 0.0, 0.3, 0.5, 1.0, 1.5, 1e9, "auto", "l2", "sqrt", "balanced",
    "x", [1, 2], {}, {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("path", [path for path, row in written().items() if "takes" in row])
def test_law_what_the_table_takes_scikit_learn_takes(path: str) -> None:
    constraints = load_class(path)._parameter_constraints
    for name, kinds in written()[path]["takes"].items():
        options = [option for kind in kinds if kind[0] == "one of" for option in kind[1:]]
        ends = [end for kind in kinds if isinstance(kind, list) and kind[0] != "one of" for end in kind[1:3]]
        for value in [*VALUES, *options, *(end for end in ends if end is not None)]:
            if surely_taken(kinds, value):
                validate_parameter_constraints({name: constraints[name]}, {name: value}, path)


@pytest.mark.parametrize(
    ("path", "hyperparameters", "imported"),
    [
        (
            "sklearn.linear_model.LogisticRegression",
            {"C": 0.5, "max_iter": 1000, "class_weight": None},
            False,
        ),
        ("sklearn.ensemble.RandomForestRegressor", {"n_estimators": 50, "max_features": "sqrt"}, False),
        ("sklearn.linear_model.LogisticRegression", {"C": -1.0}, True),
    ],
)
def test_values_are_held_against_the_table_without_scikit_learn(
    path: str, hyperparameters: dict[str, Any], imported: bool
) -> None:
    code = (
        "import sys\nfrom ml_assets.estimators.constraints import wrong_values\n"
        f"print(len(wrong_values({path!r}, {hyperparameters!r})), 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(int(imported)), str(imported)]


def test_table_and_libraries_name_the_same_classes() -> None:
    assert set(catalogue.ALLOWED) == {package.partition(".")[0] for package in LIBRARIES}
    for package, library in LIBRARIES.items():
        if library.estimators is not None:
            found = {
                path: known.task
                for path, known in catalogue.ESTIMATORS.items()
                if path.startswith(f"{package}.")
            }
            assert found == {f"{package}.{name}": task for name, task in library.estimators.items()}


def test_every_known_estimator_is_allowed() -> None:
    for class_path in catalogue.ESTIMATORS:
        catalogue.check_class_path(class_path)


@pytest.mark.parametrize(
    ("class_path", "words"),
    [
        ("os.system", ["'os.system' is not allowed", "sklearn and xgboost"]),
        ("sklearn.utils.os.system", ["no estimator of sklearn"]),
        ("sklearn.base.clone", ["no estimator of sklearn"]),
        ("builtins.eval", ["is not allowed"]),
        ("sklearnx.svm.SVC", ["is not allowed", "Did you mean 'sklearn.svm.SVC'"]),
        ("", ["is not allowed"]),
        ("econml.orf.DROrthoForest", ["no estimator of econml"]),
        ("econml.metalearners.RLearner", ["Did you mean 'ml_assets.uplift.RLearner'"]),
        ("tensorflow.keras.Sequential", ["networks are", "library: keras"]),
        (
            "sklearn.ensemble.RandomForrestClassifier",
            ["Did you mean 'sklearn.ensemble.RandomForestClassifier'"],
        ),
        ("sklearn.tree.RandomForestClassifier", ["Did you mean 'sklearn.ensemble.RandomForestClassifier'"]),
        ("RandomForestClassifier", ["Did you mean 'sklearn.ensemble.RandomForestClassifier'"]),
        ("xgboost.xgbclassifier", ["Did you mean 'xgboost.XGBClassifier'"]),
    ],
)
def test_what_is_not_on_the_list_is_refused_with_the_nearest_name(class_path: str, words: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        catalogue.check_class_path(class_path)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("task", ESTIMATOR_KINDS)
def test_twin_is_an_estimator_of_the_task(task: str) -> None:
    twins = {class_path: catalogue.twin(class_path, task) for class_path in catalogue.ESTIMATORS}
    kinds = {path: ESTIMATOR_KINDS[catalogue.ESTIMATORS[twin].task] for path, twin in twins.items()}
    assert not {path: kind for path, kind in kinds.items() if kind != ESTIMATOR_KINDS[task]}


if __name__ == "__main__":
    TABLE.write_text(as_text(dict(sorted((written() | installed()).items()))), "utf-8")
