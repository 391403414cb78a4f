"""Digests of rows: equal where the values are, in whatever order, file or type they came."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.sources.arrow import TIME

Hashes = npt.NDArray[np.uint64]

EXACT = 15
"""Digits that a float keeps: longer numbers are compared as text."""


def row_hashes(table: pa.Table) -> Hashes:
    """Hash each row by the names and values of its cells; an empty cell is as none.

    So a column of empty cells, or one that is not there, is no difference; nor is 1 beside 1.0 and "1".
    Hashes add up: the digest of rows is the sum of theirs, so their order and the files they lie in do not
    matter.

    Returns
    -------
    array of shape (n_rows,)
        Unsigned, modulo 2^64.
    """
    rows = np.zeros(table.num_rows, dtype=np.uint64)
    # `column_names` is a new list each time: asked for each of thousands of columns it would take seconds.
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count < len(column):
            rows += _cell_hashes(column, np.uint64(_number(name)))
    return _mixed(rows)


def digest(table: pa.Table) -> int:
    """Sum of the hashes of all rows, modulo 2^64."""
    return int(row_hashes(table).sum(dtype=np.uint64))


def _cell_hashes(column: pa.ChunkedArray, name: np.uint64) -> Hashes:
    values = _values(column)
    if isinstance(values, pa.Array):
        encoded = pc.dictionary_encode(values, null_encoding="encode")
        of_values = np.array([_text_hash(text) for text in encoded.dictionary.to_pylist()], dtype=np.uint64)
        cells = of_values[encoded.indices.to_numpy()]
        there = values.is_valid().to_numpy(zero_copy_only=False)
    else:
        cells = (values + 0.0).view(np.uint64)  # -0.0 becomes 0.0
        there = ~np.isnan(values)
    return np.where(there, _mixed(_mixed(cells) ^ name), np.uint64(0))


def _values(column: pa.ChunkedArray) -> pa.Array | npt.NDArray[np.float64]:
    """Values as floats where they are numbers or times that a float can hold, else as text."""
    kind, types = column.type, pa.types
    if types.is_timestamp(kind):
        column = column.cast(TIME, safe=False).cast(pa.int64())
    elif types.is_integer(kind) and _digits(column) > EXACT:
        return column.cast(pa.string()).combine_chunks()
    elif types.is_string(kind):
        return column.combine_chunks()
    elif not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def _digits(column: pa.ChunkedArray) -> int:
    ends = pc.min_max(column)
    return max(len(str(ends[end].as_py()).lstrip("-")) for end in ("min", "max"))


def _text_hash(text: str | None) -> int:
    if text is None:
        return 0
    try:
        number = float(text)
    except ValueError:
        return _number(text)
    exact = len(text) <= EXACT or repr(number) == text
    return int(np.float64(number + 0.0).view(np.uint64)) if exact else _number(text)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _mixed(values: Hashes) -> Hashes:
    """Spread each number over 64 bits: the finalizer of splitmix64 (Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
