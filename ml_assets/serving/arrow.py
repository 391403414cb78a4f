"""Requests and answers as columns: Arrow's stream, for many rows at once."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from ml_assets.registry.standard import RawRows
from ml_assets.serving.body import RequestError
from ml_assets.shown import shown

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA_TYPE: Final = "application/vnd.apache.arrow.stream"


def read_table(content: bytes, known: RawRows, most_rows: int) -> pa.Table:
    """Read the rows of a request, which hold the columns that are wanted; others are left out.

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
    for name in known.columns:
        if table.schema.names.count(name) != 1:
            raise RequestError(422, "invalid", "the column is missing, or there twice", name)
    return table.select(list(known.columns))


def written(answer: dict[str, Any], about: dict[str, str]) -> bytes:
    """Write columns of an answer as a stream, with what is said about it in the metadata of its schema."""
    import pyarrow as pa

    table = pa.table({name: pa.array(values) for name, values in answer.items()})
    table = table.replace_schema_metadata(about)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


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
