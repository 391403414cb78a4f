"""Several files become one Arrow table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.sources.arrow import Piece, cast, common_type, plain
from ml_assets.sources.csv import number_like, read_csv, unspoiled
from ml_assets.sources.parquet import checked_schema, open_parquet, read_parquet
from ml_assets.sources.paths import SourceError, file_format
from ml_assets.sources.times import Window, rows_between


def read_piece(path: Path, column: str | None = None, window: Window = (None, None)) -> Piece:
    """Read the rows of one file whose time in `column` is in `window` (start included, end not).

    Raises
    ------
    SourceError
        The file is broken, or a time in `column` is missing or cannot be read.
    """
    if file_format(path) == "parquet":
        return Piece(path, plain(read_parquet(path, column, window), path), frozenset())
    table = plain(read_csv(path), path)
    spoiled = frozenset(name for name in table.column_names if number_like(table[name]))
    return Piece(path, rows_between(table, path, column, window), spoiled)


def join(pieces: list[Piece]) -> pa.Table:
    """One table of all rows; types agree between files and do not depend on which rows are asked for.

    Raises
    ------
    SourceError
        Files differ in their columns.
    """
    filled = [piece for piece in pieces if piece.table.num_rows] or pieces[:1]
    first = filled[0]
    names = first.table.column_names
    for piece in filled[1:]:
        absent = [name for name in names if name not in piece.table.column_names]
        extra = [name for name in piece.table.column_names if name not in names]
        if absent or extra:
            differences = [f"lacks {', '.join(absent)}"] * bool(absent) + [f"adds {', '.join(extra)}"] * bool(
                extra
            )
            raise SourceError(
                f"{piece.path} {' and '.join(differences)}, compared with {first.path.name}: "
                "files of one source must have the same columns"
            )
    columns = {}
    for name in names:
        everywhere = [piece.table[name].type for piece in pieces if name in piece.table.column_names]
        parts = [unspoiled(piece, name) for piece in filled]
        kind = common_type([part.type for part in parts], everywhere)
        chunks = [chunk for part in parts for chunk in cast(part, kind).chunks]
        columns[name] = pa.chunked_array(chunks, type=kind)
    return pa.table(columns)


def extent(paths: list[Path], column: str, window: Window = (None, None)) -> tuple[datetime, datetime] | None:
    """Oldest and newest time in `column` inside the window; None where there is no row."""
    found = []
    for times in _times(paths, column, window):
        ends = pc.min_max(times)
        found.append((ends["min"].as_py(), ends["max"].as_py()))
    return (min(a for a, _ in found), max(b for _, b in found)) if found else None


def days(paths: list[Path], column: str, window: Window = (None, None), unit: str = "day") -> list[datetime]:
    """Distinct times in `column` inside the window, cut to the hour or the day, sorted."""
    found: set[datetime] = set()
    for times in _times(paths, column, window):
        found.update(pc.unique(pc.floor_temporal(times, unit=unit)).to_pylist())
    return sorted(found)


def _times(paths: list[Path], column: str, window: Window) -> Iterator[pa.ChunkedArray]:
    for path in paths:
        if file_format(path) == "parquet":
            checked_schema(path, column)
            table = open_parquet(path).read(columns=[column])
        else:
            table = read_csv(path, only=column)
        times = rows_between(plain(table, path), path, column, window)[column]
        if len(times):
            yield times
