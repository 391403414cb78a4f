"""Values of hyperparameters held against what the estimators say they take, before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

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
    see_installed(class_path, params)
    known = catalogue.ESTIMATORS.get(class_path)
    wrong: list[tuple[Key, str]] = []
    if known is None:
        from ml_assets.estimators.own import unknown_parameters

        wrong += [((*key, name), text) for name, text in unknown_parameters(class_path, params).items()]
    for name, value in params.items():
        inner = _inner_estimators(value)
        for place, nested in inner:
            wrong += wrong_values(nested.class_path, nested.hyperparameters, (*key, name, *place))
        # Importing a library takes seconds, and is left to the training where nothing is to be learned from it.
        if (
            inner
            or not tells_constraints(class_path)
            or (known and surely_taken(known.takes.get(name), value))
        ):
            continue
        constraints = getattr(load_class(class_path), "_parameter_constraints", {})
        if name not in constraints:
            continue
        if text := _refusal({name: constraints[name]}, name, value, class_path.rpartition(".")[2]):
            wrong.append(((*key, name), text))
    return wrong


def surely_taken(takes: Sequence[Any] | None, value: Any) -> bool:
    """Whether a value, or each end of a search space, is one of those that the table of estimators has.

    Parameters
    ----------
    takes : sequence, optional
        Kinds of values (`none`, `bool`, `int`, `text`, `dict`, `list`, `any`), `["one of", …]`, and spans of numbers:
        `[kind, low, high, whether low is among them, whether high is]`, of which an end may be open (null).

    Examples
    --------
    >>> surely_taken(["none", ["Real", 0, 1, False, True]], 1.0), surely_taken([["Integral", 1, None, True, True]], 0.5)
    (True, False)
    """
    return takes is not None and all(any(_is(kind, each) for kind in takes) for each in _extremes(value))


KINDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "any": lambda value: True,
    "none": lambda value: value is None,
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, int),
    "text": lambda value: isinstance(value, str),
    "dict": lambda value: isinstance(value, dict),
    "list": lambda value: isinstance(value, list),
    "Integral": lambda value: isinstance(value, int),
    "Real": lambda value: isinstance(value, int | float) and math.isfinite(value),
    "RealNotInt": lambda value: isinstance(value, float) and math.isfinite(value),
}
"""Kinds of values of parameters, as the table of estimators names them."""


def _is(kind: Any, value: Any) -> bool:
    if isinstance(kind, str):
        return KINDS[kind](value)
    name, *options = kind
    if name == "one of":
        return isinstance(value, str) and value in options
    low, high, with_low, with_high = options
    if not KINDS[name](value):
        return False
    above = low is None or value > low or (with_low and value == low)
    below = high is None or value < high or (with_high and value == high)
    return bool(above and below)


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
