"""What `foreach` may say: values that are told apart, make names, and can stand in a path."""

from __future__ import annotations

import re
from typing import Final

from ml_assets.recipe.each import asks_for, place_of, same_rows, slug_of, text_of
from ml_assets.recipe.faults import Key
from ml_assets.recipe.readable import is_query, is_sql
from ml_assets.recipe.rules.found import Found
from ml_assets.recipe.schema import NAME, Recipe
from ml_assets.recipe.schema.model import Chosen

MARKS: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
UNSAFE: Final = re.compile(r"[/\\*?\[\]\0]|\.\.|^~|\$|\{\{|://")
"""What would make another path of a value, or a pattern."""


def foreach(recipe: Recipe) -> Found:
    """Each value makes a model of its own, whose rows can be found."""
    loader, section, key = recipe.model.loader, recipe.foreach, ("foreach", "values")
    uri: Key = ("model", "loader", "source_uri")
    if not is_sql(loader.source_uri):
        named = set(MARKS.findall(loader.source_uri))
        for name in sorted(named - ({section.column} if section else set())):
            yield uri, f"{{{{ {name} }}}} stands for nothing: write foreach: {{column: {name}, values: […]}}"
    if section is None:
        return
    if section.column in loader.where:
        yield ("model", "loader", "where", section.column), "is set by foreach, value by value: leave it out"
    if section.column in loader.params:
        yield ("model", "loader", "params", section.column), "is set by foreach, value by value: leave it out"
    if is_query(loader.source_uri) and not asks_for(section.column, loader.source_uri):
        yield uri, same_rows(section.column)
    in_path = not is_sql(loader.source_uri) and place_of(section.column).search(loader.source_uri)
    made: dict[str, Chosen] = {}
    for position, value in enumerate(section.values):
        slug, here = slug_of(value), (*key, position)
        name = f"{recipe.name}_{slug}"
        if not slug:
            yield (
                here,
                f"{value!r} has no letter from a to z and no digit for a name: write a recipe of its own for it",
            )
        elif not re.fullmatch(NAME, name):
            yield here, f"makes the name {name!r} of {len(name)} characters; allowed: 60"
        elif slug in made and text_of(value) == text_of(made[slug]):
            yield here, f"{value!r} is there twice: leave one out"
        elif slug in made:
            yield (
                here,
                f"{made[slug]!r} and {value!r} make one name, {name!r}: write a recipe of its own for one of them",
            )
        elif in_path and UNSAFE.search(text_of(value)):
            yield here, f"{value!r} cannot stand in a path"
        made.setdefault(slug, value)
