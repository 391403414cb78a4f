"""From a class path and parameters to a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from inspect import signature
from typing import Any

from sklearn.base import is_classifier, is_clusterer
from sklearn.calibration import CalibratedClassifierCV

from ml_assets.estimators.clusters import Clusters
from ml_assets.estimators.families import COMPOSED
from ml_assets.estimators.libraries import library_of, load_class, wrapper_of
from ml_assets.estimators.monotone import Monotone, pointed
from ml_assets.estimators.own import build_own, own_defaults
from ml_assets.estimators.peculiar import DEFAULTS, REQUIRED
from ml_assets.estimators.recommender import Recommender
from ml_assets.estimators.several import SeveralTargets
from ml_assets.estimators.wrappers import WRAPPERS, LabelEncodedClassifier
from ml_assets.recipe import catalogue, planned
from ml_assets.recipe.faults import did_you_mean
from ml_assets.recipe.space import Nested
from ml_assets.recipe.tasks import ESTIMATOR_KINDS
from ml_assets.records import MONOTONE, Positive

WEIGHTS = "class_weight"


def build(
    class_path: str,
    params: Mapping[str, Any],
    random_state: int,
    task: str,
    targets: Sequence[str] = (),
    positive: Positive = None,
) -> Any:
    """Build an estimator, and those inside it.

    Seeded, on one thread unless the parameters say otherwise, and with probabilities: a classifier that only
    has a decision function is calibrated (Platt 1999). Labels may be text.

    Parameters
    ----------
    class_path : str
        On the allow-list of the recipe, e.g. `xgboost.XGBClassifier`.
    params : mapping of str to value
        Plain values; an inner estimator is a `Nested` or the same as a dict `{class_path, hyperparameters}`,
        or a list of `{name, estimator}`.
    random_state : int
    task : str
    targets : sequence of str
        Names of the targets, where there are several: see `several.SeveralTargets`.
    positive : str, tuple of str or None
        Class of two whose share constraints are about, of several targets of each. None: the last.

    Raises
    ------
    ValueError
        If the class is not allowed, is not installed, is for another task, or has no such parameter.
    """
    estimator = pointed(_build(class_path, params, random_state), positive)
    kind = ESTIMATOR_KINDS[task]
    if is_classifier(estimator) != (kind == "Classifier") or (
        is_clusterer(estimator) and kind != "Clusterer"
    ):
        raise ValueError(f"{class_path} is no estimator for {task}.")
    if kind == "Clusterer":
        return Clusters(estimator)
    if kind == "Recommender":
        return Recommender(estimator)
    return SeveralTargets(estimator, tuple(targets)) if len(targets) > 1 else estimator


def defaults_of(class_path: str) -> dict[str, Any]:
    """Return the default of every parameter of a class on the allow-list."""
    if class_path in COMPOSED:
        return {}
    catalogue.check_class_path(class_path)
    ours = _ours(class_path)
    if class_path not in catalogue.ESTIMATORS:
        return own_defaults(class_path)
    if catalogue.ESTIMATORS[class_path].required:
        return ours
    made = load_class(class_path)
    if hasattr(made, "get_params"):
        return {**made().get_params(deep=False), **ours}
    signed = signature(made).parameters.values()
    return {**{each.name: each.default for each in signed if each.default is not each.empty}, **ours}


def _build(class_path: str, params: Mapping[str, Any], random_state: int) -> Any:
    if class_path in COMPOSED:
        module, _, name = class_path.rpartition(".")
        inner = {key: _inner(value, random_state) for key, value in params.items()}
        return getattr(import_module(module), name)(**inner)
    catalogue.check_class_path(class_path)
    if class_path not in catalogue.ESTIMATORS:
        inner = {name: _inner(value, random_state) for name, value in params.items()}
        return _with_probabilities(build_own(class_path, inner, random_state))
    known, library = catalogue.ESTIMATORS[class_path], library_of(class_path)
    for name in params:
        if name not in known.parameters:
            raise ValueError(
                f"hyperparameters: {class_path} has no parameter {name!r}.{did_you_mean(name, known.parameters)}"
            )
    if library.early_stopping in params:
        raise ValueError(planned.not_yet(f"hyperparameters: {library.early_stopping}", "Leave it out"))
    given = {name: _inner(value, random_state) for name, value in params.items()}
    ours = {name: _inner(value, random_state) for name, value in _ours(class_path).items()}
    if library.random_state in known.parameters:
        ours[library.random_state] = random_state
    threads = [name for name in library.threads if name in known.parameters]
    if threads and not any(name in given for name in threads):
        ours[threads[0]] = 1
    required = (*known.required, *REQUIRED.get(class_path, ()))
    absent = [name for name in required if name not in given]
    if absent:
        raise ValueError(f"hyperparameters: {class_path} needs {', '.join(absent)}.")
    around = {name: given.pop(name) for name in library.of_wrapper if name in given}
    weights = given.pop(WEIGHTS, None)
    monotone = {name: given.pop(name) for name in MONOTONE if isinstance(given.get(name), Mapping)}
    plain = WRAPPERS[wrapper_of(class_path)](load_class(class_path)(**(ours | given)), **around)
    estimator = _with_probabilities(plain)
    # Calibration would undo weights that it does not know. scikit-learn loses the labels' names on some ways, and
    # its forests take labels that look like numbers for numbers, which have no weight.
    if weights is not None:
        estimator = LabelEncodedClassifier(estimator, weights)
    for name, constraints in monotone.items():
        estimator = Monotone(estimator, name, constraints)
    return estimator


def _ours(class_path: str) -> dict[str, Any]:
    return {**library_of(class_path).defaults, **DEFAULTS.get(class_path, {})}


def _with_probabilities(estimator: Any) -> Any:
    """Calibrate a classifier that only has a decision function."""
    if not is_classifier(estimator):
        return estimator
    if not hasattr(estimator, "predict_proba") and hasattr(estimator, "decision_function"):
        return CalibratedClassifierCV(estimator, method="sigmoid", cv=3, ensemble=False)
    return estimator


def _inner(value: Any, random_state: int) -> Any:
    if isinstance(value, Nested):
        return _build(value.class_path, value.hyperparameters, random_state)
    if isinstance(value, Mapping):
        if "class_path" in value:
            return _build(value["class_path"], value.get("hyperparameters", {}), random_state)
        return {name: _inner(inner, random_state) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [
            (inner["name"], _inner(inner["estimator"], random_state))
            if isinstance(inner, Mapping) and set(inner) == {"name", "estimator"}
            else _inner(inner, random_state)
            for inner in value
        ]
    return value
