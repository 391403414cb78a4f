"""How the columns of a batch are spread, beside what the champion has learned."""

from __future__ import annotations

from ml_assets.records.base import Record


class ColumnShape(Record):
    """Shares of the rows in stretches of a number, or with the commonest values of a category; before, and now."""

    column: str
    places: tuple[str, ...]
    learned: tuple[float, ...]
    now: tuple[float, ...]


class ColumnShapes(Record):
    """Columns of a batch over the same columns of the rows that a version learned, those that drifted most first."""

    batch: str
    champion_version: int
    columns: tuple[ColumnShape, ...]
