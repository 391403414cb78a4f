"""Arrow tables with few and predictable column types.

Types are int64, float64, bool, string, timestamp[us] (naive, UTC) and, for a column without any value, null.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.recipe.faults import did_you_mean
from ml_assets.sources.paths import SourceError

if TYPE_CHECKING:
    import pandas as pd

TIME = pa.timestamp("us")

NUMBER_LIKE = 0.8
"""A text column with this share of numbers is a number column with wrong cells in it."""


class Piece(NamedTuple):
    """The rows of one file that lie in the window."""

    path: Path
    table: pa.Table
    spoiled: frozenset[str]
    """Text columns of the whole file that are numbers but for a few cells."""


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """DataFrame of Int64, float64, boolean, object (text), datetime64[us] columns: nulls change no type."""
    import pandas as pd

    kinds = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas(types_mapper=kinds.get)
    return frame


def check_header(names: list[str], path: Path) -> None:
    """Refuse names that stand twice, and columns without a name."""
    twice = [name for name, times in Counter(names).items() if times > 1 and name]
    if twice:
        named = ", ".join(f"'{name}'" for name in twice)
        raise SourceError(f"{path} has more than one column named {named}: rename or remove all but one")
    if "" in names:
        raise SourceError(
            f"{path}: column {names.index('') + 1} has no name. Name it; if it is a row number, write the "
            "file without it (pandas: to_csv(…, index=False))"
        )


def plain(table: pa.Table, path: Path) -> pa.Table:
    """Table with each column in its plain type."""
    columns = {name: plain_column(table[name], name, path) for name in table.column_names}
    return pa.table(columns)


def plain_column(column: pa.ChunkedArray, name: str, path: Path) -> pa.ChunkedArray:
    """Column as whole numbers, fractions, text or times; what is none of these stays as it is."""
    kind, types = column.type, pa.types
    if types.is_dictionary(kind):
        return plain_column(column.cast(kind.value_type), name, path)
    if types.is_uint64(kind) and (pc.max(column).as_py() or 0) >= 2**63:
        return column
    if types.is_integer(kind):
        return column.cast(pa.int64())
    if types.is_floating(kind) or types.is_decimal(kind):
        return column.cast(pa.float64())
    if types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
        return column.cast(pa.timestamp("us", "UTC")).cast(TIME) if kind.tz else column
    if types.is_date(kind):
        return column.cast(TIME)
    if types.is_large_string(kind) or types.is_string_view(kind) or types.is_time(kind):
        return column.cast(pa.string())
    if types.is_binary(kind) or types.is_large_binary(kind):
        raise SourceError(f"{not_utf8(path)} (column '{name}')")
    return column


def common_type(kinds: list[pa.DataType], everywhere: list[pa.DataType]) -> pa.DataType:
    """Type that holds all; a column that is empty here takes the type it has in another file."""
    known = {kind for kind in kinds if not pa.types.is_null(kind)}
    known = known or {kind for kind in everywhere if not pa.types.is_null(kind)}
    if len(known) == 1:
        return known.pop()
    if not known:
        return pa.null()
    return pa.float64() if known <= {pa.int64(), pa.uint64(), pa.float64()} else pa.string()


def cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Column in a type that `common_type` chose; nested values become text."""
    if pa.types.is_string(kind) and pa.types.is_nested(column.type):
        texts = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    return column.cast(kind, safe=False)


def check_named(column: str, names: list[str], path: Path) -> None:
    """Refuse a time column that the file does not have."""
    if column not in names:
        found = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
        raise SourceError(
            f"'{column}' is not a column of {path} (found {found}).{did_you_mean(column, names)}",
            key="batches.column",
        )


def not_utf8(path: Path) -> str:
    """Words for bytes that are no UTF-8."""
    return f"{path} is not UTF-8 text: save it as UTF-8"
