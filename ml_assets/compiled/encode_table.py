"""Rows that come as columns (Arrow) to numbers and codes of levels, without a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml_assets.compiled import times
from ml_assets.compiled.encode import MOST, Encoder, UnusualError

Array = NDArray[Any]


def encode_table(encoder: Encoder, rows: pa.Table) -> tuple[Array, Array]:
    """Encode a table of shape (n_rows, n_columns), as `Encoder.rows` does rows.

    Raises
    ------
    UnusualError
        If a column is of a kind that cleaning has to look at.
    """
    V = np.empty((rows.num_rows, len(encoder.spec.numbers)))
    for k, number in enumerate(encoder.spec.numbers):
        column = rows[number.column]
        if number.part is None:
            V[:, k] = encoder.without_missing(_numbers(column))
        else:
            V[:, k] = times.part(_times(column), number.part)
    C = np.empty((rows.num_rows, len(encoder.spec.categories)), dtype=np.intp)
    for k, category in enumerate(encoder.spec.categories):
        C[:, k] = _codes(encoder, k, rows[category.column])
    return V, C


def _numbers(column: pa.ChunkedArray) -> Array:
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise UnusualError("a number in words")
    values = np.array(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    if (np.abs(values) > MOST).any():
        raise UnusualError("a number is too large")
    return values


def _times(column: pa.ChunkedArray) -> Array:
    if not (pa.types.is_timestamp(column.type) or pa.types.is_null(column.type)):
        raise UnusualError("a time in words")
    return np.asarray(column.cast(pa.timestamp("us"), safe=False).to_numpy(), dtype="M8[us]")


def _codes(encoder: Encoder, place: int, column: pa.ChunkedArray) -> Array:
    """Look each different value up once."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    if pa.types.is_null(kind):
        return np.full(len(column), encoder.code(place, None), dtype=np.intp)
    if not (
        pa.types.is_string(column.type)
        or pa.types.is_large_string(column.type)
        or pa.types.is_boolean(column.type)
        or pa.types.is_integer(column.type)
        or pa.types.is_floating(column.type)
    ):
        raise UnusualError("a level of another kind")
    known = pc.dictionary_encode(column.combine_chunks())
    table = [encoder.code(place, _plain(value)) for value in known.dictionary.to_pylist()]
    codes = np.array([*table, encoder.code(place, None)], dtype=np.intp)
    places = known.indices.fill_null(len(table)).to_numpy(zero_copy_only=False)
    return np.asarray(codes[places])


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value
