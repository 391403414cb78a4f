"""One file becomes one Arrow table, and several become one, with few and predictable column types.

Types are int64, float64, bool, string, timestamp[us] (naive, UTC) and, for a column without any value, null.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ml_assets.recipe.faults import did_you_mean
from ml_assets.sources.files import SourceError, file_format

Window = tuple[datetime | None, datetime | None]
TIME = pa.timestamp("us")
MISSING = ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None", "?"]
"""Cells of a CSV file that mean: no value. "unknown" is a value."""

NUMBER_LIKE = 0.8
"""A text column with this share of numbers is a number column with wrong cells in it."""

DATE_FORMATS = (
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
)
"""What is understood beside ISO 8601: no form that two countries read differently."""


class Piece(NamedTuple):
    """The rows of one file that lie in the window."""

    path: Path
    table: pa.Table
    spoiled: frozenset[str]
    """Text columns of the whole file that are numbers but for a few cells."""


def read_piece(path: Path, column: str | None = None, window: Window = (None, None)) -> Piece:
    """Read the rows of one file whose time in `column` is in `window` (start included, end not).

    Raises
    ------
    SourceError
        The file is broken, or a time in `column` is missing or cannot be read.
    """
    if file_format(path) == "parquet":
        return Piece(path, _plain(_read_parquet(path, column, window), path), frozenset())
    table = _plain(_read_csv(path), path)
    spoiled = frozenset(name for name in table.column_names if _number_like(table[name]))
    return Piece(path, _rows_between(table, path, column, window), spoiled)


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
        parts = [_unspoiled(piece, name) for piece in filled]
        kind = _common([part.type for part in parts], everywhere)
        chunks = [chunk for part in parts for chunk in _cast(part, kind).chunks]
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
            _check_parquet(path, column)
            table = _parquet(path).read(columns=[column])
        else:
            table = _read_csv(path, only=column)
        times = _rows_between(_plain(table, path), path, column, window)[column]
        if len(times):
            yield times


def to_times(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, int | None]:
    """Times of a column of dates, timestamps or text, in UTC, and the position of the first that is none.

    Numbers are no times: nobody can tell seconds from days.
    """
    if pa.types.is_timestamp(column.type):
        times = column
    elif pa.types.is_null(column.type):
        times = column.cast(TIME)
    elif pa.types.is_string(column.type):
        times = _parse(column)
    else:
        return pa.chunked_array([pa.nulls(len(column), TIME)]), 0
    bad = pc.index(times.is_null(), True).as_py()
    return times, None if bad < 0 else bad


def to_pandas(table: pa.Table) -> Any:
    """DataFrame of Int64, float64, boolean, object (text), datetime64[us] columns: nulls change no type."""
    import pandas as pd

    kinds = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.bool_(): pd.BooleanDtype()}
    return table.replace_schema_metadata(None).to_pandas(types_mapper=kinds.get)


def _parse(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pandas as pd

    text = column.to_pandas()
    attempts = [pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)]
    if attempts[0].isna().any():
        attempts += [pd.to_datetime(text, format=form, errors="coerce", utc=True) for form in DATE_FORMATS]
    best = max(attempts, key=lambda parsed: int(parsed.notna().sum()))
    return pa.chunked_array(
        [pa.Array.from_pandas(best.dt.tz_localize(None).astype("datetime64[us]"), type=TIME)]
    )


def _rows_between(table: pa.Table, path: Path, column: str | None, window: Window) -> pa.Table:
    if column is None:
        return table
    _check_named(column, table.column_names, path)
    times, bad = to_times(table[column])
    if bad is not None and table.num_rows:
        raise SourceError(_bad_time(path, column, bad, table[column][bad].as_py(), table[column].type))
    table = table.set_column(table.column_names.index(column), column, times)
    start, end = window
    if start is not None:
        table = table.filter(pc.greater_equal(table[column], pa.scalar(start, TIME)))
    if end is not None:
        table = table.filter(pc.less(table[column], pa.scalar(end, TIME)))
    return table


def _bad_time(path: Path, column: str, row: int, value: object, kind: pa.DataType) -> str:
    where = f"{path}, row {row + 1}, column '{column}' (batches.column)"
    if value is None:
        return f"{where}: the time is missing, so the row belongs to no batch. Fill it or remove the row"
    if not pa.types.is_string(kind):
        return f"{where}: {value!r} is a {kind}, not a time. Write times as 2024-01-31 or 2024-01-31 13:00:00"
    return (
        f"{where}: '{value}' is not a time that can be read. Write times as 2024-01-31 or 2024-01-31 13:00:00"
    )


# -- CSV --------------------------------------------------------------------------------------------------


def _read_csv(path: Path, only: str | None = None) -> pa.Table:
    names, delimiter = _header(path)
    if only is not None:
        _check_named(only, names, path)
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
        raise SourceError(_not_utf8(path)) from error
    first = text.lstrip("\r\n").splitlines()[0]
    delimiter = next((mark for mark in ",;\t|" if mark in first), ",")
    names = next(csv.reader(io.StringIO(text.lstrip("\r\n")), delimiter=delimiter))
    _check_header(names, path)
    return names, delimiter


def _check_header(names: list[str], path: Path) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1 and name]
    if twice:
        named = ", ".join(f"'{name}'" for name in twice)
        raise SourceError(f"{path} has more than one column named {named}: rename or remove all but one")
    if "" in names:
        raise SourceError(
            f"{path}: column {names.index('') + 1} has no name. Name it; if it is a row number, write the "
            "file without it (pandas: to_csv(…, index=False))"
        )


def _number_like(column: pa.ChunkedArray) -> bool:
    if not pa.types.is_string(column.type):
        return False
    import pandas as pd

    text = column.drop_null().to_pandas()
    return len(text) > 0 and bool(pd.to_numeric(text, errors="coerce").notna().mean() >= NUMBER_LIKE)


def _unspoiled(piece: Piece, name: str) -> pa.ChunkedArray:
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


# -- Parquet ----------------------------------------------------------------------------------------------


def _read_parquet(path: Path, column: str | None, window: Window) -> pa.Table:
    import pyarrow.dataset as ds

    schema = _check_parquet(path, column)
    try:
        if column is None:
            return _parquet(path).read()
        field = schema.field(column)
        if not (pa.types.is_timestamp(field.type) or pa.types.is_date(field.type)):
            return _rows_between(_plain(_parquet(path).read(), path), path, column, window)
        data = ds.dataset([str(path)], format="parquet")
        name = ds.field(column)
        if data.count_rows(filter=name.is_null()):
            times = data.to_table(columns=[column])[column]
            raise SourceError(
                _bad_time(path, column, pc.index(times.is_null(), True).as_py(), None, field.type)
            )
        start, end = (_literal(moment, field.type) for moment in window)
        wanted = None if start is None else name >= start
        if end is not None:
            wanted = name < end if wanted is None else wanted & (name < end)
        return data.to_table(filter=wanted)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{path} is damaged: {error}") from error


def _check_parquet(path: Path, column: str | None) -> pa.Schema:
    schema = _parquet(path).schema_arrow
    _check_header(schema.names, path)
    if column is not None:
        _check_named(column, schema.names, path)
    return schema


def _parquet(path: Path) -> Any:
    import pyarrow.parquet as pq

    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes), not a Parquet file")
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{path} is not a Parquet file that can be read: {error}") from error


def _literal(moment: datetime | None, kind: pa.DataType) -> pa.Scalar | None:
    if moment is None:
        return None
    if pa.types.is_timestamp(kind) and kind.tz:
        return pa.scalar(moment.replace(tzinfo=UTC), pa.timestamp("us", kind.tz))
    return pa.scalar(moment, TIME)


# -- types ------------------------------------------------------------------------------------------------


def _plain(table: pa.Table, path: Path) -> pa.Table:
    columns = {name: _plain_column(table[name], name, path) for name in table.column_names}
    return pa.table(columns)


def _plain_column(column: pa.ChunkedArray, name: str, path: Path) -> pa.ChunkedArray:
    kind, types = column.type, pa.types
    if types.is_dictionary(kind):
        return _plain_column(column.cast(kind.value_type), name, path)
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
        raise SourceError(f"{_not_utf8(path)} (column '{name}')")
    return column


def _common(kinds: list[pa.DataType], everywhere: list[pa.DataType]) -> pa.DataType:
    """Type that holds all; a column that is empty here takes the type it has in another file."""
    known = {kind for kind in kinds if not pa.types.is_null(kind)}
    known = known or {kind for kind in everywhere if not pa.types.is_null(kind)}
    if len(known) == 1:
        return known.pop()
    if not known:
        return pa.null()
    return pa.float64() if known <= {pa.int64(), pa.uint64(), pa.float64()} else pa.string()


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_string(kind) and pa.types.is_nested(column.type):
        texts = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    return column.cast(kind, safe=False)


def _check_named(column: str, names: list[str], path: Path) -> None:
    if column not in names:
        found = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
        raise SourceError(
            f"'{column}' is not a column of {path} (found {found}).{did_you_mean(column, names)}",
            key="batches.column",
        )


def _not_utf8(path: Path) -> str:
    return f"{path} is not UTF-8 text: save it as UTF-8"
