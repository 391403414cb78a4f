"""A point of the search spaces, as the study writes it and as an estimator takes it."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml_assets.estimators.build import defaults_of
from ml_assets.estimators.candidate import Candidate
from ml_assets.recipe.space import Categorical, Float, Int, Space, as_written

if TYPE_CHECKING:
    import optuna


GRID, GRID_WHOLE = 5, 20
"""Values of a continuous space in a grid, and numbers of a range that are all taken."""


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
    candidate: Candidate, spaces: Mapping[str, Space], warm_start: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """The points to try first, as parameters of the study: what an earlier search found, and the candidate's own."""
    points: list[dict[str, Any]] = []
    known = {
        key: fitted
        for key, value in (warm_start or {}).items()
        if key in spaces and (fitted := _encoded(spaces[key], value)) is not None
    }
    if known:
        points.append(known)
    defaults = defaults_of(candidate.class_path)
    for first in (candidate.first, *candidate.more):
        point: dict[str, Any] = {}
        for path, space in spaces.items():
            default = _encoded(space, (defaults | dict(first)).get(path))
            point[path] = _middle(space) if default is None else default
        points.append(point)
    return [point for k, point in enumerate(points) if point not in points[:k]]


def grid_points(spaces: Mapping[str, Space], random_state: int, most: int) -> list[dict[str, Any]]:
    """Points of the grid of all spaces, in an order that the seed gives, as parameters of the study.

    >>> grid_points({"depth": Int(1, 3), "rate": Categorical(("a", "b"))}, 0, 2)
    [{'depth': 1, 'rate': '"b"'}, {'depth': 3, 'rate': '"b"'}]
    """
    axes = {key: _axis(space) for key, space in spaces.items()}
    size = grid_size(spaces)
    points = []
    for place in random.Random(random_state).sample(range(size), min(size, most)):
        point, rest = {}, place
        for key, axis in axes.items():
            rest, k = divmod(rest, len(axis))
            point[key] = axis[k]
        points.append(point)
    return points


def grid_size(spaces: Mapping[str, Space]) -> int:
    """Count the points of the grid of all spaces.

    >>> grid_size({"depth": Int(1, 3), "rate": Categorical(("a", "b"))})
    6
    """
    return math.prod(len(_axis(space)) for space in spaces.values())


def _axis(space: Space) -> list[Any]:
    """Values of a grid: every choice, every whole number of a short range, else five from end to end."""
    if isinstance(space, Categorical):
        return [_written(choice) for choice in space.choices]
    if isinstance(space, Int) and not space.log and (space.high - space.low) // space.step < GRID_WHOLE:
        return list(range(space.low, space.high + 1, space.step))
    low, high = (math.log(end) if space.log else end for end in (space.low, space.high))
    even = [low + (high - low) * k / (GRID - 1) for k in range(GRID)]
    values = [math.exp(value) if space.log else value for value in even]
    values[0], values[-1] = space.low, space.high
    if isinstance(space, Int):
        on_step = [space.low + (round(value) - space.low) // space.step * space.step for value in values]
        return list(dict.fromkeys(on_step))
    return [float(value) for value in values]


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


def decoded(spaces: Mapping[str, Space], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a trial as plain values."""
    return {
        key: json.loads(value) if isinstance(spaces.get(key), Categorical) else value
        for key, value in params.items()
    }


def value_of(space: Space, value: Any) -> Any:
    """Return the value of a space that the study knows as `value`."""
    if isinstance(space, Categorical):
        return {_written(choice): choice for choice in space.choices}[value]
    return value
