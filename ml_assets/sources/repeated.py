"""A header that stands again among the rows, as in files that were put together: it is a line of names, no row."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

NUMBER = re.compile(r"[+-]?\d+\.?\d*")
MARK = "^\ufeff"
"""What a program may write at the beginning of a file, and so before the second header."""


def headers_in(table: pa.Table) -> pa.ChunkedArray | None:
    """Which rows hold the names of all columns; None where none does.

    A header among the rows makes text of all columns but those that are called as a number: a table with a
    column of numbers need not be searched.

    >>> headers_in(pa.table({"x": ["1", "x"], "y": ["a", "y"]})).to_pylist()
    [False, True]
    """
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    others = [field.name for field in table.schema if not pa.types.is_string(field.type)]
    if not texts or not all(NUMBER.fullmatch(name) for name in others):
        return None
    found = None
    for name in texts:
        cells = pc.utf8_trim_whitespace(pc.replace_substring_regex(table[name], MARK, ""))
        same = pc.fill_null(pc.equal(cells, name), False)
        found = same if found is None else pc.and_(found, same)
        if not pc.any(found).as_py():
            return None
    return found


def told(rows: list[int]) -> str:
    """Words for the places of such headers.

    >>> told([120])
    'the header stands again in row 121: left out'
    """
    more = f" and {len(rows) - 1:,} more" if len(rows) > 1 else ""
    return f"the header stands again in row {rows[0] + 1:,}{more}: left out"
