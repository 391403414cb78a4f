"""What a recipe wants read: the question that every kind of source answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Batches

Labels = tuple[str | None, str | None]
"""Labels of the first batch wanted and of the first no longer wanted; None is the recipe's start or end."""


@dataclass(frozen=True)
class Wanted:
    """Where the rows lie, and which column tells their time.

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
    """

    uri: str
    base: Path
    batches: Batches | None = None
    written: str | None = None

    @property
    def name(self) -> str:
        """The `source_uri` as the recipe has it: what messages show, so that no value of a variable does."""
        return self.written or self.uri
