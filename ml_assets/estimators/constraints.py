"""Values of hyperparameters held against what the estimators say they take, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_assets.estimators.libraries import load_class, see_installed, tells_constraints
from ml_assets.recipe import catalogue
from ml_assets.recipe.faults import Key
from ml_assets.recipe.space import Categorical, Float, Int, Nested


def wrong_values(class_path: str, params: Mapping[str, Any], key: Key = ()) -> list[tuple[Key, str]]:
    """Hold values, and the ends of search spaces, against what scikit-learn's estimators say they take.

    Returns
    -------
    list of (key, message)
        Keys are relative to `params`. Other libraries say nothing of their parameters before a fit.
    """
    catalogue.check_class_path(class_path)
    see_installed(class_path)
    # Importing a library takes seconds, and is left to the training where nothing is to be learned from it.
    told = tells_constraints(class_path)
    constraints = getattr(load_class(class_path), "_parameter_constraints", {}) if told else {}
    wrong: list[tuple[Key, str]] = []
    if class_path not in catalogue.ESTIMATORS:
        from ml_assets.estimators.own import unknown_parameters

        wrong += [((*key, name), text) for name, text in unknown_parameters(class_path, params).items()]
    for name, value in params.items():
        inner = _inner_estimators(value)
        for place, nested in inner:
            wrong += wrong_values(nested.class_path, nested.hyperparameters, (*key, name, *place))
        if inner or name not in constraints:
            continue
        if text := _refusal({name: constraints[name]}, name, value, class_path.rpartition(".")[2]):
            wrong.append(((*key, name), text))
    return wrong


def _refusal(constraints: Mapping[str, Any], name: str, value: Any, estimator: str) -> str | None:
    """What scikit-learn says against a value, or against an end of a search space."""
    from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints

    for each in _extremes(value):
        try:
            validate_parameter_constraints(constraints, {name: each}, estimator)
        except InvalidParameterError as error:
            return str(error)
    return None


def lowest(params: Mapping[str, Any]) -> dict[str, Any]:
    """The low end of each search space, or its first choice; other values as they are.

    >>> lowest({"depth": Int(2, 8), "loss": "squared"})
    {'depth': 2, 'loss': 'squared'}
    """
    spaces = (Int, Float, Categorical)
    return {
        name: _extremes(value)[0] if isinstance(value, spaces) else value for name, value in params.items()
    }


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
