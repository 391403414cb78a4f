"""One recipe for many models: `foreach` makes a model for each value of a column."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from ml_assets.recipe.readable import is_sql
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.schema.model import Chosen

WHERE: Final = "model.loader.where"

TAGS: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
"""Where the template of a query names its values."""


def each_model(recipe: Recipe) -> tuple[Recipe, ...]:
    """Make the recipes that one with `foreach` stands for, in the order of its values; of another one itself.

    The value stands for `{{ column }}` in `source_uri`; a query has it as a parameter of that name. Where `source_uri`
    does not name it, the rows of the value are read of all (`loader.where`).
    """
    section = recipe.foreach
    if section is None:
        return (recipe,)
    loader = recipe.model.loader
    made, in_path = [], place_of(section.column)
    for value in section.values:
        own: dict[str, object]
        if is_sql(loader.source_uri):
            own = {"params": {**loader.params, section.column: value}}
        elif in_path.search(loader.source_uri):
            own = {"source_uri": text_of(value).join(in_path.split(loader.source_uri))}
        else:
            own = {"where": {**loader.where, section.column: value}}
        model = recipe.model.model_copy(update={"loader": loader.model_copy(update=own)})
        name = f"{recipe.name}_{slug_of(value)}"
        made.append(recipe.model_copy(update={"name": name, "model": model, "foreach": None}))
    return tuple(made)


def key_of_foreach(key: str, data: Mapping[str, Any]) -> str:
    """Name what was written in the place of a key that `foreach` has set for a model; any other key as it is.

    >>> data = {"model": {"loader": {}}, "foreach": {"column": "shop", "values": ["rome"]}}
    >>> [key_of_foreach(key, data) for key in ("model.loader.where.shop", "model.loader.where", "name")]
    ['foreach.column', 'foreach.values', 'name']
    """
    if (section := data.get("foreach")) is None:
        return key
    if key == f"{WHERE}.{section['column']}":
        return "foreach.column"
    return "foreach.values" if key == WHERE and "where" not in data["model"]["loader"] else key


def place_of(column: str) -> re.Pattern[str]:
    """What stands for the value in a `source_uri`.

    >>> place_of("shop").sub("rome", "data/shop={{ shop }}/*.csv")
    'data/shop=rome/*.csv'
    """
    return re.compile(r"\{\{\s*" + re.escape(column) + r"\s*\}\}")


def asks_for(column: str, query: str) -> bool:
    """
    Whether the template of a query names a column's value.

    >>> asks_for("shop", "… WHERE shop = '{{ shop }}'"), asks_for("shop", "SELECT shop {# shop #} FROM {{ t }}")
    (True, False)
    """
    return any(re.search(rf"(?<!\w){re.escape(column)}(?!\w)", tag) for tag in TAGS.findall(query))


def same_rows(column: str) -> str:
    """Say that a query gives every model the same rows."""
    return (
        f"the query does not name {{{{ {column} }}}}, so each model of foreach would have the same rows: add "
        f"WHERE {column} = {{{{ {column} }}}} to it, in a file that is called .sql.j2"
    )


def text_of(value: Chosen) -> str:
    """Write a value as it stands in a path."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def slug_of(value: Chosen) -> str:
    """
    Write a value as a part of a model's name: small letters, digits and `_`; empty where it has none of them.

    >>> slug_of("São Paulo / West"), slug_of(7), slug_of("東京")
    ('sao_paulo_west', '7', '')
    """
    plain = unicodedata.normalize("NFKD", text_of(value)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
