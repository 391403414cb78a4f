"""Kinds of columns: what a database says of a column decides its type, never the rows of one batch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.sources.arrow import TIME

Kind = Literal["whole", "fraction", "boolean", "text", "time"]

_TYPES: dict[Kind, pa.DataType] = {
    "whole": pa.int64(),
    "fraction": pa.float64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
    "time": TIME,
}
_POSTGRESQL: dict[int, Kind] = {
    16: "boolean", 20: "whole", 21: "whole", 23: "whole", 26: "whole",
    700: "fraction", 701: "fraction", 1700: "fraction", 1082: "time", 1114: "time", 1184: "time",
}  # fmt: skip
"""By the object identifier of the type (pg_type.dat)."""
_MYSQL: dict[int, Kind] = {
    1: "whole", 2: "whole", 3: "whole", 8: "whole", 9: "whole", 13: "whole",
    0: "fraction", 4: "fraction", 5: "fraction", 246: "fraction", 7: "time", 10: "time", 12: "time",
}  # fmt: skip
"""By the number of the field's type (enum_field_types)."""
_BIGQUERY: dict[str, Kind] = {
    "INTEGER": "whole", "INT64": "whole", "FLOAT": "fraction", "FLOAT64": "fraction", "NUMERIC": "fraction",
    "BIGNUMERIC": "fraction", "BOOLEAN": "boolean", "BOOL": "boolean", "DATE": "time", "DATETIME": "time",
    "TIMESTAMP": "time",
}  # fmt: skip
"""By the name of the type (REST API, TableFieldSchema)."""
_SNOWFLAKE: dict[int, Kind] = {
    0: "whole", 1: "fraction", 3: "time", 4: "time", 6: "time", 7: "time", 8: "time", 13: "boolean",
}  # fmt: skip
"""By the number of the type (the connector's FIELD_TYPES): FIXED, REAL, DATE, TIMESTAMP and its kinds, BOOLEAN."""
_DUCKDB: dict[str, Kind] = {
    "tinyint": "whole", "smallint": "whole", "integer": "whole", "bigint": "whole", "hugeint": "whole",
    "utinyint": "whole", "usmallint": "whole", "uinteger": "whole", "ubigint": "whole", "uhugeint": "whole",
    "float": "fraction", "double": "fraction", "decimal": "fraction", "boolean": "boolean",
    "date": "time", "timestamp": "time", "timestamp_s": "time", "timestamp_ms": "time", "timestamp_ns": "time",
    "timestamp with time zone": "time",
}  # fmt: skip
"""By the name of the type, without its width."""


def in_postgresql(description: Any) -> Kind | None:
    """Kind of a column of PostgreSQL; what is no number and no time is text."""
    return _POSTGRESQL.get(description[1], "text")


def in_mysql(description: Any) -> Kind | None:
    """Kind of a column of MySQL or MariaDB; what is no number and no time is text."""
    return _MYSQL.get(description[1], "text")


def in_bigquery(description: Any) -> Kind:
    """Kind of a column of BigQuery; what is no number and no time is text."""
    return _BIGQUERY.get(description[1], "text")


def in_snowflake(description: Any) -> Kind:
    """Kind of a column of Snowflake, whose numbers are whole where they have no decimal places."""
    kind = _SNOWFLAKE.get(description[1], "text")
    return "fraction" if kind == "whole" and description[5] else kind


def in_duckdb(kind: str) -> Kind:
    """Kind of a column of DuckDB; what is no number and no time is text."""
    return _DUCKDB.get(kind, "text")


def of_storage(classes: set[str]) -> Kind:
    """Kind of a column by the storage classes of all its values (SQLite has no others).

    >>> of_storage({"integer", "null"}), of_storage({"integer", "real"}), of_storage({"integer", "text"})
    ('whole', 'fraction', 'text')
    """
    known = classes - {"null"}
    if known == {"integer"}:
        return "whole"
    if known and known <= {"integer", "real"}:
        return "fraction"
    return "text"


def to_arrow(values: Sequence[Any] | pa.Array, kind: Kind) -> pa.Array:
    """Values of a column, in a list or as Arrow has them, in the type of its kind.

    Raises
    ------
    ValueError
        A value is none of its kind, as bytes that are no text.
    """
    if isinstance(values, pa.Array):
        whole = _cast(values, kind)
        if whole is not None:
            return whole
        values = values.to_pylist()
    if kind == "whole":
        values = [int(value) if isinstance(value, Decimal) else value for value in values]
    if kind == "whole" and any(value is not None and abs(value) >= 2**63 for value in values):
        return pa.array(values, pa.uint64())
    if kind == "fraction":
        values = [float(value) if isinstance(value, Decimal) else value for value in values]
    elif kind == "time":
        values = [_moment(value) for value in values]
    elif kind == "text":
        values = [value if value is None or type(value) is str else _as_text(value) for value in values]
    elif kind == "boolean":
        values = [None if value is None else bool(value) for value in values]
    return pa.array(values, _TYPES[kind])


def _cast(values: pa.Array, kind: Kind) -> pa.Array | None:
    """Values of Arrow in the type of a kind; None where each has to be looked at."""
    types = pa.types
    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if types.is_timestamp(values.type):
        return values.cast(pa.timestamp("us", values.type.tz), safe=False).cast(TIME)
    if types.is_uint64(values.type) and (pc.max(values).as_py() or 0) >= 2**63:
        return values
    if types.is_nested(values.type) or types.is_interval(values.type):
        return None
    if types.is_decimal(values.type) and kind == "whole":
        return None
    return values.cast(_TYPES[kind])


def empty(kind: Kind) -> pa.Array:
    """No values of a kind."""
    return pa.array([], _TYPES[kind])


def joined(parts: Iterable[pa.Table]) -> pa.Table:
    """All rows; a whole number beyond an int64 in one part makes its column one of uint64, or of fractions."""
    found = list(parts)
    if all(part.schema.equals(found[0].schema) for part in found):
        return pa.concat_tables(found)
    columns = {}
    for name in found[0].column_names:
        chunks = [part[name] for part in found]
        kind = pa.uint64() if any(chunk.type == pa.uint64() for chunk in chunks) else chunks[0].type
        if kind == pa.uint64() and any((pc.min(chunk).as_py() or 0) < 0 for chunk in chunks):
            kind = pa.float64()
        cast = [chunk.cast(kind, safe=kind != pa.float64()) for chunk in chunks]
        columns[name] = pa.chunked_array([piece for chunk in cast for piece in chunk.chunks], kind)
    return pa.table(columns)


def _moment(value: Any) -> datetime | None:
    """A time in UTC, without a zone."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo is not None else value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    return None


def _as_text(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value)
