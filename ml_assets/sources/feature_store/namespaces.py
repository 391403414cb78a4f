"""What a feature repository offers, and what of it a recipe asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ml_assets.recipe.faults import did_you_mean
from ml_assets.sources.paths import SourceError

if TYPE_CHECKING:
    from ml_assets.recipe import Recipe

Kind = Literal["number", "text", "truth", "time"]

KINDS: Final[dict[str, Kind]] = {
    "INT32": "number", "INT64": "number", "FLOAT": "number", "DOUBLE": "number", "DECIMAL": "number",
    "STRING": "text", "UUID": "text", "TIME_UUID": "text", "BOOL": "truth", "UNIX_TIMESTAMP": "time",
}  # fmt: skip
"""Feast's types of values by name; lists, maps and the like are no features of a table."""

TYPE: Final = "model.augmenter.type"
FEATURES: Final = "model.augmenter.features"
TIME: Final = "model.augmenter.timestamp_col"
FEAST_TIME: Final = "event_timestamp"
"""What the column with the time of a row is called in Feast."""
PLACE: Final = "place__"
"""Column of ours by which answers find back to the rows that were asked for."""


class Namespace(NamedTuple):
    """A feature view of Feast.

    Parameters
    ----------
    name : str
    keys : mapping of str to Kind
        Columns that name the entity.
    features : mapping of str to Kind or None
        None: of a type that no column of a table has.
    created : str or None
        Column with the time when a value was written.
    ttl : timedelta
        How long a value holds; zero: for ever.
    """

    name: str
    keys: Mapping[str, Kind | None]
    features: Mapping[str, Kind | None]
    created: str | None
    ttl: timedelta


class Wanted(NamedTuple):
    """What a recipe asks one namespace for: features, each with the column it becomes."""

    namespace: Namespace
    columns: Mapping[str, str]


def time_of(recipe: Recipe) -> str:
    """Column with the time of each row."""
    batches = recipe.batches.column if recipe.batches is not None else None
    own = recipe.model.augmenter.timestamp_col or recipe.model.feature_engineering.time_col
    return own or batches or FEAST_TIME


def wanted(recipe: Recipe, offered: Mapping[str, Namespace], functions: Mapping[str, str]) -> list[Wanted]:
    """Find what the recipe asks for among what is offered.

    Parameters
    ----------
    recipe : Recipe
    offered : mapping of str to Namespace
    functions : mapping of str to str
        Namespaces that are functions which Feast would run, with their kind.

    Raises
    ------
    SourceError
        A namespace or a feature is unknown, or cannot be a column of a table.
    """
    found: dict[str, dict[str, str]] = {}
    for namespace, feature, column in recipe.model.augmenter.joined:
        if namespace in functions:
            raise SourceError(
                f"{namespace!r} is {functions[namespace]}: a Python function in the registry, which is not run. "
                "Calculate it in the recipe (feature_engineering.functions), or store its values",
                FEATURES,
            )
        if namespace not in offered:
            raise SourceError(_unknown("feature_namespace", namespace, list(offered)), FEATURES)
        there = offered[namespace]
        if feature not in there.features:
            raise SourceError(_unknown(f"feature of {namespace}", feature, list(there.features)), FEATURES)
        if there.features[feature] is None:
            raise SourceError(
                f"{feature!r} of {namespace} is a list, a map or bytes; only numbers, texts, truth values and times "
                "are columns of a table: leave it out",
                FEATURES,
            )
        found.setdefault(namespace, {})[feature] = column
    return [Wanted(offered[name], columns) for name, columns in found.items()]


def _unknown(what: str, name: str, there: list[str]) -> str:
    shown = ", ".join(there[:12]) + " …" * (len(there) > 12)
    return f"unknown {what} {name!r} (the feature store has {shown or 'none'}).{did_you_mean(name, there)}"
