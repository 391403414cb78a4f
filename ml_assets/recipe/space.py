"""Search spaces inside hyperparameters, and estimators inside estimators."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ml_assets.recipe.faults import Faults, Key

Choice = str | int | float | bool | None | tuple[Any, ...]


@dataclass(frozen=True)
class Int:
    """Whole numbers from `low` to `high`, both included."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def __post_init__(self) -> None:
        _refuse(_int_faults(self))


@dataclass(frozen=True)
class Float:
    """Numbers from `low` to `high`; with `log`, evenly in their logarithm."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _refuse(_float_faults(self))


@dataclass(frozen=True)
class Categorical:
    """One of `choices`."""

    choices: tuple[Choice, ...]

    def __post_init__(self) -> None:
        _refuse(_categorical_faults(self))


Space = Int | Float | Categorical


@dataclass(frozen=True)
class Nested:
    """An estimator that is a hyperparameter of another one; its own hyperparameters may hold spaces."""

    class_path: str
    hyperparameters: dict[str, Any] = field(default_factory=dict)


def as_written(value: Any) -> Any:
    """Turn parsed hyperparameters back into plain dicts and lists."""
    if isinstance(value, Int):
        written: dict[str, Any] = {"type": "int", "low": value.low, "high": value.high}
        return written | ({"log": True} if value.log else {"step": value.step} if value.step != 1 else {})
    if isinstance(value, Float):
        return {"type": "float", "low": value.low, "high": value.high} | ({"log": True} if value.log else {})
    if isinstance(value, Categorical):
        return {"type": "categorical", "choices": [as_written(choice) for choice in value.choices]}
    if isinstance(value, Nested):
        return {"class_path": value.class_path, "hyperparameters": as_written(value.hyperparameters)}
    if isinstance(value, Mapping):
        return {name: as_written(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_written(inner) for inner in value]
    return value


def searched(hyperparameters: Mapping[str, Any]) -> dict[str, Space]:
    """
    Every space by its dotted path; members of a voting or stacking ensemble go by their names.

    >>> tree = Nested("sklearn.tree.DecisionTreeRegressor", {"max_depth": Int(2, 8)})
    >>> searched({"n_jobs": 1, "estimator": tree})
    {'estimator.max_depth': Int(low=2, high=8, step=1, log=False)}
    """
    return {".".join(path): space for path, space in _spaces(hyperparameters, ())}


def filled(hyperparameters: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """
    Put a value in the place of every space; `values` is keyed as `searched` is.

    Raises
    ------
    KeyError
        A space has no value.

    Examples
    --------
    >>> filled({"n_jobs": 1, "max_depth": Int(2, 8)}, {"max_depth": 3})
    {'n_jobs': 1, 'max_depth': 3}
    """
    return {name: _fill(value, (name,), values) for name, value in hyperparameters.items()}


def _spaces(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Space]]:
    if isinstance(value, Space):
        yield path, value
    elif isinstance(value, Nested):
        yield from _spaces(value.hyperparameters, path)
    else:
        for name, inner in _children(value):
            yield from _spaces(inner, (*path, name))


def _fill(value: Any, path: tuple[str, ...], values: Mapping[str, Any]) -> Any:
    if isinstance(value, Space):
        chosen = values[".".join(path)]
        return list(chosen) if isinstance(chosen, tuple) else chosen
    if isinstance(value, Nested):
        return Nested(
            value.class_path, {n: _fill(v, (*path, n), values) for n, v in value.hyperparameters.items()}
        )
    if isinstance(value, Mapping):
        return {name: _fill(inner, (*path, name), values) for name, inner in value.items()}
    if isinstance(value, list):
        filling = [_fill(inner, (*path, name), values) for name, inner in _children(value)]
        return [
            old | {"estimator": new} if _is_member(old) else new
            for old, new in zip(value, filling, strict=True)
        ]
    return value


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((name, inner) for name, inner in value.items())
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield (inner["name"], inner["estimator"]) if _is_member(inner) else (str(position), inner)


def _is_member(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("estimator"), Nested)


def _refuse(faults: list[tuple[Key, str]]) -> None:
    if faults:
        raise Faults(faults)


def _int_faults(space: Int) -> list[tuple[Key, str]]:
    faults: list[tuple[Key, str]] = [
        ((name,), f"found {value!r}; allowed: a whole number{' of 1 or more' if name == 'step' else ''}")
        for name, value in (("low", space.low), ("high", space.high), ("step", space.step))
        if not _is_whole(value) or (name == "step" and value < 1)
    ]
    if not isinstance(space.log, bool):
        faults.append((("log",), f"found {space.log!r}; allowed: true or false"))
    if not faults and space.log and space.step != 1:
        faults.append((("step",), "`step` and `log` exclude each other: leave one out"))
    return faults or _range_faults(space)


def _float_faults(space: Float) -> list[tuple[Key, str]]:
    faults: list[tuple[Key, str]] = [
        ((name,), f"found {value!r}; allowed: a finite number")
        for name, value in (("low", space.low), ("high", space.high))
        if not is_number(value) or not math.isfinite(value)
    ]
    if not isinstance(space.log, bool):
        faults.append((("log",), f"found {space.log!r}; allowed: true or false"))
    return faults or _range_faults(space)


def _range_faults(space: Int | Float) -> list[tuple[Key, str]]:
    faults: list[tuple[Key, str]] = []
    if space.low > space.high:
        faults.append((("low",), f"low {space.low} is above high {space.high}; allowed: low ≤ high"))
    if space.log and space.low <= 0:
        faults.append((("low",), f"found {space.low}; with `log`, low must be above 0"))
    return faults


def _categorical_faults(space: Categorical) -> list[tuple[Key, str]]:
    if not space.choices:
        return [(("choices",), "is empty; allowed: a list of at least one value")]
    faults: list[tuple[Key, str]] = []
    seen: set[tuple[type, Choice]] = set()
    for position, choice in enumerate(space.choices):
        if not _is_choice(choice):
            faults.append(
                (
                    ("choices", position),
                    f"found {as_written(choice)!r}; allowed: text, numbers, true, false, null, or lists",
                )
            )
        elif (type(choice), choice) in seen:
            faults.append((("choices", position), f"{choice!r} is there twice"))
        else:
            seen.add((type(choice), choice))
    return faults


def _is_choice(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_is_choice(inner) and not isinstance(inner, tuple) for inner in value)
    return value is None or isinstance(value, str | int | float | bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
