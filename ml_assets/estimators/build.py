"""From a class path and parameters to a scikit-learn estimator; what the parameters may be."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints

from ml_assets.estimators.libraries import DEFAULTS, REQUIRED, THREADED
from ml_assets.estimators.wrappers import LabelEncodedClassifier
from ml_assets.recipe import catalogue
from ml_assets.recipe.faults import Key, did_you_mean
from ml_assets.recipe.space import Categorical, Float, Int, Nested


def build(class_path: str, params: Mapping[str, Any], random_state: int, task: str) -> Any:
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

    Raises
    ------
    ValueError
        If the class is not allowed, is for another task, or has no such parameter.
    """
    estimator = _build(class_path, params, random_state)
    if is_classifier(estimator) != (task == "classification"):
        raise ValueError(f"{class_path} is no estimator for {task}.")
    return estimator


def wrong_values(class_path: str, params: Mapping[str, Any], key: Key = ()) -> list[tuple[Key, str]]:
    """Hold values, and the ends of search spaces, against what scikit-learn's estimators say they take.

    Returns
    -------
    list of (key, message)
        Keys are relative to `params`. XGBoost says nothing of its parameters before it is fitted.
    """
    constraints = getattr(_class(class_path), "_parameter_constraints", {})
    wrong: list[tuple[Key, str]] = []
    for name, value in params.items():
        inner = _inner_estimators(value)
        for place, nested in inner:
            wrong += wrong_values(nested.class_path, nested.hyperparameters, (*key, name, *place))
        if inner or name not in constraints:
            continue
        for each in _extremes(value):
            try:
                validate_parameter_constraints(
                    {name: constraints[name]}, {name: each}, class_path.rpartition(".")[2]
                )
            except InvalidParameterError as error:
                wrong.append(((*key, name), str(error)))
                break
    return wrong


def _inner_estimators(value: Any) -> list[tuple[Key, Nested]]:
    if isinstance(value, Nested):
        return [(("hyperparameters",), value)]
    if not isinstance(value, list | tuple):
        return []
    members = [(i, each.get("estimator")) for i, each in enumerate(value) if isinstance(each, Mapping)]
    return [
        ((i, "estimator", "hyperparameters"), member) for i, member in members if isinstance(member, Nested)
    ]


def _extremes(value: Any) -> tuple[Any, ...]:
    if isinstance(value, Int | Float):
        return value.low, value.high
    return value.choices if isinstance(value, Categorical) else (value,)


def defaults_of(class_path: str) -> dict[str, Any]:
    """Return the default of every parameter of a class on the allow-list."""
    return (
        {**_class(class_path)().get_params(deep=False), **DEFAULTS.get(class_path, {})}
        if not (class_path in catalogue.ESTIMATORS and catalogue.ESTIMATORS[class_path].required)
        else dict(DEFAULTS.get(class_path, {}))
    )


def _class(class_path: str) -> Any:
    catalogue.check_class_path(class_path)
    module, _, name = class_path.rpartition(".")
    return getattr(import_module(module), name)


def _build(class_path: str, params: Mapping[str, Any], random_state: int) -> Any:
    kind = _class(class_path)
    accepted = catalogue.ESTIMATORS[class_path].parameters
    for name in params:
        if name not in accepted:
            raise ValueError(
                f"hyperparameters: {class_path} has no parameter {name!r}.{did_you_mean(name, accepted)}"
            )
    given = {name: _inner(value, random_state) for name, value in params.items()}
    ours = dict(DEFAULTS.get(class_path, {}))
    if "random_state" in accepted:
        ours["random_state"] = random_state
    if class_path.startswith(THREADED) and "nthread" not in given:
        ours["n_jobs"] = 1
    required = (*catalogue.ESTIMATORS[class_path].required, *REQUIRED.get(class_path, ()))
    absent = [name for name in required if name not in given]
    if absent:
        raise ValueError(f"hyperparameters: {class_path} needs {', '.join(absent)}.")
    estimator = kind(**(ours | given))
    if not is_classifier(estimator):
        return estimator
    if class_path.startswith("xgboost."):
        return LabelEncodedClassifier(estimator)
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
