"""Answers that came as columns, in the log: laid out column by column, since they may be a million rows a second."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

SHARE: Final = "probability_"
"""Begins the names of an answer's columns of probabilities."""
LABEL: Final = "prediction"
"""Name of its column of predictions; of several targets `prediction_NAME`."""


def held(rows: pa.Table, columns: tuple[str, ...], kinds: Mapping[str, str]) -> dict[str, pa.Array] | None:
    """Columns of the model as a segment has them; None where one is not held exactly as it came."""
    import pyarrow as pa

    found = {}
    for name in columns:
        if rows.schema.names.count(name) != 1:
            return None
        column = rows[name]
        wanted = {"number": pa.float64(), "time": pa.timestamp("us")}.get(kinds.get(name, ""), pa.string())
        exact = column.type in (wanted, pa.null()) or (wanted == pa.float64() and _is_number(column.type))
        if not exact:
            return None
        try:
            found[name] = column.cast(wanted)
        except pa.ArrowInvalid:  # a whole number that no float is
            return None
    return found


def further(rows: pa.Table, names: list[str]) -> pa.Array | None:
    """Columns beside the model's as one of JSON; None where one cannot be told so."""
    import pyarrow as pa

    told = {}
    for name in names:
        kind = rows[name].type
        if not (pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_boolean(kind)):
            return None
        told[name] = as_json(rows[name])
    return objects(told)


def predictions(answer: pa.Table) -> pa.Array:
    """Predictions of an answer as JSON, of several targets an object for each row."""
    names = [name for name in answer.column_names if not name.startswith(SHARE)]
    if names == [LABEL]:
        return as_json(answer[LABEL])
    return objects({name.removeprefix(f"{LABEL}_"): as_json(answer[name]) for name in names})


def shares(answer: pa.Table) -> pa.Array | None:
    """Probabilities of an answer as JSON, an object for each row; None where it has none."""
    names = [name for name in answer.column_names if name.startswith(SHARE)]
    return objects({name.removeprefix(SHARE): as_json(answer[name]) for name in names}) if names else None


def as_json(column: pa.ChunkedArray) -> pa.Array:
    """Values of a column as JSON, whose numbers come back bit for bit; what JSON has no word for is null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = column.combine_chunks()
    kind = column.type
    if pa.types.is_floating(kind):
        column = column.cast(pa.float64())
        texts = column.cast(pa.string())
        if pc.any(
            pc.equal(pc.floor(column), column)
        ).as_py():  # 1.0 is written as 1, which comes back as another type
            whole = pc.invert(pc.match_substring_regex(texts, "[.e]"))
            texts = pc.if_else(whole, pc.binary_join_element_wise(texts, "0", "."), texts)
        return pc.if_else(pc.fill_null(pc.is_finite(column), False), texts, "null")
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return pc.fill_null(column.cast(pa.string()), "null")
    known = pc.dictionary_encode(column)
    texts = [json.dumps(value, default=str) for value in known.dictionary.to_pylist()]
    return pc.fill_null(pa.array(texts, pa.string()).take(known.indices), "null")


def objects(columns: Mapping[str, pa.Array]) -> pa.Array:
    """Columns of JSON as one of objects."""
    import pyarrow.compute as pc

    parts: list[Any] = []
    for place, (name, column) in enumerate(columns.items()):
        parts += [("," if place else "{") + json.dumps(name) + ":", column]
    joined: Callable[..., Any] = pc.binary_join_element_wise
    return joined(*parts, "}", "")


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_float32(kind))
