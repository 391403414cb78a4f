"""What a recipe wants read: the question that every kind of source answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_assets.recipe import Recipe
    from ml_assets.recipe.schema import Batches

Labels = tuple[str | None, str | None]
"""Labels of the first batch wanted and of the first no longer wanted; None is the recipe's start or end."""

Value = str | int | float | bool
"""A value as YAML has it."""


@dataclass(frozen=True)
class Columns:
    """What a recipe says of columns, as far as reading needs it.

    Parameters
    ----------
    texts : frozenset of str
        Columns whose values are names and never numbers: entities, and the classes of a target. 12E3 and
        120E2 are two of them.
    classes : frozenset of str
        Those of `texts` that are targets: 1 and 1.0 are one class, as true and True are.
    categories : frozenset of str
        Columns that the recipe calls categories: never mended into numbers.
    named : frozenset of str
        All columns that the recipe needs: never set aside as the index of a data frame.
    excluded : frozenset of str
        Columns that the recipe leaves out: they may hold anything.
    """

    texts: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sql:
    """What a query needs beside its text.

    Parameters
    ----------
    connection : str, optional
        Address of the database, with the password: no message shows it.
    params : mapping
        Values of the template's variables.
    identifiers : tuple of str
        Names that values may put into the SQL.
    """

    connection: str | None = field(default=None, repr=False)
    params: Mapping[str, object] = field(default_factory=dict)
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """Where the rows lie, and what the recipe says of their columns.

    Parameters
    ----------
    uri : str
        Without variables: see `expand`.
    base : Path
        Folder that relative paths start from; where nothing is there, the current directory.
    batches : Batches, optional
        The column that holds the time, which is read as a time, in UTC; None: a static table.
    written : str, optional
        The `source_uri` with its variables.
    columns : Columns
        What the recipe says of columns.
    na_values : tuple of str
        Cells that mean "no value" beside the usual ones, in every column.
    today : datetime
        In UTC, without a zone: later times by more than a year are no times of rows.
    sql : Sql, optional
        What a query needs; None where the rows lie in files.
    mirror : Path, optional
        Folder for copies of what lies in object storage; None: they are kept as long as the process lives.
    pieces : Path, optional
        File that keeps what was read of each file; None: nothing is kept, and each is read every time.
    where : mapping
        Column → the values of it whose rows are wanted; of several columns all must fit.
    """

    uri: str
    base: Path
    batches: Batches | None = None
    written: str | None = None
    columns: Columns = Columns()
    na_values: tuple[str, ...] = ()
    today: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))
    sql: Sql | None = None
    mirror: Path | None = None
    pieces: Path | None = None
    where: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The `source_uri` as the recipe has it: what messages show, so that no value of a variable does."""
        return self.written or self.uri

    @property
    def place(self) -> str:
        """The `source_uri`, and which of its rows are wanted."""
        said = " and ".join(f"{name} is {' or '.join(map(repr, each))}" for name, each in self.where.items())
        return f"{self.name} where {said}" if said else self.name


def columns_of(recipe: Recipe) -> Columns:
    """Take from a recipe what it says of columns."""
    from ml_assets.tasks.all import task_of

    interface, params = recipe.model.data_interface, recipe.model.preprocessor.params
    targets = frozenset(recipe.targets)
    classes = targets if task_of(recipe).classes else frozenset()
    entities = frozenset((*interface.entity_cols, *recipe.ids))
    categories = frozenset(params.categorical_features or ())
    time = {recipe.batches.column} if recipe.batches is not None else set()
    return Columns(
        texts=entities | classes,
        classes=classes,
        categories=categories,
        named=targets | frozenset(recipe.protected) | entities | categories | time
        | frozenset(params.numerical_features or ()) | frozenset(recipe.evaluation.segments)
        | frozenset(recipe.model.loader.where),
        excluded=frozenset(params.exclude_cols) - targets,
    )  # fmt: skip
