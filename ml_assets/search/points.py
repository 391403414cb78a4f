"""A point of the search spaces, as the study writes it and as an estimator takes it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml_assets.estimators.build import defaults_of
from ml_assets.estimators.families import Candidate
from ml_assets.recipe.space import Categorical, Float, Int, Space, as_written, filled, searched

if TYPE_CHECKING:
    import optuna


FAMILY = "family"
"""Parameter that names the candidate, where there are several."""


def flat_spaces(candidates: Mapping[str, Candidate]) -> dict[str, dict[str, Space]]:
    """Every search space of each candidate, by the name of the parameter in the study."""
    return {
        name: {
            _key(candidates, name, path): space for path, space in searched(candidate.hyperparameters).items()
        }
        for name, candidate in candidates.items()
    }


def _key(candidates: Mapping[str, Candidate], name: str, path: str) -> str:
    return f"{name}.{path}" if len(candidates) > 1 else path


def params_at(candidates: Mapping[str, Candidate], name: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of an estimator, its search spaces filled with what was chosen."""
    candidate = candidates[name]
    values = {path: chosen[_key(candidates, name, path)] for path in searched(candidate.hyperparameters)}
    return filled(candidate.hyperparameters, values)


def suggest(trial: optuna.Trial, key: str, space: Space) -> Any:
    """Let the study choose a value of the space."""
    if isinstance(space, Int):
        high = space.low + (space.high - space.low) // space.step * space.step
        return trial.suggest_int(key, space.low, high, step=space.step, log=space.log)
    if isinstance(space, Float):
        return trial.suggest_float(key, space.low, space.high, log=space.log)
    written = {_written(choice): choice for choice in space.choices}
    return written[trial.suggest_categorical(key, list(written))]


def _written(choice: Any) -> str:
    """A choice as text: Optuna keeps only text and numbers, and takes 1 and True for the same."""
    return json.dumps(as_written(choice))


def first_points(
    candidates: Mapping[str, Candidate],
    spaces: Mapping[str, Mapping[str, Space]],
    warm_start: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """The points to try first, as parameters of the study."""
    points: list[dict[str, Any]] = []
    if warm_start:
        name = str(warm_start.get(FAMILY, next(iter(candidates))))
        known = spaces.get(name, {})
        fitting = {
            key: fitted
            for key, value in warm_start.items()
            if key in known and (fitted := _encoded(known[key], value)) is not None
        }
        if fitting:
            points.append(fitting | ({FAMILY: name} if len(candidates) > 1 else {}))
    for name, candidate in candidates.items():
        defaults = defaults_of(candidate.class_path) | dict(candidate.first)
        point: dict[str, Any] = {FAMILY: name} if len(candidates) > 1 else {}
        for path, space in searched(candidate.hyperparameters).items():
            default = _encoded(space, defaults.get(path))
            point[_key(candidates, name, path)] = _middle(space) if default is None else default
        points.append(point)
    return [point for k, point in enumerate(points) if point not in points[:k]]


def _encoded(space: Space, value: Any) -> Any:
    """Return the value as the study knows it; None if it is not in the space."""
    if isinstance(space, Categorical):
        written = [_written(choice) for choice in space.choices]
        found = value if value in written else _written(value)
        return found if found in written else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not space.low <= value <= space.high:
        return None
    if isinstance(space, Int):
        return int(value) if value == int(value) and (int(value) - space.low) % space.step == 0 else None
    return float(value)


def _middle(space: Space) -> Any:
    """The middle of a space (on its scale), or the first choice.

    >>> _middle(Int(2, 8)), _middle(Float(0.01, 1.0, log=True)), _middle(Categorical(("a", "b")))
    (5, 0.1, '"a"')
    """
    if isinstance(space, Categorical):
        return _written(space.choices[0])
    middle = math.sqrt(space.low * space.high) if space.log else (space.low + space.high) / 2
    if isinstance(space, Int):
        return space.low + (round(middle) - space.low) // space.step * space.step
    return middle


def decoded(spaces: Mapping[str, Mapping[str, Space]], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a trial as plain values."""
    known = {key: space for inner in spaces.values() for key, space in inner.items()}
    return {
        key: json.loads(value) if isinstance(known.get(key), Categorical) else value
        for key, value in params.items()
    }


def value_of(space: Space, value: Any) -> Any:
    """Return the value of a space that the study knows as `value`."""
    if isinstance(space, Categorical):
        return {_written(choice): choice for choice in space.choices}[value]
    return value
