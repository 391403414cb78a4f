"""`ml-assets validate`: recipes against their data, without training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ml_assets.failures import traced
from ml_assets.lifecycle.joined import beside, look_up
from ml_assets.lifecycle.known import load_states
from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe import RecipeError, load_recipe
from ml_assets.recipe.faults import dotted
from ml_assets.recipe.loading import fault_in, models_of, name_taken
from ml_assets.recipe.written import RecipeFault
from ml_assets.settings import Settings
from ml_assets.settings.wandb import lacks_wandb
from ml_assets.shown import counted

if TYPE_CHECKING:
    from ml_assets.sources.paths import SourceError

SOURCE = "model.loader.source_uri"
PROBED = 1_000
"""Rows that features are joined to before a training: enough to see that the feature store has what is asked for."""


class Checked(NamedTuple):
    """What is wrong with a recipe that loads: the recipe itself, or the data it names."""

    recipe: list[RecipeFault]
    data: list[RecipeFault]
    notes: tuple[str, ...] = ()
    """What is no fault, but was set aside or read otherwise than it is written."""
    hints: tuple[str, ...] = ()
    """What is no fault, and yet is hardly meant."""
    looked_at: str = ""
    """Rows and batches that were looked at."""
    columns: dict[str, str | None] | None = None
    """Kinds of the columns of a query, by name."""


def validate_files(files: list[Path] | None, settings: Settings) -> list[dict[str, Any]]:
    """Check recipes; default: all in the recipe folders.

    Returns
    -------
    list of dict
        Per file: `file, ok, errors: [{line, key, message}], notes, hints, looked_at, columns`, the kinds of the columns
        of a query by name.
    """
    if not files:
        states, broken = load_states(settings)
        by_file = groupby(states, key=lambda state: state.path)
        sound = [_checked_together(path, list(several)) for path, several in by_file]
        return sound + [_report(path, error.errors) for path, error in broken]
    reports = []
    names: dict[str, Path] = {}
    for path in files:
        try:
            states = load_models(path, settings)
            for state in states:
                owner = names.setdefault(state.name, path)
                if not _same(owner, path):
                    raise name_taken(path, state.name, owner)
            reports.append(_checked_together(path, states))
        except RecipeError as error:
            reports.append(_report(path, error.errors))
    return reports


def load_models(path: Path, settings: Settings) -> list[ModelState]:
    """Load the models of a recipe's file: one, or with `foreach` several.

    Raises
    ------
    RecipeError
        If the recipe is broken, or a model has the name of another known recipe.
    """
    recipes = models_of(path)
    states, broken = load_states(settings)
    for other, error in broken:
        if _same(other, path):
            raise error
    names = {recipe.name for recipe in recipes}
    for state in states:
        if state.name in names and not _same(state.path, path):
            raise name_taken(path, state.name, state.path)
    return [ModelState(recipe, path.absolute(), settings) for recipe in recipes]


def load_state(path: Path, settings: Settings) -> ModelState:
    """Load the recipe of a file as `load_models` does; raise RecipeError also where it has several models."""
    load_recipe(path)
    return load_models(path, settings)[0]


def _checked_together(path: Path, states: Sequence[ModelState]) -> dict[str, Any]:
    """Check the models of one file."""
    if len(states) == 1:
        return _checked(states[0])
    from ml_assets.cli.together import report_together, without_a_model

    report = report_together(path, {state.name: _checked(state) for state in states})
    report["hints"] += without_a_model(path, states[0])
    return report


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)  # Path.resolve raises on a link to itself


def check(state: ModelState) -> Checked:
    """Hold a recipe against the estimator it names and the newest batch of its data."""
    from ml_assets.quality.quarantine import held
    from ml_assets.sources.paths import SourceError

    recipe = _wrong_hyperparameters(state)
    try:
        span = state.calendar()
        if span is None:
            return Checked(recipe, [_no_rows(state)])
        state.first_batch()  # remembered from now on: the web UI does not look into the data
        frame = state.rows(span[1]).frame
        frame = beside(frame, look_up(state, frame.head(PROBED)))
    except SourceError as error:
        return _unreadable(state, recipe, error)
    data = []
    for finding in held(frame, state.recipe, span[1]).findings:
        if finding.key is not None:
            recipe.append(fault_in(state.path, finding.key, finding.message.partition(": ")[2]))
        else:
            data.append(fault_in(state.path, SOURCE, f"{state.place(span[1])}: {finding.message}"))
    return Checked(recipe, data)


def look_and_check(state: ModelState) -> Checked:
    """Hold a recipe against the estimator it names and all batches of its data, or some of many."""
    from ml_assets.features.functions import FunctionError
    from ml_assets.lifecycle.looked import look
    from ml_assets.sources.paths import SourceError

    recipe = _wrong_hyperparameters(state)
    try:
        looked = look(state)
        if looked is None:
            return Checked(recipe, [_no_rows(state)])
        if looked.whole:
            state.first_batch()  # remembered from now on: the web UI does not look into the data
    except SourceError as error:
        return _unreadable(state, recipe, error)
    except FunctionError as error:
        key, _, message = str(error).partition(": ")
        return Checked([*recipe, fault_in(state.path, f"model.feature_engineering.{key}", message)], [])
    wrong_key = {finding.key: finding for _, finding in looked.findings if finding.key is not None}
    recipe += [
        fault_in(state.path, key, finding.message.partition(": ")[2]) for key, finding in wrong_key.items()
    ]
    data = [(batch, finding.message) for batch, finding in looked.findings if finding.key is None]
    return Checked(
        recipe, list(_of_batches(state, data)), looked.notes, looked.hints, looked.words, looked.columns
    )


def _of_batches(state: ModelState, found: list[tuple[str, str]]) -> Iterator[RecipeFault]:
    """What is wrong with batches; where many have the same fault, the first, the newest and how many."""
    by_text: dict[str, list[str]] = {}
    for batch, message in found:
        by_text.setdefault(message, []).append(batch)
    for message, batches in by_text.items():
        more = (
            f" (and in {counted(len(batches) - 1, 'other batch')}, the newest {batches[-1]})"
            if len(batches) > 1
            else ""
        )
        yield fault_in(state.path, SOURCE, f"{state.place(batches[0])}: {message}{more}")


def _no_rows(state: ModelState) -> RecipeFault:
    text = f"there are no rows yet: '{state.source.place}' finds no file, or none with rows of a batch"
    return fault_in(state.path, SOURCE, text)


def _unreadable(state: ModelState, recipe: list[RecipeFault], error: SourceError) -> Checked:
    fault = fault_in(state.path, error.key or SOURCE, error.message)
    return Checked([*recipe, fault], []) if error.key else Checked(recipe, [fault])


def _wrong_metrics(state: ModelState) -> Iterator[RecipeFault]:
    """What of a person's own metrics cannot be called."""
    from ml_assets.recipe.own import OwnError
    from ml_assets.tasks.metrics import metric_named

    for path in state.recipe.own_metrics:
        try:
            metric_named(path)
        except OwnError as error:
            key = "evaluation.own_metrics"
            if path not in state.recipe.evaluation.own_metrics:
                key = "hyperparameter_tuning.metric"
            yield fault_in(state.path, key, str(error).partition(": ")[2])


