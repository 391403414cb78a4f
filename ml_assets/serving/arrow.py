"""Requests and answers as columns: Arrow's stream, for many rows at once."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ml_assets.names import WITHOUT
from ml_assets.registry.standard import RawRows
from ml_assets.serving.answer import breaks
from ml_assets.serving.body import RequestError, leaves_out, read_time
from ml_assets.serving.handed import stream
from ml_assets.shown import shown

if TYPE_CHECKING:
    import pyarrow as pa

    from ml_assets.serving.live import Served

MEDIA_TYPE: Final = "application/vnd.apache.arrow.stream"


def read_table(
    content: bytes,
    known: RawRows,
    most_rows: int,
    *,
    whole: bool = False,
    fill: Callable[[pa.Table], pa.Table] | None = None,
) -> pa.Table:
    """Read the rows of a request, which hold the columns that are wanted; others are left out, but of the `whole`.

    What `fill` gives back has the columns that the rows lacked.

    Raises
    ------
    RequestError
        400 where it is no such stream, 413 of too many rows, 415 where it is compressed, 422 where a column is absent.
    """
    import pyarrow as pa

    try:
        _see_plain(content)
        with pa.ipc.open_stream(content) as stream:
            schema, batches, rows = stream.schema, [], 0
            for batch in stream:
                rows += batch.num_rows
                if rows > most_rows:
                    raise RequestError(413, "too_many_rows", f"{most_rows:,} rows at most in one request")
                batches.append(batch)
        table = pa.Table.from_batches(batches, schema)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, KeyError, struct.error) as error:
        raise RequestError(
            400, "no_arrow", f"the body is no stream of Arrow: {shown(str(error), 200)}"
        ) from None
    if not table.num_rows:
        raise RequestError(422, "invalid", "at least one row is wanted")
    if fill is not None and len(set(table.column_names)) == table.num_columns:
        table = fill(table)
    for name in known.columns:
        if table.schema.names.count(name) != 1:
            raise RequestError(422, "invalid", "the column is missing, or there twice", name)
    columns = {
        name: _column(table[name], known.kinds.columns.get(name, "text"), name) for name in known.columns
    }
    if leaves_out(known) and table.schema.names.count(WITHOUT) == 1:
        columns[WITHOUT] = table[WITHOUT]
    if whole:
        names = table.schema.names
        columns = {name: table[name] for name in names if names.count(name) == 1} | columns
    return pa.table(columns)


def see_rules(served: Served, table: pa.Table) -> None:
    """Refuse rows that break a rule of the recipe; raises RequestError with status 422."""
    if served.way.rules and (broken := served.way.rules.all_in(table)):
        raise breaks(broken[0])


def columns_of(served: Served, table: pa.Table, shares: bool) -> pa.Table:
    """Predict rows that came as columns; the columns of the answer.

    Raises
    ------
    RequestError
        422 with the field, where a column is absent or a value cannot be predicted from.
    """
    import pyarrow as pa

    from ml_assets.serving.standard import RowError

    absent = [name for name in served.known.columns if name not in table.schema.names]
    if absent:
        raise RequestError(422, "invalid", "the column is missing", absent[0])
    try:
        return pa.table(served.way.table(table.select(list(served.known.columns)), shares))
    except RowError as error:
        field = None if error.column is None else f"rows[{error.row or 0}].{error.column}"
        raise RequestError(422, "invalid", str(error), field) from None


def _column(column: pa.ChunkedArray, kind: str, name: str) -> pa.ChunkedArray:
    """A column of what its kind may come as: a time without its zone, a dictionary's values in their places."""
    import pyarrow as pa

    is_kind = pa.types
    if is_kind.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if is_kind.is_string_view(column.type) or is_kind.is_large_string(column.type):
        column = column.cast(pa.string())
    if is_kind.is_decimal(column.type) or is_kind.is_float16(column.type):
        column = column.cast(pa.float64())
    found = column.type
    if is_kind.is_null(found) or is_kind.is_string(found):
        return _read_times(column, name) if kind == "time" and not is_kind.is_null(found) else column
    plain = is_kind.is_boolean(found) or is_kind.is_integer(found) or is_kind.is_floating(found)
    if kind == "time" and (is_kind.is_timestamp(found) or is_kind.is_date(found)):
        try:
            nanoseconds = is_kind.is_timestamp(found) and found.unit == "ns"
            return column.cast(pa.timestamp("us"), safe=not nanoseconds)
        except pa.ArrowInvalid:
            raise RequestError(422, "invalid", "a time is too far away", name) from None
    if kind == "time" or not plain:
        raise RequestError(422, "invalid", f"a column of the kind {kind} is wanted, found {found}", name)
    return column


def _read_times(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    import pyarrow as pa

    texts = enumerate(column.to_pylist())
    times = [None if text is None else read_time(text, f"rows[{place}].{name}") for place, text in texts]
    return pa.chunked_array([pa.array(times, pa.timestamp("us"))])


def written(answer: pa.Table, about: dict[str, str]) -> bytes:
    """Write columns of an answer as a stream, with what is said about it in the metadata of its schema."""
    return bytes(stream(answer.replace_schema_metadata(about)))


def _see_plain(content: bytes) -> None:
    """Refuse buffers that are compressed: a small body could become a very large one.

    A message says so in the field `compression`, the fourth of the table RecordBatch, the third of Message (Arrow's
    format, Message.fbs); a table of FlatBuffers begins with the way back to the list of places of its fields.
    """
    import pyarrow as pa

    reader = pa.ipc.MessageReader.open_stream(content)
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return
        if message.type not in ("record batch", "dictionary"):
            continue
        data = message.metadata.to_pybytes()
        root = struct.unpack_from("<I", data, 0)[0]
        header = _field(data, root, 2)
        if message.type == "dictionary" and header is not None:
            header = _field(data, _followed(data, header), 1)  # DictionaryBatch.data
        if header is not None and _field(data, _followed(data, header), 3) is not None:
            raise RequestError(415, "compressed", "buffers that are not compressed are wanted")


def _field(data: bytes, table: int, number: int) -> int | None:
    """Place of a table's field; None where it is not there."""
    fields = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, fields)[0]
    if 4 + 2 * number >= size:
        return None
    offset: int = struct.unpack_from("<H", data, fields + 4 + 2 * number)[0]
    return table + offset if offset else None


def _followed(data: bytes, place: int) -> int:
    return int(place + struct.unpack_from("<I", data, place)[0])
