"""A quote that is opened and not closed: it makes one cell of many rows."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.sources.dialect import Dialect, cut, opened
from ml_assets.sources.paths import SourceError

SUSPECTS = 20
"""Cells of several lines that are looked at; an honest text column has no rows of the table in them."""
WITHOUT_TYPES = 3
"""Lines that must look like rows where all columns are text."""


def check_quotes(table: pa.Table, path: Path, dialect: Dialect) -> None:
    """Refuse a file in which a cell holds whole rows of the table.

    A cell of several lines is honest where its lines, with the cells to its left and right, do not make rows:
    of as many cells as the header has, with numbers where the table has numbers.

    Raises
    ------
    SourceError
        Names the line in which the quote is opened.
    """
    texts = [name for name in table.column_names if pa.types.is_string(table[name].type)]
    typed = {
        place
        for place, name in enumerate(table.column_names)
        if pa.types.is_integer(table[name].type) or pa.types.is_floating(table[name].type)
    }
    for name in texts:
        several = pc.fill_null(pc.match_substring(table[name], "\n"), False)
        if not pc.any(several).as_py():
            continue
        place = table.column_names.index(name)
        for cell in table[name].filter(several).slice(0, SUSPECTS).to_pylist():
            if _holds_rows(cell, place, table.num_columns, typed, dialect.delimiter):
                raise SourceError(unclosed(path, dialect, cell))


def unclosed(path: Path, dialect: Dialect, cell: str) -> str:
    """Words for a quote that is not closed."""
    first = cell.split("\n", 1)[0]
    line = _line_of(path, dialect, '"' + first)
    where = f", line {line}" if line else ""
    return (
        f"{path}{where}: a quote is opened and not closed, so that the lines below it would be one cell: "
        f"'\"{first[:50]}'. Close the quote, or remove it"
    )


def _holds_rows(cell: str, place: int, width: int, typed: set[int], mark: str) -> bool:
    lines = cell.rstrip("\n").split("\n")
    if width < 2:
        return False
    inner = [next(cut(line, mark), []) for line in lines[1:-1]]
    rows = [row for row in inner if len(row) == width and _fits(row, 0, typed)]
    if inner and (len(rows) < 0.8 * len(inner) or (not typed and len(inner) < WITHOUT_TYPES)):
        return False
    if len(inner) >= WITHOUT_TYPES:
        return True
    # The first line ends the row that the quote is opened in, the last begins the one that it is closed in.
    first, last = next(cut(lines[0], mark), []), next(cut(lines[-1], mark), [])
    ends = place + len(first) == width and _fits(first[1:], place + 1, typed)
    begins = len(last) <= place + 1 and _fits(last[:-1], 0, typed) and (place == 0 or len(last) == place + 1)
    told = bool(typed & (set(range(place + 1, width)) | set(range(place)))) or bool(inner and typed)
    return ends and (begins or bool(rows)) and told and len(first) + place == width


def _fits(cells: list[str], start: int, typed: set[int]) -> bool:
    """Whether there are numbers where the table has numbers."""
    for place, cell in enumerate(cells, start):
        if place in typed and cell.strip():
            try:
                float(cell)
            except ValueError:
                return False
    return True


def _line_of(path: Path, dialect: Dialect, text: str) -> int | None:
    with opened(path, dialect) as stream:
        for number, line in enumerate(io.BufferedReader(stream), 1):
            if text in line.decode("utf-8", "replace"):
                return number
    return None
