"""Columns that a program wrote to number its rows: the index of a data frame. They are never features."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

WRITTEN_BY_PANDAS = re.compile(r"__index_level_\d+__")
LEFT_BY_PANDAS = re.compile(r"Unnamed: \d+(?:_level_\d+)?(?:\.\d+)?|level_\d+")
"""Names that pandas gives to what has none; where whole numbers stand in them, they are an index."""
COUNTS = ("", "index", "idx", "row", "row_number", "row_num", "rownum", "row_id", "rowid", "rn", "x1", "...1")
"""Names, in small letters, of columns that are an index where they count rows."""
REASON = "the index of a data frame, which says nothing about a row"
CONSECUTIVE = 0.9
ENOUGH = 20
"""Rows of a shuffled sample from which numbers that stand once, few of them left out, count rows."""
EXACT = 2**53
"""Numbers from here on count no rows, and a float does not hold each of them."""
LEFT = 2
"""Numbers for each row of such a sample."""


def may_be_index(name: str) -> bool:
    """Whether a column of this name deserves a look at its values.

    >>> [may_be_index(name) for name in ("Unnamed: 0", "__index_level_0__", "index", "price")]
    [True, True, True, False]
    """
    return bool(
        WRITTEN_BY_PANDAS.fullmatch(name) or LEFT_BY_PANDAS.fullmatch(name) or name.strip().lower() in COUNTS
    )


def is_index(name: str, column: pa.ChunkedArray) -> bool:
    """Whether a column is an index that was written along.

    >>> [is_index("index", pa.chunked_array([values])) for values in ([0, 1, 2, 3], [97, 103, 97, 99])]
    [True, False]
    """
    if WRITTEN_BY_PANDAS.fullmatch(name):
        return True
    if not may_be_index(name) or not _whole(column):
        return False
    return bool(LEFT_BY_PANDAS.fullmatch(name)) or _counts_rows(column)


def _whole(column: pa.ChunkedArray) -> bool:
    kind = column.type
    if pa.types.is_integer(kind):
        return True
    return bool(
        pa.types.is_floating(kind)
        and len(column) > column.null_count
        and pc.all(pc.equal(pc.floor(column), column)).as_py()
    )


def _counts_rows(column: pa.ChunkedArray) -> bool:
    ends = pc.min_max(column)
    if column.null_count or ends["min"].as_py() is None or ends["min"].as_py() < 0:
        return False
    if ends["max"].as_py() >= EXACT:
        return False
    values = column.combine_chunks().cast(pa.int64())
    if len(values) == 1:
        return values[0].as_py() in (0, 1)
    steps = pc.equal(pc.subtract(values[1:], values[:-1]), 1)
    if pc.mean(steps.cast(pa.int8())).as_py() >= CONSECUTIVE or (len(values) < 4 and pc.any(steps).as_py()):
        return True
    span = ends["max"].as_py() - ends["min"].as_py()
    return (
        len(values) >= ENOUGH
        and pc.count_distinct(values).as_py() == len(values)
        and span < LEFT * len(values)
    )
