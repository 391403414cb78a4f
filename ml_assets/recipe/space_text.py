"""How search spaces and nested estimators are written among hyperparameters.

A plain value is fixed; `{type: int, low: 2, high: 8}` is searched; `{class_path: …, hyperparameters: {…}}` is
an estimator with hyperparameters of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final

from ml_assets.recipe import catalogue
from ml_assets.recipe.faults import Faults, Key, unknown
from ml_assets.recipe.space import Categorical, Float, Int, Nested, Space, is_number

MOST: Final = 200
"""Faults looked for: each asks for the nearest name, which takes a while for fifty thousand."""

SPACES: Final[dict[str, tuple[Callable[..., Space], tuple[str, ...], tuple[str, ...]]]] = {
    "int": (Int, ("low", "high"), ("step", "log")),
    "float": (Float, ("low", "high"), ("log",)),
    "categorical": (Categorical, ("choices",), ()),
}
"""Type of a search space → its class, the keys it needs, the keys it may have."""


def parse_hyperparameters(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """
    Read hyperparameters as written in YAML; spaces and nested estimators become objects, the rest stays.

    Raises
    ------
    Faults
        Every fault, each with its key inside `hyperparameters`.

    Examples
    --------
    >>> parse_hyperparameters({"max_depth": {"type": "int", "low": 2, "high": 8}, "n_jobs": 1})
    {'max_depth': Int(low=2, high=8, step=1, log=False), 'n_jobs': 1}
    """
    faults: list[tuple[Key, str]] = []
    parsed = {name: _parse(value, (name,), faults) for name, value in hyperparameters.items()}
    if faults:
        raise Faults(faults)
    return parsed


def _parse(value: Any, key: Key, faults: list[tuple[Key, str]]) -> Any:
    if len(faults) > MOST:
        return None
    if isinstance(value, Mapping):
        if "class_path" in value:
            return _parse_nested(value, key, faults)
        if _is_weights(value, key):
            return dict(value)
        if "type" in value:
            return _parse_space(value, key, faults)
        if value and set(value) <= {"low", "high", "step", "log", "choices"}:
            faults.append((key, f"a search space needs `type`: one of {', '.join(SPACES)}"))
            return None
        return {name: _parse(inner, (*key, name), faults) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        if key[-1] == "estimators":
            return _parse_members(value, key, faults)
        return [_parse(inner, (*key, position), faults) for position, inner in enumerate(value)]
    return value


def _is_weights(value: Mapping[str, Any], key: Key) -> bool:
    # Classes may be called "type" or "low": `class_weight: {low: 1, high: 5}` is no search space.
    return key[-1] in ("class_weight", "class_weights") and all(
        is_number(weight) for weight in value.values()
    )


def _parse_nested(value: Mapping[str, Any], key: Key, faults: list[tuple[Key, str]]) -> Nested | None:
    found = len(faults)
    for name in value:
        if name not in ("class_path", "hyperparameters"):
            faults.append(((*key, name), unknown("key", name, ("class_path", "hyperparameters"))))
    class_path, inner = value["class_path"], value.get("hyperparameters", {})
    if not isinstance(class_path, str):
        faults.append(
            ((*key, "class_path"), f"found {class_path!r}; allowed: text, e.g. xgboost.XGBClassifier")
        )
    else:
        try:
            catalogue.check_class_path(class_path)
        except ValueError as error:
            faults.append(((*key, "class_path"), str(error)))
    if not isinstance(inner, Mapping):
        faults.append(
            ((*key, "hyperparameters"), f"found {inner!r}; allowed: hyperparameters as `name: value`")
        )
        return None
    path: Key = (*key, "hyperparameters")
    parsed = {name: _parse(item, (*path, name), faults) for name, item in inner.items()}
    return Nested(class_path, parsed) if len(faults) == found else None


def _parse_members(value: Any, key: Key, faults: list[tuple[Key, str]]) -> list[dict[str, Any]]:
    members: list[dict[str, Any]] = []
    names: set[str] = set()
    for position, member in enumerate(value):
        if len(faults) > MOST:
            break
        here: Key = (*key, position)
        if not isinstance(member, Mapping) or set(member) != {"name", "estimator"}:
            faults.append((here, "allowed: `{name: …, estimator: {class_path: …, hyperparameters: {…}}}`"))
            continue
        name, estimator = member["name"], member["estimator"]
        if not isinstance(name, str) or not name or "." in name or "__" in name:
            faults.append(((*here, "name"), f"found {name!r}; allowed: text without '.' and '__'"))
        elif name in names:
            faults.append(
                ((*here, "name"), f"{name!r} is there twice; every estimator needs a name of its own")
            )
        if isinstance(name, str):
            names.add(name)
        if isinstance(estimator, Nested):
            members.append({"name": name, "estimator": estimator})
        elif isinstance(estimator, Mapping) and "class_path" in estimator:
            members.append(
                {"name": name, "estimator": _parse_nested(estimator, (*here, "estimator"), faults)}
            )
        else:
            faults.append(
                ((*here, "estimator"), "needs `class_path`, e.g. {class_path: xgboost.XGBClassifier}")
            )
    return members


def _parse_space(value: Mapping[str, Any], key: Key, faults: list[tuple[Key, str]]) -> Space | None:
    kind = value["type"]
    if not isinstance(kind, str) or kind not in SPACES:
        faults.append(((*key, "type"), unknown("type of search space", str(kind), SPACES)))
        return None
    build, required, optional = SPACES[kind]
    found = len(faults)
    allowed = (*required, *optional)
    for name in islice(value, MOST):
        if name != "type" and name not in allowed:
            faults.append(((*key, name), unknown("key", str(name), ("type", *allowed))))
    missing = [name for name in required if name not in value]
    if missing and len(faults) == found:
        faults.append(
            (key, f"a search space of type {kind} needs {' and '.join(f'`{name}`' for name in missing)}")
        )
    if len(faults) > found:
        return None
    settings = {name: item for name, item in value.items() if name != "type"}
    if kind == "categorical":
        choices = settings["choices"]
        if not isinstance(choices, list | tuple):
            faults.append(((*key, "choices"), f"found {choices!r}; allowed: a list of values"))
            return None
        settings["choices"] = tuple(
            tuple(choice) if isinstance(choice, list) else choice for choice in choices
        )
    if kind == "float":
        for name in ("low", "high"):
            settings[name] = float(settings[name]) if is_number(settings[name]) else settings[name]
    try:
        return build(**settings)
    except Faults as error:
        faults.extend(((*key, *inner), message) for inner, message in error.faults)
        return None
