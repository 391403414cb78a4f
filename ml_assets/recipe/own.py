"""What a person's own modules give a recipe: metrics and estimators, by import path.

Importing a module runs it, so only what the operator allows is imported. What is allowed holds for the process, as
the environment that says it does; a metric is known by its path alone, wherever a record names it, so what a recipe
declares of it is kept here, too.
"""

from __future__ import annotations

import traceback
from collections.abc import Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from ml_assets.failures import MendableError
from ml_assets.recipe.faults import did_you_mean

Direction = Literal["maximize", "minimize"]
MODULES: Final = "ML_ASSETS_MODULES"
"""Variable with the modules that are allowed, separated by commas."""
PATH: Final = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+"
"""An import path."""


class OwnError(MendableError, ValueError):
    """A person's own metric, estimator or function that may not be imported, or does not do what it should."""


class Declared(NamedTuple):
    """What a recipe says of a metric of its own."""

    task: str
    direction: Direction


_allowed: set[str] = set()
_declared: dict[str, dict[str, Declared]] = {}
Known = tuple[frozenset[str], dict[str, dict[str, Declared]]]
"""Modules that are allowed, and what recipes declare of metrics."""


def allow(modules: Collection[str]) -> None:
    """Allow what the operator's settings say, and nothing else."""
    _allowed.clear()
    _allowed.update(modules)


def known() -> Known:
    """What this process allows and was told: for another one that fits for it (`adopt`)."""
    return frozenset(_allowed), {path: dict(by_recipe) for path, by_recipe in _declared.items()}


def adopt(others: Known) -> None:
    """Allow, and know, what the process that this one fits for does."""
    modules, told = others
    _allowed.update(modules)
    for path, by_recipe in told.items():
        _declared.setdefault(path, {}).update(by_recipe)


def is_allowed(path: str, modules: Collection[str] | None = None) -> bool:
    """Whether an import path is of a module that is allowed, or of one inside it."""
    module = path.rpartition(".")[0]
    known = _allowed if modules is None else modules
    return any(module == each or module.startswith(f"{each}.") for each in known)


def is_own(metric: str) -> bool:
    """Whether a metric is one of a person's own: its name is an import path.

    >>> is_own("rmse"), is_own("shop.metrics.profit")
    (False, True)
    """
    return "." in metric


def imported(path: str, key: str, modules: Collection[str] | None = None) -> Any:
    """Import what a path names, if its module is allowed.

    Parameters
    ----------
    path : str
        As `shop.metrics.profit`.
    key : str
        Key of the recipe that names it, for a message.
    modules : collection of str, optional
        Modules that are allowed. Default: those of the process.

    Raises
    ------
    OwnError
        If the module is not allowed or not there, or has no such thing that can be called.
    """
    module, _, name = path.rpartition(".")
    known = sorted(_allowed if modules is None else modules)
    if not is_allowed(path, known):
        raise OwnError(
            f"{key}: {path!r} is of a module that is not allowed (allowed: {', '.join(known) or 'none'}). If you trust "
            f"it, the operator sets {MODULES}={','.join([*known, module])}"
        )
    try:
        loaded = import_module(module)
    except ImportError as error:
        raise OwnError(
            f"{key}: {path!r} cannot be imported: {error}. Install its package, or put its folder on PYTHONPATH"
        ) from None
    except Exception as error:  # noqa: BLE001 - a person's own module may raise anything: it is told with its name
        raise OwnError(
            f"{key}: {path!r} cannot be imported: {failure(error)}. Mend the module {module}"
        ) from None
    found = getattr(loaded, name, None)
    if not callable(found):
        public = [
            known for known, value in vars(loaded).items() if callable(value) and not known.startswith("_")
        ]
        kind = "class" if key == "class_path" else "function"
        raise OwnError(f"{key}: {module} has no {kind} {name!r}.{did_you_mean(name, public)}")
    return found


def failure(error: Exception) -> str:
    """Say what a person's own code raised, and where.

    >>> try:
    ...     {}["price"]
    ... except KeyError as error:
    ...     failure(error)[:17]
    "KeyError: 'price'"
    """
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({Path(last[0].filename).name}, line {last[0].lineno})" if last else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{place}"


def declare(recipe: str, task: str, metrics: Mapping[str, Direction]) -> None:
    """Keep what a recipe, by its name, declares of its own metrics, in the place of what it declared before.

    Raises
    ------
    OwnError
        If another recipe says otherwise of the same metric.
    """
    for by_recipe in _declared.values():
        by_recipe.pop(recipe, None)
    for path, direction in metrics.items():
        mine, others = Declared(task, direction), _declared.setdefault(path, {})
        other = next((name for name, said in others.items() if said != mine), None)
        if other is not None:
            raise OwnError(
                f"evaluation.own_metrics: {path} is to {mine.direction} for {mine.task} here, and to "
                f"{others[other].direction} for {others[other].task} in the recipe {other}: give it another name in one"
            )
        others[recipe] = mine


def declared(path: str) -> Declared:
    """Return what is declared of a metric.

    Raises
    ------
    OwnError
        If no recipe of this process has declared it.
    """
    known = _declared.get(path)
    if not known:
        raise OwnError(f"metric: {path} is not declared. Say which way is better in evaluation.own_metrics")
    return next(iter(known.values()))
