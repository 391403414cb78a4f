"""Which models there are: the recipes of the operator's folders, and those that were trained by their file."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

from ml_assets.lifecycle.state import Busy, ModelState, locked
from ml_assets.recipe import RecipeError
from ml_assets.recipe.loading import load_recipes
from ml_assets.settings import Settings
from ml_assets.sources.paths import SourceError
from ml_assets.store.json_file import DamagedError, read_json, set_aside, write_json

logger = logging.getLogger(__name__)

LOCK = "recipes"
PATIENCE = 30.0
"""Seconds: the list of recipes is held for milliseconds, by however many."""

TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
"""A text in JSON, wherever it stands."""


def load_states(settings: Settings) -> tuple[list[ModelState], list[tuple[Path, RecipeError]]]:
    """Load every recipe of the settings' folders, and each that was trained by its file name.

    Returns
    -------
    list of ModelState, list of (Path, RecipeError)
        The good ones, and the broken ones with what is wrong; one never takes the other down.
    """
    remembered = [path for path in _listed(settings) if _is_there(path)]
    recipes, faults = load_recipes([*settings.recipes, *remembered])
    return [ModelState(recipe, path, settings) for path, recipe in recipes], faults


def recipe_sights(settings: Settings) -> dict[Path, str]:
    """What each recipe says now, by its file: the hash of a good one, what is wrong with a broken one.

    Equal answers mean equal definitions: comments and spaces count for nothing.
    """
    states, faults = load_states(settings)
    sights: dict[Path, str] = {}
    for state in states:
        sights[state.path] = sights.get(state.path, "") + state.recipe_sha256
    return sights | {path: str(error) for path, error in faults}


def remember(settings: Settings, path: Path) -> None:
    """Keep the place of a recipe outside the recipe folders, so that the web UI and `status` show it too."""
    path = path.absolute()
    if path.parent in settings.recipes or path in _listed(settings):
        return
    with locked(settings.locks, LOCK, patience=PATIENCE):
        known = _read(settings.known_recipes) or []
        if path not in known:
            _write(settings.known_recipes, [*known, path])


def remembered(settings: Settings) -> list[Path]:
    """Recipe files outside the recipe folders that were trained, whether or not they are still there."""
    return _listed(settings)


def learn_first_batches(settings: Settings) -> list[tuple[str, str]]:
    """Look for the first batch of each model whose calendar is not known; the web UI reads no source.

    Returns
    -------
    list of (str, str)
        Models whose source has no answer, and why.
    """
    unknown = [state for state in load_states(settings)[0] if state.known_first_batch() is None]
    reasons = []
    for state in unknown:
        try:
            if state.first_batch() is None:
                reasons.append((state.name, "there are no rows yet"))
        except SourceError as error:
            reasons.append((state.name, str(error)))
    return reasons


def _listed(settings: Settings) -> list[Path]:
    """Recipe files in the list of the home; a damaged list is made anew of what can be read in it."""
    place = settings.known_recipes
    known = _read(place)
    if known is not None:
        return known
    try:
        with locked(settings.locks, LOCK, patience=PATIENCE):
            known = _read(place)
            return _repaired(place) if known is None else known
    except (OSError, Busy) as error:
        found = _salvaged(place)
        logger.warning(
            "%s is damaged and cannot be mended (%s): %d recipes in it are read", place, error, len(found)
        )
        return found


def _read(place: Path) -> list[Path] | None:
    """Read the list; None where it is damaged."""
    if not place.exists():
        return []
    try:
        known = read_json(place)
    except DamagedError:
        return None
    if isinstance(known, dict):  # before there were seals it was the list alone
        known = known.get("recipes")
    if not isinstance(known, list) or not all(isinstance(text, str) for text in known):
        return None
    return [Path(text) for text in known]


def _salvaged(place: Path) -> list[Path]:
    written = place.read_bytes().decode("utf-8", "replace") if place.is_file() else ""
    texts = (json.loads(match) for match in TEXT.findall(written) if _is_json(match))
    return [path for path in dict.fromkeys(map(Path, texts)) if path.is_absolute() and _is_there(path)]


def _repaired(place: Path) -> list[Path]:
    found = _salvaged(place)
    aside = set_aside(place)
    _write(place, found)
    logger.warning(
        "%s was damaged: %d of its recipes were found again, the old file is kept as %s. A model that `ml-assets"
        " status` does not show comes back by `ml-assets train --recipe-file FILE`",
        place,
        len(found),
        aside.name,
    )
    return found


def _write(place: Path, paths: list[Path]) -> None:
    write_json(place, {"recipes": [str(path) for path in paths]})


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than the file system allows
        return False
