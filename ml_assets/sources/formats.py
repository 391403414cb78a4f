"""The types of files, one row each: all that depends on one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from ml_assets.sources.arrow import Piece
from ml_assets.sources.csv import count_csv_rows, read_csv, read_csv_column
from ml_assets.sources.csv_part import part_of_csv
from ml_assets.sources.marks import Window
from ml_assets.sources.parquet import count_parquet_rows, part_of_parquet, read_parquet, read_parquet_column
from ml_assets.sources.paths import file_type
from ml_assets.sources.wanted import Wanted


class Format(NamedTuple):
    """How a type of file is read; each raises SourceError where the file is broken."""

    read: Callable[[Path, Wanted, str | None, Window], Piece]
    """Rows of a file. Where a column of times is given, those outside the window may be left out."""
    read_column: Callable[[Path, Wanted, str], pa.Table]
    """One column of all rows."""
    count: Callable[[Path], int]
    """Number of rows."""
    part: Callable[[Path, Path, int], None]
    """Write some rows of the first file as the second, of about so many bytes."""
    plain: tuple[str, ...]
    """Endings of files that are as long as what they hold; the others are packed."""


FORMATS: dict[str, Format] = {
    "CSV": Format(
        read=lambda path, wanted, _column, _window: read_csv(path, wanted.columns, wanted.na_values),
        read_column=lambda path, wanted, column: read_csv_column(path, column, wanted.na_values),
        count=count_csv_rows,
        part=part_of_csv,
        plain=(".csv", ".tsv"),
    ),
    "Parquet": Format(
        read=lambda path, wanted, column, window: read_parquet(
            path, column, window, wanted.columns, wanted.na_values
        ),
        read_column=lambda path, _wanted, column: read_parquet_column(path, column),
        count=count_parquet_rows,
        part=lambda path, place, _size: part_of_parquet(path, place),
        plain=(),
    ),
}
"""By the names that `recipe/readable.py` has."""


def format_of(path: Path) -> Format:
    """How a file is read, by the end of its name."""
    return FORMATS[file_type(path)]
