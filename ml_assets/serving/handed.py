"""Answers as bytes: what waits for the log needs no more memory than they, and another process can write it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ml_assets.serving.body import Came
from ml_assets.serving.logged import Answered, Taken, plain

if TYPE_CHECKING:
    import pyarrow as pa

VALUES, COLUMNS, OBJECTS = "values", "columns", "objects"
"""How the rows came: values in the order of columns, columns of Arrow, or objects of whatever is in them."""
_PACK: Final = msgspec.msgpack.Encoder().encode
_UNPACK: Final = msgspec.msgpack.Decoder(
    tuple[str, str, float, int, str | None, str, tuple[int, ...] | None, Any, Any, Any, Any]
).decode
_JSON: Final = json.JSONEncoder(default=plain, separators=(",", ":")).encode


def packed(answer: Answered) -> bytes:
    """Make bytes of an answer, whose numbers and texts come back as they were."""
    rows, made, shares = answer.rows, answer.predictions, answer.probabilities
    number, at, version, known, arm, way, places = (
        *(answer.number, answer.at, answer.version, answer.known),
        *(answer.arm, answer.way, answer.places),
    )
    if isinstance(rows, Came):
        columns = None if rows.columns is known.columns else rows.columns
        try:
            return _PACK((VALUES, number, at, version, arm, way, places, columns, rows.values, made, shares))
        except (OverflowError, TypeError, UnicodeEncodeError):
            pass  # a whole number beyond 64 bits, numbers of numpy
    elif not isinstance(rows, Sequence):
        if not isinstance(made, Sequence):
            parts = (memoryview(stream(rows)), memoryview(stream(made)))
            return _PACK((COLUMNS, number, at, version, arm, way, places, None, *parts, None))
        rows = rows.to_pylist()
    objects = (_JSON(list(rows)), _JSON(list(made)), _JSON(shares))
    return _PACK((OBJECTS, number, at, version, arm, way, places, None, *objects))


def unpacked(content: bytes, known: Taken) -> Answered:
    """Read an answer again, of a version that takes what is known of it."""
    kind, number, at, version, arm, way, places, columns, *parts = _UNPACK(content)
    rows, made, shares = parts
    if kind == VALUES:
        rows = Came(known.columns if columns is None else tuple(columns), rows)
    elif kind == COLUMNS:
        rows, made = _table(rows), _table(made)
    else:
        rows, made, shares = json.loads(rows), json.loads(made), json.loads(shares)
    return Answered(number, at, version, known, rows, made, shares, arm, way, places)


def stream(table: pa.Table) -> pa.Buffer:
    """Make a stream of Arrow of a table."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _table(content: bytes) -> pa.Table:
    import pyarrow as pa

    with pa.ipc.open_stream(content) as found:
        return found.read_all()
