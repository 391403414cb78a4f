"""What the pages are given: models by name, and how to reach what is not read from ledger and records."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

from ml_assets.failures import MendableError
from ml_assets.recipe.schema import Recipe
from ml_assets.records.base import Record
from ml_assets.registry.ledger import Ledger
from ml_assets.shown import shown
from ml_assets.store.snapshots import Store

AnyRecord = TypeVar("AnyRecord", bound=Record)


@dataclass(frozen=True)
class Model:
    """A recipe, and where its records lie."""

    name: str
    recipe: Recipe
    store: Store


@dataclass(frozen=True)
class Models:
    """All models: those with a sound recipe, and what is wrong with the others, by name."""

    sound: dict[str, Model] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """Where the pages find everything.

    Parameters
    ----------
    ledger : Ledger
        What the pages ask, from several threads.
    own : Ledger
        Another view of it, for the one thread that looks at all models.
    models : callable
        Reads all recipes.
    sight : callable
        What stays the same until a recipe comes, goes or changes.
    home : str
        Where state lies, for people.
    dagster, mlflow : str or None
        Addresses of their pages.
    """

    ledger: Ledger
    own: Ledger
    models: Callable[[], Models]
    sight: Callable[[], Hashable]
    home: str
    dagster: str | None = None
    mlflow: str | None = None


class NotFoundError(MendableError, LookupError):
    """There is no such page."""


def record_of(
    model: Model, asset: str, batch: str, kind: type[AnyRecord], notes: list[str]
) -> AnyRecord | None:
    """Read a record; one that is missing is None, and of a damaged one the page says so in its notes."""
    try:
        return model.store.read_record(asset, batch, kind) if model.store.has(asset, batch) else None
    except (MendableError, OSError) as error:
        notes.append(shown(str(error), 400))
        return None


def batches_of(model: Model, asset: str, notes: list[str]) -> list[str]:
    """Batches that have a record or a frame, oldest first."""
    try:
        return model.store.batches(asset)
    except (MendableError, OSError) as error:
        notes.append(shown(str(error), 400))
        return []