def _wrong_hyperparameters(state: ModelState) -> list[RecipeFault]:
    """What of metrics, engine, estimator and its parameters cannot be, or is not installed."""
    return [*_wrong_metrics(state), *_wrong_engine(state), *_wrong_estimator(state), *_lacking(state)]


def _lacking(state: ModelState) -> Iterator[RecipeFault]:
    """What the operator's settings ask a training for, and is not installed."""
    if lacking := lacks_wandb(state.settings.wandb):
        yield RecipeFault(str(state.path), None, "", lacking)


def _wrong_engine(state: ModelState) -> Iterator[RecipeFault]:
    from ml_assets.search.cluster import see_dask
    from ml_assets.search.samplers import see_engine

    recipe = state.recipe
    for key, see, engine in (
        ("hyperparameter_tuning.engine", see_engine, recipe.hyperparameter_tuning.engine),
        ("training.engine", see_dask, recipe.training.engine),
    ):
        try:
            see(engine)
        except ValueError as error:
            yield fault_in(state.path, key, str(error))


def _wrong_estimator(state: ModelState) -> list[RecipeFault]:
    return [fault for named in state.recipe.model.named for fault in _wrong_one(state, *named)]


def _wrong_one(
    state: ModelState, key: tuple[str | int, ...], class_path: str, hyperparameters: dict[str, Any]
) -> list[RecipeFault]:
    from ml_assets.estimators.constraints import lowest, wrong_values
    from ml_assets.recipe.catalogue import ESTIMATORS
    from ml_assets.recipe.own import OwnError

    try:
        wrong = wrong_values(class_path, hyperparameters)
        if class_path not in ESTIMATORS and not wrong:
            from ml_assets.estimators.build import build

            build(class_path, lowest(hyperparameters), 0, state.recipe.task)
    except OwnError as error:
        return [fault_in(state.path, dotted(("model", *key, "class_path")), str(error).partition(": ")[2])]
    except ValueError as error:  # a library is not installed
        return [fault_in(state.path, dotted(("model", *key, "class_path")), str(error))]
    return [
        fault_in(state.path, dotted(("model", *key, "hyperparameters", *inner)), text)
        for inner, text in wrong
    ]


def _checked(state: ModelState) -> dict[str, Any]:
    try:
        checked = look_and_check(state)
    except Exception as error:  # noqa: BLE001 - whatever is odd about one recipe, the others are reported
        traced(error)
        message = f"cannot be checked: {type(error).__name__}: {error}"
        return _report(state.path, [RecipeFault(str(state.path), None, "", message)])
    told = {
        "notes": list(checked.notes),
        "hints": list(checked.hints),
        "looked_at": checked.looked_at,
        "columns": checked.columns or {},
    }
    return _report(state.path, [*checked.recipe, *checked.data]) | told


def _report(path: Path, faults: Iterable[RecipeFault]) -> dict[str, Any]:
    errors = [{"line": fault.line, "key": fault.key, "message": str(fault)} for fault in faults]
    return {
        "file": str(path),
        "ok": not errors,
        "errors": errors,
        "notes": [],
        "hints": [],
        "looked_at": "",
        "columns": {},
    }
