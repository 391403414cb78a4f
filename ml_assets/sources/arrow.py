"""Arrow tables with few and predictable column types.

Types are int64, float64, bool, string, timestamp[us] (naive, UTC) and, for a column without any value, null.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.names import composed
from ml_assets.recipe.faults import did_you_mean
from ml_assets.sources.dialect import not_utf8
from ml_assets.sources.numbers import Form
from ml_assets.sources.paths import SourceError

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.sources.wanted import Columns

TIME = pa.timestamp("us")


class Piece(NamedTuple):
    """The rows of one file that lie in the window."""

    path: Path
    table: pa.Table
    rows: int
    """Rows of the whole file."""
    forms: dict[str, Form]
    """How numbers are written in the columns of the whole file that are text in it."""
    aside: dict[str, str]
    """Columns that are set aside, with the reason."""
    counts: frozenset[str] = frozenset()
    """Columns that in this file look like the index of a data frame."""
    notes: tuple[str, ...] = ()
    """What was read otherwise than it is written."""


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """DataFrame of Int64, float64, boolean, object (text), datetime64[us] columns: nulls change no type."""
    import pandas as pd

    kinds = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas(types_mapper=kinds.get)
    return frame


def plain(table: pa.Table, path: Path, names: Collection[str] = ()) -> pa.Table:
    """Table with each column in its plain type; columns of `names` as text, digit for digit."""
    columns = {}
    for field in table.schema:
        column = _without_extension(table[field.name], field)
        column = as_text(column) if field.name in names else column
        columns[field.name] = plain_column(column, field.name, path)
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
        return texts(column.cast(pa.string()))
    if is_binary(kind):
        return texts(_as_utf8(column, name, path))
    if types.is_nested(kind):
        return column.cast(_without_maps(kind))
    return texts(column) if types.is_string(kind) else column


def texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text in which é is one character and not two, as macOS writes it: both are one category, and look alike.

    >>> texts(pa.chunked_array([["Ko\u0308ln", None]])).to_pylist() == ["K\u00f6ln", None]
    True
    """
    is_ascii = pc.all(pc.string_is_ascii(column)).as_py() is not False
    if (
        is_ascii or not pc.any(pc.match_substring_regex(column, r"\p{M}")).as_py()
    ):  # a mark apart from its letter
        return column
    values = pc.unique(column)
    # Arrow 25 has `utf8_normalize`, whose NFC is NFD.
    whole = pa.array(
        [value if value is None else composed(value) for value in values.to_pylist()], pa.string()
    )
    return column if whole.equals(values) else pc.take(whole, pc.index_in(column, value_set=values))


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values as text, digit for digit: identifiers are compared, never calculated with.

    >>> as_text(pa.chunked_array([[9007199254740993]])).to_pylist()
    ['9007199254740993']
    """
    kind, types = column.type, pa.types
    if types.is_dictionary(kind):
        return as_text(column.cast(kind.value_type))
    if types.is_fixed_size_binary(kind):  # as UUIDs are kept
        return pa.chunked_array([[value and value.hex() for value in column.to_pylist()]], pa.string())
    if types.is_decimal(kind):
        text = column.cast(pa.string())
        return pc.replace_substring_regex(text, r"\.0+$", "") if kind.scale > 0 else text
    if types.is_floating(kind):
        whole = (
            pc.all(pc.equal(pc.floor(column), column)).as_py()
            and (pc.max(pc.abs(column)).as_py() or 0) < 2**53
        )
        return column.cast(pa.int64()).cast(pa.string()) if whole else column
    return column.cast(pa.string()) if types.is_integer(kind) else column


def named_alike(table: pa.Table, columns: Columns) -> pa.Table:
    """Names that numbers, or truth values, have in other files: 1.0 is 1, and true is True."""
    for name in columns.texts & set(table.column_names):
        if not pa.types.is_string(table[name].type):
            continue
        text = pc.utf8_trim_whitespace(table[name])
        text = pc.replace_substring_regex(text, r"^([+-]?\d+)\.0+$", r"\1")
        if name in columns.classes:
            for word in ("True", "False"):
                is_word = pc.equal(pc.utf8_lower(text), word.lower())
                text = pc.if_else(is_word, pa.scalar(word), text)
        text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
        table = table.set_column(table.column_names.index(name), name, text)
    return table


def is_binary(kind: pa.DataType) -> bool:
    """Whether values are bytes."""
    types = pa.types
    kinds = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary, types.is_binary_view)
    return any(is_kind(kind) for is_kind in kinds)


def is_unusable(kind: pa.DataType) -> bool:
    """Whether values are neither numbers nor text nor times."""
    types = pa.types
    return bool(
        is_binary(kind) or types.is_nested(kind) or types.is_duration(kind) or types.is_interval(kind)
    )


def common_type(kinds: list[pa.DataType], everywhere: list[pa.DataType]) -> pa.DataType:
    """Type that holds all; a column that is empty here takes the type it has in another file."""
    known = {kind for kind in kinds if not pa.types.is_null(kind)}
    known = known or {kind for kind in everywhere if not pa.types.is_null(kind)}
    if len(known) == 1:
        return known.pop()
    if not known:
        return pa.null()
    # True of one file is the 1 of another.
    return pa.float64() if known <= {pa.int64(), pa.uint64(), pa.float64(), pa.bool_()} else pa.string()


def cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Column in a type that `common_type` chose; nested values become text."""
    if pa.types.is_string(kind) and pa.types.is_nested(column.type):
        texts = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    if pa.types.is_boolean(column.type) and pa.types.is_floating(kind):
        column = column.cast(pa.int8())
    return column.cast(kind, safe=False)


