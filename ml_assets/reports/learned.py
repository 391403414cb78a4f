"""What a model learned from: its rows, column by column, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ml_assets.names import RESERVED
from ml_assets.records import ColumnProfile, DataProfile
from ml_assets.records.quality import TARGET
from ml_assets.reports.data import summary
from ml_assets.reports.document import Notes, Part, fit, number, table
from ml_assets.reports.page import share, written

FEATURES: Final = 60
"""Features in the table of the data."""
COLUMNS: Final = 50
"""Columns left out that are named."""
SHARE: Final = 0.01
"""Share of the rows that a level has at least, where it is named: a rarer one may be somebody's."""


def data_parts(profile: DataProfile | None) -> list[Part | None]:
    """The data in a few sentences, and each feature."""
    if profile is None:
        return []
    columns = [column for column in profile.columns if column.role in (TARGET, "feature")]
    more = f"; {len(columns) - FEATURES:,} others are not listed" if len(columns) > FEATURES else ""
    return [
        summary(profile),
        Notes(tuple(fit(note, 400) for note in profile.notes)),
        table(
            ("column", "what", "spread", "empty cells", "different values", "goes with the target, 0 to 1"),
            (
                (
                    fit(column.column),
                    "target" if column.role == TARGET else column.kind,
                    spread(column),
                    share(column.missing),
                    f"{column.distinct:,}",
                    number(column.tells, 2),
                )
                for column in columns[:FEATURES]
            ),
            f"Target and features, those that go with the target most first{more}. Spread: least, quarter, median, "
            "three quarters and most of numbers, the commonest values of categories",
            (3, 4, 5),
        ),
    ]


def spread(column: ColumnProfile) -> str:
    """How values are spread, in a cell."""
    if column.quantiles:
        return " · ".join(written(each, column.kind) for each in column.quantiles)
    told = [level for level in column.levels[:5] if level.share >= SHARE]
    return ", ".join(f"{fit(level.name, 30)} {share(level.share)}" for level in told)


def left_parts(rows: Mapping[str, int], columns: Mapping[str, str]) -> list[Part | None]:
    """What became of the rows of the source, and why columns are not learned."""
    left = {name: why for name, why in columns.items() if name not in RESERVED and why != TARGET}
    more = f"{len(left) - COLUMNS:,} others are not listed" if len(left) > COLUMNS else ""
    return [
        table(
            ("rows", "what became of them"),
            ((f"{count:,}", fit(what, 160)) for what, count in rows.items()),
            "Rows of the source",
            (0,),
        ),
        table(
            ("column", "why it is not learned"),
            ((fit(name), fit(why, 200)) for name, why in list(left.items())[:COLUMNS]),
            "Columns left out" + (f"; {more}" if more else ""),
        ),
    ]
