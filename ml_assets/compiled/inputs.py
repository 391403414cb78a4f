"""The numbers and levels that a prediction begins with, each numbered once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from ml_assets.compiled.refusal import NotCompiledError
from ml_assets.compiled.spec import Category, Number

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe


class Inputs:
    """What the blocks ask for, in the order in which they first do.

    Parameters
    ----------
    recipe : Recipe
        Says which features are parts of times.
    columns : collection of str
        Columns of the source.
    truths : collection of str
        Those that hold yes and no alone.
    """

    def __init__(self, recipe: Recipe, columns: Collection[str], truths: Collection[str] = ()) -> None:
        dates = recipe.model.feature_engineering.date_parts
        self._parts = {
            f"{column}_{part}": Number(column=column, part=part)
            for column in (dates.columns if dates is not None else ())
            for part in (dates.parts if dates is not None else ())
        }
        self._columns, self._truths = set(columns), set(truths)
        self._numbers: dict[Number, int] = {}
        self._levels: dict[str, dict[str, int]] = {}

    def number(self, feature: str) -> int:
        """Place of a number."""
        given = self._parts.get(feature) or Number(column=self._known(feature))
        return self._numbers.setdefault(given, len(self._numbers))

    def category(self, feature: str, levels: Iterable[str]) -> int:
        """Place of a column whose levels are looked up; levels that several parts know are gathered."""
        if feature in self._parts:
            raise NotCompiledError(f"the part of a time '{feature}' is a category")
        known = self._levels.setdefault(self._known(feature), {})
        for level in levels:
            known.setdefault(level, len(known))
        return list(self._levels).index(feature)

    def levels(self, place: int) -> tuple[str, ...]:
        """Levels of a column, in the order of their codes."""
        return tuple(list(self._levels.values())[place])

    @property
    def numbers(self) -> tuple[Number, ...]:
        """All numbers, by their places."""
        return tuple(self._numbers)

    @property
    def categories(self) -> tuple[Category, ...]:
        """All categories, by their places."""
        return tuple(
            Category(column=name, levels=tuple(levels), truths=name in self._truths)
            for name, levels in self._levels.items()
        )

    def _known(self, feature: str) -> str:
        if feature not in self._columns:
            raise NotCompiledError(f"the feature '{feature}' is made of others, by a function or of the past")
        return feature
