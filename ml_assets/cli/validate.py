"""`ml-assets validate`: recipes against their data, without training."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ml_assets.failures import traced
from ml_assets.lifecycle.known import load_states
from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe import RecipeError, load_recipe
from ml_assets.recipe.faults import dotted
from ml_assets.recipe.loading import RecipeFault, fault_in, name_taken
from ml_assets.settings import Settings

if TYPE_CHECKING:
    from ml_assets.sources.account import Account

SOURCE = "model.loader.source_uri"
LOOKED_AT = 12
"""Newest batches that show which columns tell the time."""
LOOKED_AT_ROWS = 500_000
"""Of a larger source the newest batch alone is read whole: a check takes seconds."""


class Checked(NamedTuple):
    """What is wrong with a recipe that loads: the recipe itself, or the data it names."""

    recipe: list[RecipeFault]
    data: list[RecipeFault]
    notes: tuple[str, ...] = ()
    """What is no fault, but was set aside or read otherwise than it is written."""


def validate_files(files: list[Path] | None, settings: Settings) -> list[dict[str, Any]]:
    """Check recipes; default: all in the recipe folders.

    Returns
    -------
    list of dict
        Per file: `file, ok, errors: [{line, key, message}], notes`.
    """
    if not files:
        states, broken = load_states(settings)
        return [_checked(s) for s in states] + [_report(path, error.errors) for path, error in broken]
    reports = []
    names: dict[str, Path] = {}
    for path in files:
        try:
            state = load_state(path, settings)
            owner = names.setdefault(state.name, path)
            if not _same(owner, path):
                raise name_taken(path, state.name, owner)
            reports.append(_checked(state))
        except RecipeError as error:
            reports.append(_report(path, error.errors))
    return reports


def load_state(path: Path, settings: Settings) -> ModelState:
    """Load the recipe of a file.

    Raises
    ------
    RecipeError
        If the recipe is broken, or has the name of another known recipe.
    """
    recipe = load_recipe(path)
    states, broken = load_states(settings)
    for other, error in broken:
        if _same(other, path):
            raise error
    for state in states:
        if state.name == recipe.name and not _same(state.path, path):
            raise name_taken(path, recipe.name, state.path)
    return ModelState(recipe, path.absolute(), settings)


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)  # Path.resolve raises on a link to itself


def check(state: ModelState) -> Checked:
    """Hold a recipe against the estimator it names and the newest batch of its data."""
    from ml_assets.quality.contract import check_raw
    from ml_assets.sources.paths import SourceError

    recipe = _wrong_hyperparameters(state)
    try:
        span = state.calendar()
        if span is None:
            text = (
                f"there are no rows yet: '{state.source.place}' finds no file, or none with rows of a batch"
            )
            return Checked(recipe, [fault_in(state.path, SOURCE, text)])
        state.first_batch()  # remembered from now on: the web UI does not look into the data
        rows = state.rows(span[1])
        notes = _told(state, rows.account)
    except SourceError as error:
        fault = fault_in(state.path, error.key or SOURCE, error.message)
        return Checked([*recipe, fault], []) if error.key else Checked(recipe, [fault])
    data = []
    for finding in check_raw(rows.frame, state.recipe, None):
        if finding.key is not None:
            recipe.append(fault_in(state.path, finding.key, finding.message.partition(": ")[2]))
        else:
            data.append(fault_in(state.path, SOURCE, f"{state.place(span[1])}: {finding.message}"))
    return Checked(recipe, data, notes if recipe or data else (*notes, *_calendar(state, span[1])))


def _calendar(state: ModelState, newest: str) -> tuple[str, ...]:
    """Name the columns that tell the time of their batch, as far as the newest batches show."""
    from ml_assets.backtest.stream import Stream
    from ml_assets.features.columns import roles
    from ml_assets.monitoring.calendars import calendar_columns
    from ml_assets.monitoring.past import Past
    from ml_assets.sources.paths import SourceError

    if state.recipe.batches is None or state.source.describe().rows_given > LOOKED_AT_ROWS:
        return ()
    try:
        first = state.shifted(newest, 1 - LOOKED_AT)
        raw = state.source.read((first, state.shifted(newest, 1))).frame
    except SourceError:  # an older batch is broken: this look is at what can be read
        return ()
    rows = Stream.of(state.recipe, raw).rows
    kinds = roles(rows, state.recipe)
    told = calendar_columns(Past(rows), kinds.numeric, kinds.categorical)
    return tuple(
        f"column '{name}' tells the time of its batch ({what}): its new values are neither fault nor drift"
        for name, what in told.items()
    )


def _told(state: ModelState, account: Account) -> tuple[str, ...]:
    """What was set aside: of all rows where there are batches, of which only the newest was read whole."""
    whole = account if state.recipe.batches is None else state.source.describe()
    return tuple(dict.fromkeys((*whole.told, *account.told)))


def _wrong_hyperparameters(state: ModelState) -> list[RecipeFault]:
    from ml_assets.estimators.constraints import wrong_values

    model = state.recipe.model
    if model.class_path is None:
        return []
    try:
        wrong = wrong_values(model.class_path, model.hyperparameters)
    except ValueError as error:  # a library is not installed
        return [fault_in(state.path, "model.class_path", str(error))]
    return [fault_in(state.path, dotted(("model", "hyperparameters", *key)), text) for key, text in wrong]


def _checked(state: ModelState) -> dict[str, Any]:
    try:
        checked = check(state)
    except Exception as error:  # noqa: BLE001 - whatever is odd about one recipe, the others are reported
        traced(error)
        message = f"cannot be checked: {type(error).__name__}: {error}"
        return _report(state.path, [RecipeFault(str(state.path), None, "", message)])
    return _report(state.path, [*checked.recipe, *checked.data], checked.notes)


def _report(path: Path, faults: Iterable[RecipeFault], notes: Iterable[str] = ()) -> dict[str, Any]:
    errors = [{"line": fault.line, "key": fault.key, "message": str(fault)} for fault in faults]
    return {"file": str(path), "ok": not errors, "errors": errors, "notes": list(notes)}