def check_named(column: str, names: list[str], path: Path) -> None:
    """Refuse a time column that the file does not have."""
    if column not in names:
        found = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
        raise SourceError(
            f"'{column}' is not a column of {path} (found {found}).{did_you_mean(column, names)}",
            key="batches.column",
        )


def _as_utf8(column: pa.ChunkedArray, name: str, path: Path) -> pa.ChunkedArray:
    """Bytes as text: some programs write text without saying so."""
    try:
        return column.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        if path.name.lower().endswith((".parquet", ".pq")):
            raise SourceError(
                f"{path}: column '{name}' holds bytes, which are neither numbers nor text nor times: exclude it "
                "(exclude_cols), or leave it out of the file"
            ) from None
        raise SourceError(f"{not_utf8(path)} (column '{name}')") from None


def _without_maps(kind: pa.DataType) -> pa.DataType:
    """Nested type in which a map is a list of its pairs: as pandas has a map, no file can hold it."""
    types = pa.types
    if types.is_map(kind):
        pair = {"key": _without_maps(kind.key_type), "value": _without_maps(kind.item_type)}
        return pa.list_(pa.struct(pair))
    if types.is_list(kind) or types.is_large_list(kind):
        make = pa.list_ if types.is_list(kind) else pa.large_list
        return make(_without_maps(kind.value_type))
    if types.is_struct(kind):
        return pa.struct({field.name: _without_maps(field.type) for field in kind})
    return kind


def _without_extension(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    """Values of an extension type in their plain type: periods of pandas become their first moment."""
    metadata = field.metadata or {}
    kind = getattr(field.type, "extension_name", "") or metadata.get(b"ARROW:extension:name", b"").decode()
    if not kind:
        return column
    if isinstance(column.type, pa.BaseExtensionType):
        freq = getattr(column.type, "freq", None)
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    else:
        freq = json.loads(metadata.get(b"ARROW:extension:metadata", b"") or b"{}").get("freq")
    if kind != "pandas.period" or freq is None:
        return column
    import pandas as pd

    ordinals = column.to_pandas().dropna().astype("int64")
    periods = {number: pd.Period(ordinal=number, freq=freq).to_timestamp() for number in ordinals.unique()}
    times = ordinals.map(periods).reindex(range(len(column))).astype("datetime64[us]")
    return pa.chunked_array([pa.Array.from_pandas(times, type=TIME)])
