"""One batch: each column beside what the champion has learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from ml_assets.names import STATIC
from ml_assets.pages.known import Model, record_of
from ml_assets.records import ColumnDrift, ColumnShapes
from ml_assets.reports.svg import overlaid
from ml_assets.shown import figure, shown

PICTURES: Final = 6
"""Columns that are drawn, those that drifted most first."""


class Beside(NamedTuple):
    """A column of a batch over the same column of the rows that the champion learned."""

    column: ColumnDrift
    picture: Markup
    words: str
    parts: list[tuple[str, float, float]]
    """Stretch or value, share before, share now."""


def beside(model: Model, batch: str, columns: Sequence[ColumnDrift], notes: list[str]) -> list[Beside]:
    """Draw the columns that drifted most over what was learned."""
    spread = record_of(model, "column_shapes", batch, ColumnShapes, notes)
    known = {column.column: column for column in columns}
    found = []
    for each in (spread.columns if spread is not None else ())[:PICTURES]:
        if each.column in known:
            title = f"{shown(each.column, 60)}: shares of the rows, learned (outline) and in {batch} (bars)"
            picture = overlaid(each.learned, each.now, title)
            parts = list(zip(each.places, each.learned, each.now, strict=True))
            found.append(Beside(known[each.column], picture, words(known[each.column]), parts))
    return found


def words(column: ColumnDrift) -> str:
    """Say how far a column moved."""
    usual = "" if column.usual is None else f", usual is up to {figure(column.usual, 2)}"
    moved = column.trend or ("drifted" if column.drifted else "as before")
    return f"{moved}: {column.effect_name} {figure(column.effect, 2)}{usual}"


def is_label(text: str) -> bool:
    """Whether a part of an address may be a batch."""
    return text == STATIC or (10 <= len(text) <= 16 and set(text) <= set("0123456789-:"))
