"""`ml-assets validate`: recipes against their data, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_assets.orchestration.location import load_states
from ml_assets.orchestration.state import ModelState
from ml_assets.recipe import RecipeError, load_recipe
from ml_assets.settings import Settings


def validate_files(files: list[Path] | None, settings: Settings) -> list[dict[str, Any]]:
    """Check recipes; default: all in the recipe folders.

    Returns
    -------
    list of dict
        Per file: `file, ok, errors: [{line, key, message}]`.
    """
    if files:
        return [_check(path, settings) for path in files]
    states, broken = load_states(settings)
    checked = [_report(state.path, _data_errors(state)) for state in states]
    return checked + [_report(path, _recipe_errors(error)) for path, error in broken]


def _check(path: Path, settings: Settings) -> dict[str, Any]:
    try:
        state = ModelState(load_recipe(path), path.absolute(), settings)
    except RecipeError as error:
        return _report(path, _recipe_errors(error))
    return _report(path, _data_errors(state))


def _report(path: Path, errors: list[dict[str, Any]]) -> dict[str, Any]:
    return {"file": str(path), "ok": not errors, "errors": errors}


def _recipe_errors(error: RecipeError) -> list[dict[str, Any]]:
    return [{"line": e.line, "key": e.key, "message": str(e)} for e in error.errors]


def _data_errors(state: ModelState) -> list[dict[str, Any]]:
    """Read the newest batch and hold it against the recipe."""
    from ml_assets.quality.contract import check_raw
    from ml_assets.sources.read import SourceError

    key = "model.loader.source_uri"
    try:
        span = state.calendar()
        if span is None:
            uri = state.recipe.model.loader.source_uri
            return [{"line": None, "key": key, "message": f"{state.path}: {uri} has no rows yet"}]
        frame = state.read(span[1])
    except SourceError as error:
        return [{"line": None, "key": key, "message": f"{state.path}: {error}"}]
    return [
        {"line": None, "key": finding.column, "message": f"{state.path}: {finding.message}"}
        for finding in check_raw(frame, state.recipe, None)
    ]
