"""From a YAML file to a `Recipe`, or to faults that name file, line, key, what was found, what is allowed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ml_assets.recipe import planned
from ml_assets.recipe.each import asks_for, each_model, key_of_foreach, same_rows
from ml_assets.recipe.faults import Faults, Key, did_you_mean, dotted, nearest, unknown
from ml_assets.recipe.fields import allowed_at, field_at, keys_at, sections
from ml_assets.recipe.readable import is_query, is_sql
from ml_assets.recipe.rules import check_consistency
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.written import (
    DEFAULTS,
    RecipeError,
    RecipeFault,
    Written,
    found_text,
    of_file,
    written,
    written_in,
)
from ml_assets.recipe.yaml_text import (
    composed_data,
    dump_yaml,
    read_scalar,
)
from ml_assets.shown import counted, listed

ENDINGS: Final = (".yaml", ".yml")

MAX_FAULTS: Final = 20
"""More faults than this of one recipe are counted, not told."""

MAX_DETAILS: Final = 200
"""What is looked at to find the faults; a hostile file has a hundred thousand."""


def load_recipe(path: Path) -> Recipe:
    """
    Read and check one recipe file, above the `defaults.yaml` beside it.

    Raises
    ------
    RecipeError
        One of the files cannot be read, is no YAML, or they are no valid recipe of one model.
    """
    made = models_of(path)
    if len(made) > 1:
        names = listed(recipe.name for recipe in made)
        raise RecipeError([fault_in(path, "foreach", f"makes {len(made):,} models: name one of {names}")])
    return made[0]


def models_of(path: Path) -> tuple[Recipe, ...]:
    """Read and check one recipe file as `load_recipe` does, and give the recipe of each of its models."""
    recipe = as_written(path)
    if recipe.foreach is not None and (query := _query_file(path, recipe.model.loader.source_uri)):
        template = query.read_text("utf-8-sig", errors="replace") if query.suffix == ".j2" else ""
        if not asks_for(recipe.foreach.column, template):
            told = same_rows(recipe.foreach.column)
            raise RecipeError([fault_in(path, "model.loader.source_uri", f"{query.name}: {told}")])
    return each_model(recipe)


def _query_file(path: Path, source_uri: str) -> Path | None:
    """Give the file of a query; None where there is none: whoever reads the rows says so."""
    if is_query(source_uri) or not is_sql(source_uri):
        return None
    places = (base / source_uri.strip() for base in (path.parent, Path()))
    return next((place for place in places if place.is_file()), None)


def as_written(path: Path) -> Recipe:
    """Read and check one recipe file as `load_recipe` does; with `foreach` it stands for several models."""
    return _checked(written_in(path))


def parse_recipe(text: str, file: str = "recipe") -> Recipe:
    """
    Check the text of a recipe; `file` is its name in messages.

    Raises
    ------
    RecipeError
        The text is no YAML, or no valid recipe.
    """
    return _checked(written(text, file))


def _checked(said: Written) -> Recipe:
    faults: Sequence[tuple[Key, str]]
    try:
        recipe = Recipe.model_validate(composed_data(said.data))
        check_consistency(recipe)
        return recipe
    except ValidationError as error:
        faults = _in_words(error, said.data)
    except Faults as error:
        faults = error.faults
    found = [said.fault(key, message) for key, message in faults]
    raise RecipeError(_most(sorted(found, key=lambda fault: (fault.file, fault.line or 0))))


def _most(faults: Sequence[RecipeFault]) -> Sequence[RecipeFault]:
    more = len(faults) - MAX_FAULTS
    if more <= 0:
        return faults
    last = faults[MAX_FAULTS]
    return [
        *faults[:MAX_FAULTS],
        RecipeFault(last.file, last.line, "", f"{counted(more, 'fault')} more from here on"),
    ]


def load_recipes(places: Sequence[Path]) -> tuple[list[tuple[Path, Recipe]], list[tuple[Path, RecipeError]]]:
    """
    Read files, and every `*.yaml` and `*.yml` of folders (not of folders inside them), by name.

    Returns
    -------
    recipes : list of (path, Recipe)
        With `foreach` a file has several.
    broken : list of (path, RecipeError)
        Files that are no recipe, places that are not there, and files whose name another one has: the file
        that is called like its model, else the earlier one, keeps it.
    """
    recipes: list[tuple[Path, Recipe]] = []
    broken: list[tuple[Path, RecipeError]] = []
    seen: set[str] = set()
    for place in map(Path, places):
        try:
            if place.is_dir():
                files = sorted(
                    item for item in place.iterdir() if item.suffix in ENDINGS and item.name != DEFAULTS
                )
            elif place.exists():
                files = [place]
            else:
                raise FileNotFoundError(0, "no such folder")
        except OSError as error:
            broken.append((place, RecipeError([of_file(place, str(error.strerror))])))
            continue
        for path in files:
            real = os.path.realpath(path)  # Path.resolve raises on a link to itself
            if real in seen:
                continue
            seen.add(real)
            try:
                recipes.extend((path, recipe) for recipe in models_of(path))
            except RecipeError as error:
                broken.append((path, error))
    owners: dict[str, Path] = {}
    # A copy whose name was not changed must not take the model of the file that is called like it.
    for path, recipe in sorted(recipes, key=lambda found: found[0].stem != found[1].name):
        owner = owners.setdefault(recipe.name, path)
        if owner != path:
            broken.append((path, name_taken(path, recipe.name, owner)))
    return [(path, recipe) for path, recipe in recipes if owners[recipe.name] == path], broken


def dump_recipe(recipe: Recipe) -> str:
    """Write a recipe as YAML, defaults left out; loading it again gives an equal recipe."""
    return dump_yaml(json.loads(recipe.model_dump_json(exclude_defaults=True)))


def recipe_sha256(recipe: Recipe) -> str:
    """Hash of what a recipe says: comments, order of keys and written-out defaults do not change it."""
    text = json.dumps(recipe.model_dump(), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def fault_in(path: Path, key: str, message: str) -> RecipeFault:
    """Make a fault at a (dotted) key of a recipe that loads: at its line, or that of the section round it."""
    said = written_in(path)
    key = key_of_foreach(key, said.data)
    parts = tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", key))
    file, line = said.place(parts)
    return RecipeFault(file, line, key, message)


def name_taken(path: Path, name: str, owner: Path) -> RecipeError:
    """Say that another recipe has this name."""
    message = f"{name!r} is the name of {owner} too: every recipe needs a name of its own"
    return RecipeError([fault_in(path, "name", message)])


def _in_words(error: ValidationError, data: dict[str, Any]) -> list[tuple[Key, str]]:
    """One message for each key: a union reports every alternative, a typo is both unknown and missing."""
    details = error.errors()
    unknown_keys = [
        _key(detail, data) for detail in details[:MAX_DETAILS] if detail["type"] == "extra_forbidden"
    ]
    faults: dict[tuple[Key, str], None] = {}
    for detail in details[:MAX_DETAILS]:
        key = _key(detail, data)
        if detail["type"] == "value_error":
            faults.update(dict.fromkeys(_raised(detail, key)))
        elif detail["type"] == "missing":
            if not any(_may_be_meant(written, key) for written in unknown_keys):
                faults[key, _missing(key)] = None
        elif detail["type"] == "extra_forbidden":
            faults[key, _unknown_key(key)] = None
        elif detail["type"] == "too_short" and len(_at(key, data)) >= detail["ctx"]["min_length"]:
            continue  # of its members some are wrong, which is told, and are not counted
        else:
            faults[key, _not_allowed(key, _at(key, data))] = None
    return list(faults)


def _key(detail: ErrorDetails, data: dict[str, Any]) -> Key:
    """Where the error is, without the names pydantic gives to the alternatives of a union."""
    key: list[str | int] = []
    value: Any = data
    for position, part in enumerate(detail["loc"]):
        if _has(value, part):
            value = value[part]
            key.append(part)
        elif detail["type"] == "missing" and position == len(detail["loc"]) - 1:
            key.append(part)
    return tuple(key)


def _has(value: Any, part: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


def _at(key: Key, data: Any) -> Any:
    for part in key:
        data = data[part]
    return data


def _raised(detail: ErrorDetails, key: Key) -> Iterator[tuple[Key, str]]:
    error = detail["ctx"]["error"]
    if isinstance(error, Faults):
        yield from (((*key, *inner), message) for inner, message in error.faults)
    else:
        yield key, str(error)


def _may_be_meant(written: Key, missing: Key) -> bool:
    """Whether an unknown key is the missing one, misspelt or in another place."""
    if written[-1] == missing[-1]:
        return True
    siblings = keys_at(missing[:-1])
    return written[:-1] == missing[:-1] and missing[-1] in nearest(str(written[-1]), siblings)


def _missing(key: Key) -> str:
    field = field_at(key)
    meaning = f": {field.description.splitlines()[0]}" if field is not None and field.description else ""
    return f"is missing{meaning} Allowed: {allowed_at(key)}"


def _unknown_key(key: Key) -> str:
    name, siblings = str(key[-1]), keys_at(key[:-1])
    if said := planned.of_key(dotted(key)):
        return said
    elsewhere = [place or "the top level" for place, section in sections() if name in section.model_fields]
    if elsewhere:
        places = " or ".join(elsewhere)
        return f"{name!r} does not belong here, but in {places}. Allowed here: {', '.join(siblings)}"
    return unknown("key", name, siblings)


def _not_allowed(key: Key, value: Any) -> str:
    allowed = allowed_at(key)
    if isinstance(value, str) and (dotted(key), value) in planned.REFUSED:
        return planned.REFUSED[dotted(key), value]
    message = f"found {found_text(value)}; allowed: {allowed}"
    if value is None:
        return f"{message}. Leave the key out for the default"
    if isinstance(value, str):
        if not isinstance(read_scalar(value), str) and not allowed.startswith("'"):
            return f"{message}. Remove the quotes"
        if allowed == "true or false" and value.lower() in ("yes", "on", "no", "off"):
            return f"{message}. Did you mean {'true' if value.lower() in ('yes', 'on') else 'false'}?"
        if allowed.startswith("list of text"):
            return f"{message}. Did you mean [{value}]?"
        choices = [
            choice[1:-1] for choice in allowed.replace(" or ", ", ").split(", ") if choice.startswith("'")
        ]
        question = did_you_mean(value, choices)
        return f"{message}.{question}" if question else message
    if isinstance(value, float) and not math.isfinite(value):
        return f"{message}, finite"
    if allowed.startswith("text") and isinstance(value, int | float):
        return f"{message}. Write it in quotes"
    return message
