"""Sources: the kinds of places that rows come from, one row per scheme of `source_uri`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ml_assets.recipe import planned
from ml_assets.recipe.readable import ACCEPTED, is_query, is_sql
from ml_assets.settings import Variables
from ml_assets.sources.account import Account, Rows
from ml_assets.sources.files_source import Files
from ml_assets.sources.known import Known, OpenML
from ml_assets.sources.paths import VARIABLE, SourceError, expand
from ml_assets.sources.remote import Remote
from ml_assets.sources.sight import Part, Sight
from ml_assets.sources.wanted import Labels, Sql, Wanted, columns_of

if TYPE_CHECKING:
    from ml_assets.recipe import Recipe
    from ml_assets.sources.sampled import Sampled


class Source(Protocol):
    """A place that rows come from.

    Each method raises SourceError where the data cannot be read, with the place and the remedy.
    """

    @property
    def place(self) -> str:
        """Where it is, in words."""

    def read(self, window: Labels = (None, None)) -> Rows:
        """Rows of the batches from the first label until (without) the second; default: all of the recipe.

        Returns
        -------
        frame : DataFrame of shape (n_rows, n_columns)
            Int64, float64, boolean, object (text, None where missing) and datetime64[us] columns. A type
            depends on no single batch.
        account : Account
            Rows in the files = rows in the frame + rows set aside, each with its reason.
        """

    def columns(self) -> dict[str, str | None] | None:
        """Names and kinds of the columns, told without reading a row; None where only the rows tell.

        Kinds are whole, fraction, boolean, text and time; None for a column whose values alone tell its kind.
        """

    def extent(self) -> tuple[str, str] | None:
        """First and last batch there is data for, inside the recipe's `start` and `end`.

        The first is the recipe's `start` where it is given, so that the calendar does not depend on the rows.
        None while there is no row yet.
        """

    def filled(self) -> list[str]:
        """Batches that there are rows for, inside the recipe's `start` and `end`, sorted."""

    def look(self, before: Sight) -> Sight:
        """What there is of each batch, without a second look at what has not changed since `before`."""

    def is_as(self, seen: Sight) -> bool:
        """Whether a glance tells that nothing has changed since it was seen; False where only a look tells."""

    def parts_within(self, window: Labels) -> dict[str, Part] | None:
        """Rows and digest of the batches of a window, where they are told without a look at all others; else None."""

    def batches_in(self, seen: Sight) -> dict[str, Part]:
        """Rows and digest of each batch that was seen, inside the recipe's `start` and `end`, sorted."""

    def describe(self) -> Account:
        """Account of all rows of the recipe, as cheaply as it can be had."""

    def sample(self) -> Sampled:
        """Rows of all batches, or of some of much: what `validate` looks at, within seconds."""


SOURCES: dict[str, Callable[[Wanted], Source]] = {
    "": Files, "file": Files, "sklearn": Known, "openml": OpenML, "s3": Remote, "gs": Remote, "abfs": Remote,
}  # fmt: skip
"""Kinds of sources by the scheme of `source_uri`; a path has none, and a query is told by its words."""


def source_of(
    recipe: Recipe, base: Path, variables: Variables, mirror: Path | None = None, pieces: Path | None = None
) -> Source:
    """Source of a recipe whose file lies in `base`; `variables` are those that recipes may use.

    What lies in object storage is copied to `mirror`; what was read of each file is kept in `pieces`.

    Raises
    ------
    SourceError
        A variable is not for recipes or not set, or there is no such kind of source.
    """
    return open_source(wanted_of(recipe, base, variables, mirror, pieces))


def wanted_of(
    recipe: Recipe, base: Path, variables: Variables, mirror: Path | None = None, pieces: Path | None = None
) -> Wanted:
    """Question that a recipe asks; raises as `source_of`."""
    loader = recipe.model.loader
    sql = None
    uri = loader.source_uri
    if is_sql(uri):
        given = variables.connection
        connection = None if given is None else given.get_secret_value()
        if loader.connection_uri:
            connection = expand(loader.connection_uri, variables, "connection_uri")
        sql = Sql(connection, {**loader.params, **variables.params}, loader.identifiers)
    if not is_query(uri):
        uri = expand(uri, variables)
    return Wanted(
        uri,
        base,
        recipe.batches,
        loader.source_uri,
        columns_of(recipe),
        loader.na_values,
        sql=sql,
        mirror=mirror,
        pieces=pieces,
        where={
            name: (value if isinstance(value, tuple) else (value,)) for name, value in loader.where.items()
        },
    )


def open_source(wanted: Wanted) -> Source:
    """Source by its scheme.

    >>> open_source(Wanted("sklearn://iris", Path())).place
    'sklearn://iris'

    Raises
    ------
    SourceError
        There is no such kind of source.
    """
    uri = wanted.uri
    if is_sql(uri):
        from ml_assets.sources.sql.query import Query

        return Query(wanted)
    if VARIABLE.search(uri):
        raise SourceError(f"source_uri '{uri}': the variable was not replaced by its value")
    scheme, separator, _ = uri.partition("://")
    scheme = scheme.lower() if separator else ""
    if scheme not in SOURCES:
        reason = "is not yet read" if scheme in planned.SCHEMES else "is not known"
        raise SourceError(f"source_uri '{wanted.name}': '{scheme}://' {reason}: use {ACCEPTED}")
    return SOURCES[scheme](wanted)
