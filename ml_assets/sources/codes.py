"""Names that are written in digits: what would be lost of them in a number."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.sources.arrow import named_alike
from ml_assets.sources.index import EXACT
from ml_assets.sources.wanted import Columns

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = r"^[+-]?0\d|\d[eE]|^[+-]?\d{16,}$"
"""Cells of which a number would forget how they are written: 007, 12E3, 1152921504606846977."""
NAMED = 5
"""Columns that are told of many."""


def with_codes(
    table: pa.Table, categories: Collection[str], read: Callable[[list[str]], pa.Table]
) -> pa.Table:
    """Table in which categories that are written as codes are text, digit for digit.

    Parameters
    ----------
    table : Table
        As it was read from a file of text, where digits alone are numbers.
    categories : collection of str
    read : callable
        Gives columns of the same rows once more, as text.
    """
    numbers = [
        field.name
        for field in table.schema
        if field.name in categories and (pa.types.is_integer(field.type) or pa.types.is_floating(field.type))
    ]
    if not numbers:
        return table
    written = named_alike(read(numbers), Columns(texts=frozenset(numbers)))
    for name in numbers:
        if pc.any(pc.match_substring_regex(written[name], CODE)).as_py():
            table = table.set_column(table.column_names.index(name), name, written[name])
    return table


def exact(table: pa.Table, categories: Collection[str]) -> pa.Table:
    """Table in which categories that are whole numbers beyond 2^53 are text, digit for digit.

    >>> exact(pa.table({"shop": [2**60, 2**60 + 1]}), ["shop"])["shop"].to_pylist()
    ['1152921504606846976', '1152921504606846977']
    """
    for name in _large(table):
        if name in categories:
            table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.string()))
    return table


def rounded(table: pa.Table, columns: Columns) -> list[str]:
    """Words for whole numbers that become fewer as numbers of the model."""
    told = []
    for name in _large(table):
        if name in columns.texts | columns.categories | columns.excluded:
            continue
        values = pc.unique(table[name].drop_null())
        left = len(pc.unique(values.cast(pa.float64(), safe=False)))
        if left < len(values):
            told.append(
                f"column '{name}': {len(values):,} whole numbers beyond 2^53 become {left:,} as numbers; if they are "
                f"names, name '{name}' in categorical_features of custom_preprocessor"
            )
    return told[:NAMED]


def _large(table: pa.Table) -> Iterator[str]:
    """Columns of whole numbers, of which a float does not hold each."""
    for field in table.schema:
        if pa.types.is_integer(field.type) and field.type.bit_width == 64:
            ends = pc.min_max(table[field.name])
            low, high = ends["min"].as_py(), ends["max"].as_py()
            if low is not None and (high > EXACT or low < -EXACT):
                yield field.name
