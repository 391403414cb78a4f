"""CSV files: separator, header, and rows of as many cells as the header has."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from ml_assets.sources.arrow import (
    NUMBER_LIKE,
    Piece,
    check_header,
    check_named,
    not_utf8,
)
from ml_assets.sources.paths import SourceError

MISSING = ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None", "?"]
"""Cells of a CSV file that mean: no value. "unknown" is a value."""


def read_csv(path: Path, only: str | None = None) -> pa.Table:
    """Table of a CSV file, or of one of its columns; a row of another length than the header is refused."""
    names, delimiter = _header(path)
    if only is not None:
        check_named(only, names, path)
    ragged: list[Any] = []

    def remember(row: Any) -> str:
        ragged.append(row)
        return "skip"

    try:
        table = pa_csv.read_csv(
            path,
            read_options=pa_csv.ReadOptions(use_threads=False),  # only then do rows have numbers
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=remember
            ),
            convert_options=pa_csv.ConvertOptions(
                null_values=MISSING, strings_can_be_null=True, include_columns=[only] if only else None
            ),
        )
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} is not a CSV file that can be read: {error}") from error
    if ragged:
        row = ragged[0]
        more = f" (and {len(ragged) - 1} more such rows)" if len(ragged) > 1 else ""
        raise SourceError(
            f"{path}, line {row.number}: {row.actual_columns} cells, the header has {row.expected_columns}"
            f"{more}: '{row.text[:60]}'. Put cells that hold the separator in quotes"
        )
    return table


def _header(path: Path) -> tuple[list[str], str]:
    """Names in the first line, and the separator."""
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            start = stream.read(1 << 16)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    if not start.strip():
        raise SourceError(f"{path} is empty: a CSV file starts with a line of column names")
    if b"\0" in start:
        raise SourceError(f"{path} is not a CSV file: it holds binary data. Is its name right?")
    try:
        text = (
            start.decode("utf-8-sig") if len(start) < 1 << 16 else start.decode("utf-8-sig", errors="ignore")
        )
    except UnicodeDecodeError as error:
        raise SourceError(not_utf8(path)) from error
    first = text.lstrip("\r\n").splitlines()[0]
    delimiter = next((mark for mark in ",;\t|" if mark in first), ",")
    names = next(csv.reader(io.StringIO(text.lstrip("\r\n")), delimiter=delimiter))
    check_header(names, path)
    return names, delimiter


def number_like(column: pa.ChunkedArray) -> bool:
    """Whether a text column is numbers but for a few cells."""
    if not pa.types.is_string(column.type):
        return False
    import pandas as pd

    text = column.drop_null().to_pandas()
    return len(text) > 0 and bool(pd.to_numeric(text, errors="coerce").notna().mean() >= NUMBER_LIKE)


def unspoiled(piece: Piece, name: str) -> pa.ChunkedArray:
    """Take a column as numbers again where its wrong cells lie outside the window."""
    column = piece.table[name]
    if name not in piece.spoiled:
        return column
    import pandas as pd

    text = column.to_pandas()
    numbers = pd.to_numeric(text, errors="coerce").astype("float64")
    if (numbers.isna() & text.notna()).any():
        return column
    return pa.chunked_array([pa.Array.from_pandas(numbers, type=pa.float64())])
