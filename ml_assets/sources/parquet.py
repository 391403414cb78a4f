"""Parquet files: of a window only the row groups that can hold it are read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.names import composed
from ml_assets.sources.arrow import TIME, Piece, check_named, is_unusable, named_alike, plain
from ml_assets.sources.codes import exact, rounded
from ml_assets.sources.foreign import LOOKED_AT, check_foreign
from ml_assets.sources.header import check_names
from ml_assets.sources.index import REASON, WRITTEN_BY_PANDAS, is_index, may_be_index
from ml_assets.sources.marks import Window
from ml_assets.sources.missing import without_values
from ml_assets.sources.numbers import PLAIN, Form, form_of, forms_of, mend_columns
from ml_assets.sources.paths import SourceError
from ml_assets.sources.times import bad_time, rows_between, with_times
from ml_assets.sources.wanted import Columns

DAMAGE = (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError)
"""What Arrow raises of bytes that are no Parquet, of an encoding that none has, and of a page it cannot unpack."""
UTC_NAMES = ("UTC", "Etc/UTC", "+00:00", "Z", "GMT")
SIP = 1 << 20
"""Bytes that are read at once where some rows are wanted."""
CELLS = 1_000_000
"""Values that are taken for a look, of the first, middle and last rows together."""
MEASURE = r"^-|\.\d"
"""A number that is no code: negative, or with a fraction."""
LEADING_ZERO = r"^0\d"
"""Digits that are a code rather than a number."""


def read_parquet(
    path: Path,
    column: str | None,
    window: Window,
    columns: Columns,
    na_values: Collection[str],
) -> Piece:
    """Rows in the window of a Parquet file.

    Raises
    ------
    SourceError
        The file is damaged, or a time in `column` is missing or cannot be read.
    """
    file = open_parquet(path)
    schema = checked_schema(path, column)
    here = _as_written(schema.names)
    columns, column = _spelled(columns, here), here.get(column or "", column)
    aside = _aside(file, schema, columns)
    names = [name for name in schema.names if name not in aside]
    try:
        table = _rows(path, file, names, column, window)
        table = exact(named_alike(plain(table, path, columns.texts), columns), columns.categories)
        forms = _forms(file, names, schema, columns)
        counts = _counts(file, names, columns)
    except DAMAGE as error:
        raise SourceError(f"{path} is damaged: {error}") from error
    table, notes = mend_columns(without_values(table, na_values), forms)
    notes += [
        f"column '{name}': numbers kept as text read as numbers"
        for name, form in forms.items()
        if form.name == "plain" and not pa.types.is_string(table[name].type)
    ]
    notes += rounded(table, columns)
    zone = getattr(schema.field(column).type, "tz", None) if column is not None else None
    if zone not in (None, *UTC_NAMES):
        notes.append(f"column '{column}': times of {zone} read in UTC, in which batches begin")
    return Piece(
        path,
        _composed(table),
        file.metadata.num_rows,
        {composed(name): form for name, form in forms.items()},
        {composed(name): reason for name, reason in aside.items()},
        frozenset(map(composed, counts)),
        tuple(notes),
    )


def read_parquet_column(path: Path, column: str) -> pa.Table:
    """One column of a Parquet file."""
    names = checked_schema(path, column).names
    return _composed(plain(open_parquet(path).read(columns=[_as_written(names).get(column, column)]), path))


def _as_written(names: list[str]) -> dict[str, str]:
    """Names in which é is one character, of the columns where it is two in the file."""
    return {composed(name): name for name in names if composed(name) != name}


def _spelled(columns: Columns, written: Mapping[str, str]) -> Columns:
    """What the recipe says of columns, with their names as the file has them."""
    if not written:
        return columns
    sets = {field.name: getattr(columns, field.name) for field in fields(columns)}
    return Columns(
        **{key: frozenset(written.get(name, name) for name in names) for key, names in sets.items()}
    )


def _composed(table: pa.Table) -> pa.Table:
    return table.rename_columns([composed(name) for name in table.column_names])


def count_parquet_rows(path: Path) -> int:
    """Rows of a Parquet file, which says so itself."""
    return int(open_parquet(path).metadata.num_rows)


def part_of_parquet(path: Path, place: Path) -> None:
    """Write the first rows of some row groups as `place`."""
    import pyarrow.parquet as pq

    file = open_parquet(
        path, SIP
    )  # of a column that is a row group of a million rows, only the beginning is read
    groups = file.metadata.num_row_groups
    rows = max(1, CELLS // max(1, file.metadata.num_columns) // 3)
    chosen = sorted({0, groups // 2, groups - 1}) if groups else []
    parts = [_first_rows(file, group, rows) for group in chosen] or [file.schema_arrow.empty_table()]
    pq.write_table(pa.concat_tables(parts), place)


def _first_rows(file: Any, group: int, rows: int) -> pa.Table:
    batch = next(file.iter_batches(batch_size=rows, row_groups=[group]), None)
    return file.schema_arrow.empty_table() if batch is None else pa.Table.from_batches([batch], batch.schema)


def checked_schema(path: Path, column: str | None) -> pa.Schema:
    """Schema of a file whose names are fit for use."""
    schema = open_parquet(path).schema_arrow
    names = [composed(name) for name in schema.names]
    check_names(names, path)
    if column is not None:
        check_named(column, names, path)
    return schema


def open_parquet(path: Path, buffer: int = 0) -> Any:
    """Open a file, with one message where it is none; read in sips of `buffer` bytes, default: whole columns."""
    import pyarrow.parquet as pq

    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes), not a Parquet file")
    try:
        # Buffered ahead, all that was read of a file would be held until its end.
        return pq.ParquetFile(path, buffer_size=buffer, pre_buffer=False)
    except DAMAGE as error:
        with path.open("rb") as file:
            check_foreign(path, file.read(LOOKED_AT), parquet=True)
        raise SourceError(f"{path} is not a Parquet file that can be read: {error}") from error


def _rows(path: Path, file: Any, names: list[str], column: str | None, window: Window) -> pa.Table:
    import pyarrow.dataset as ds

    if column is None:
        return file.read(columns=names)
    field = file.schema_arrow.field(column)
    is_time = pa.types.is_timestamp(field.type) or pa.types.is_date(field.type)
    if not is_time:
        return rows_between(with_times(plain(file.read(columns=names), path), path, column), column, window)
    data = ds.dataset([str(path)], format="parquet")
    name = ds.field(column)
    if data.count_rows(filter=name.is_null()):
        times = data.to_table(columns=[column])[column]
        raise SourceError(bad_time(path, column, pc.index(times.is_null(), True).as_py(), None, field.type))
    start, end = (_literal(moment, field.type) for moment in window)
    wanted = None if start is None else name >= start
    if end is not None:
        wanted = name < end if wanted is None else wanted & (name < end)
    return data.to_table(columns=names, filter=wanted)


def _aside(file: Any, schema: pa.Schema, columns: Columns) -> dict[str, str]:
    """Columns that are an index, or that the recipe leaves out and no model could use."""
    aside = {}
    for field in schema:
        if field.name in columns.named:
            continue
        if field.name in columns.excluded and is_unusable(field.type):
            aside[field.name] = "left out by the recipe, and neither numbers nor text"
        elif WRITTEN_BY_PANDAS.fullmatch(field.name):
            aside[field.name] = REASON
    return aside


def _counts(file: Any, names: list[str], columns: Columns) -> frozenset[str]:
    """Columns of the whole file that look like an index."""
    return frozenset(
        name
        for name in names
        if name not in columns.named
        and may_be_index(name)
        and is_index(name, file.read(columns=[name])[name])
    )


def _forms(file: Any, names: list[str], schema: pa.Schema, columns: Columns) -> dict[str, Form]:
    """Text columns of the whole file that hold numbers, not written plainly or with cells that are none.

    Plain digits stay text: whoever wrote them as text into a typed file meant codes; fractions and negative
    numbers are none.
    """
    texts = [
        name
        for name in names
        if _is_text(schema.field(name).type) and name not in columns.texts | columns.categories
    ]
    if not texts or not file.metadata.num_rows:
        return {}
    first = next(file.iter_batches(batch_size=1_000, columns=texts))
    likely = [name for name in texts if form_of(pa.chunked_array([_text(first[name])])) is not None]
    whole = pa.table({name: _text(file.read(columns=[name])[name]) for name in likely})
    return {name: form for name, form in forms_of(whole).items() if not _is_code(whole[name], form)}


def _is_code(column: pa.ChunkedArray, form: Form) -> bool:
    known = pc.unique(pc.utf8_trim_whitespace(column.drop_null()))
    if form.name != "plain" or not pc.all(pc.match_substring_regex(known, PLAIN)).as_py():
        return form.name == "plain" and _leads(known)
    measures = pc.any(pc.match_substring_regex(known, MEASURE)).as_py()
    unsigned = pc.replace_substring_regex(known, r"^\+", "")
    # 1.1 and 1.10 are two chapters, and one number.
    return not measures or len(pc.unique(unsigned.cast(pa.float64()))) < len(known) or _leads(known)


def _leads(known: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring_regex(known, LEADING_ZERO)).as_py())


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _text(column: Any) -> Any:
    return column.cast(pa.string())


def _literal(moment: datetime | None, kind: pa.DataType) -> pa.Scalar | None:
    if moment is None:
        return None
    if pa.types.is_timestamp(kind) and kind.tz:
        return pa.scalar(moment.replace(tzinfo=UTC), pa.timestamp("us", kind.tz))
    return pa.scalar(moment, TIME)
