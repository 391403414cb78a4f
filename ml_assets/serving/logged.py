"""What the log of predictions keeps of an answer: the columns of its segments, and the way back to the rows.

A segment is a table that any reader of Parquet understands: the columns of the model with their kinds, and columns of
ours. What a column cannot hold exactly (a text where a number was expected, a column that the model does not look at)
stands in `rest__` as JSON, so that each row comes back as it came.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

    from ml_assets.registry.standard import RawRows

REQUEST, PLACE, AT, VERSION, ARM, WAY = "request__", "place__", "at__", "version__", "arm__", "way__"
PREDICTION, PROBABILITIES, REST = "prediction__", "probabilities__", "rest__"
OURS: Final = (REQUEST, PLACE, AT, VERSION, ARM, WAY, PREDICTION, PROBABILITIES, REST)
"""Columns of a segment beside those of the model: id of the request, place of the row in it, when, which version, its
arm of a comparison, the way it was computed; prediction and probabilities as JSON, and the rest of the row."""
NUMBERS: Final = frozenset({int, float, type(None)})
TEXTS: Final = frozenset({str, type(None)})
EXACT: Final = 2**53
"""Whole numbers up to this are the same as floats."""


class Answered(NamedTuple):
    """One request that was answered.

    Parameters
    ----------
    number : str
        Id of the request.
    at : float
        Seconds since 1970, in UTC.
    version : int
        Version that answered.
    known : RawRows
        What that version takes.
    rows : sequence of mapping, or pyarrow.Table or RecordBatch, of n_rows
        Rows as they came, with all their columns.
    predictions : sequence of n_rows
        As they were answered.
    probabilities : sequence of mapping of n_rows, optional
    arm : str, optional
        Arm of a comparison of versions.
    way : str
        The way it was computed, as `/metadata` has it: `pipeline`, or of a compiled model.
    size : int
        Bytes of the request, by which the queue is bounded.
    places : tuple of int, optional
        Places of the rows in their request; default: these are all of its rows.
    """

    number: str
    at: float
    version: int
    known: RawRows
    rows: Sequence[Mapping[str, Any]]
    predictions: Sequence[Any]
    probabilities: Sequence[Mapping[str, float]] | None = None
    arm: str | None = None
    way: str = "pipeline"
    size: int = 0
    places: tuple[int, ...] | None = None


class Logged(NamedTuple):
    """One request as it was found in the log; version, arm and way are those of its first row."""

    number: str
    at: str
    version: int
    arm: str | None
    way: str
    rows: list[dict[str, Any]]
    predictions: list[Any]
    probabilities: list[dict[str, float]] | None
    made_by: list[tuple[int, str]]
    """Version and way of each row: where versions are compared, rows of one request have several."""


def table_of(answers: Sequence[Answered]) -> pa.Table:
    """Lay answers of one version out as the table of a segment, one row for each row of a request."""
    import pyarrow as pa

    tables, others = [], []
    for answer in answers:
        columns = _as_it_is(answer)
        if columns is None:
            others.append(answer)
        else:
            tables.append(_laid_out([answer], columns, [{}] * len(answer.predictions)))
    if others:
        tables.append(_laid_out(others, *_from_rows(others)))
    return pa.concat_tables(tables)


def _as_it_is(answer: Answered) -> dict[str, pa.ChunkedArray] | None:
    """Columns of rows that came as columns and are held exactly as they are; None where that is not so."""
    import pyarrow as pa

    table, known = answer.rows, answer.known
    if not isinstance(table, pa.Table) or {*table.schema.names} != {*known.columns} - {*OURS}:
        return None
    columns = {}
    for name in table.schema.names:
        column, kind = table[name], known.kinds.columns.get(name)
        wanted = {"number": pa.float64(), "time": pa.timestamp("us")}.get(str(kind), pa.string())
        if column.type not in (wanted, pa.null()):
            return None
        columns[name] = column.cast(wanted)
    return {name: columns[name] for name in known.columns if name in columns}


def _from_rows(answers: Sequence[Answered]) -> tuple[dict[str, pa.Array], list[dict[str, Any]]]:
    """Columns of the model from row by row, and what they do not hold."""
    known = answers[0].known
    rows = [row for answer in answers for row in _dicts(answer.rows)]
    rest: list[dict[str, Any]] = [{} for _ in rows]
    names = [name for name in known.columns if name not in OURS]
    columns = {name: _column(name, known.kinds.columns.get(name), rows, rest) for name in names}
    held = set(names)
    for row, more in zip(rows, rest, strict=True):
        if len(row) > len(names) or row.keys() - held:
            more.update({name: value for name, value in row.items() if name not in held})
    return columns, rest


def _laid_out(
    answers: Sequence[Answered], columns: Mapping[str, Any], rest: Sequence[Mapping[str, Any]]
) -> pa.Table:
    """Columns of the model beside those of ours."""
    import msgspec
    import pyarrow as pa

    written = msgspec.json.Encoder(enc_hook=_other).encode
    whole = [answer for answer in answers for _ in answer.predictions]
    places = [place for answer in answers for place in answer.places or range(len(answer.predictions))]
    made = [value for answer in answers for value in answer.predictions]
    shares: list[Mapping[str, float] | None] = []
    for answer in answers:
        shares += answer.probabilities or [None] * len(answer.predictions)
    ours = {
        REQUEST: pa.array([answer.number for answer in whole], pa.string()),
        PLACE: pa.array(places, pa.int32()),
        AT: pa.array([int(answer.at * 1e6) for answer in whole], pa.int64()).cast(pa.timestamp("us")),
        VERSION: pa.array([answer.version for answer in whole], pa.int32()),
        ARM: pa.array([answer.arm for answer in whole], pa.string()),
        WAY: pa.array([answer.way for answer in whole], pa.string()),
        PREDICTION: pa.array([written(value) for value in made], pa.string()),
        PROBABILITIES: pa.array([None if one is None else written(one) for one in shares], pa.string()),
        REST: pa.array([_json(more) if more else None for more in rest], pa.string()),
    }
    return pa.table({**ours, **columns})


def request_of(tables: Iterable[pa.Table]) -> Logged | None:
    """Put a request together from the rows that a log has of it; None where it has none."""
    found: dict[int, dict[str, Any]] = {}
    for table in tables:
        for row in table.to_pylist():
            found.setdefault(row[PLACE], row)
    if not found:
        return None
    lines = [found[place] for place in sorted(found)]
    first = lines[0]
    shares = [json.loads(line[PROBABILITIES]) for line in lines if line[PROBABILITIES] is not None]
    return Logged(
        first[REQUEST],
        first[AT].replace(tzinfo=UTC).isoformat(timespec="milliseconds"),
        first[VERSION],
        first[ARM],
        first[WAY],
        [row_of(line) for line in lines],
        [json.loads(line[PREDICTION]) for line in lines],
        shares or None,
        [(line[VERSION], line[WAY]) for line in lines],
    )


def row_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """Give back a row as it came, as JSON has it, of a line of the log."""
    row = {name: _plain(value) for name, value in line.items() if name not in OURS}
    rest: dict[str, Any] = json.loads(line[REST] or "{}")
    return row | rest


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and math.isnan(value) else value


def _dicts(rows: Any) -> Sequence[Mapping[str, Any]]:
    dicts: Sequence[Mapping[str, Any]] = rows.to_pylist() if hasattr(rows, "to_pylist") else rows
    return dicts


def _column(
    name: str, kind: str | None, rows: Sequence[Mapping[str, Any]], rest: list[dict[str, Any]]
) -> pa.Array:
    """One column of the model, of shape (n_rows,); what it does not hold exactly is added to `rest`."""
    import pyarrow as pa

    values = [row.get(name) for row in rows]
    if kind == "number":
        if not set(map(type, values)) <= NUMBERS:
            values = [
                _else(value, (int, float), name, more) for value, more in zip(values, rest, strict=True)
            ]
        return pa.array([None if value is None else _float(value) for value in values], pa.float64())
    if kind == "time":
        times = [_time(value, name, more) for value, more in zip(values, rest, strict=True)]
        return pa.array(times, pa.timestamp("us"))
    if not set(map(type, values)) <= TEXTS:
        values = [_else(value, (str,), name, more) for value, more in zip(values, rest, strict=True)]
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:  # half of a pair of characters, which JSON can say and no text can hold
        return pa.array(
            [_whole(value, name, more) for value, more in zip(values, rest, strict=True)], pa.string()
        )


def _else(value: Any, kinds: tuple[type, ...], name: str, rest: dict[str, Any]) -> Any:
    """The value where it is of a kind that the column holds; else it goes to the rest, and its text to the column."""
    if value is None or type(value) in kinds:
        return value
    rest[name] = value
    if str in kinds:
        return json.dumps(value, default=str) if not isinstance(value, (bytes, datetime)) else str(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _time(value: Any, name: str, rest: dict[str, Any]) -> Any:
    """A time in UTC; what is none goes to the rest."""
    import pandas as pd

    if value is None:
        return None
    try:
        time = pd.Timestamp(value)
        time = time.tz_convert("UTC").tz_localize(None) if time.tzinfo is not None else time
        rest_of = None if pd.isna(time) else time.to_pydatetime(warn=False)
    except (ValueError, TypeError, OverflowError):
        rest_of = None
    if rest_of is None:
        rest[name] = value
    return rest_of


def _whole(value: str | None, name: str, rest: dict[str, Any]) -> str | None:
    if value is None:
        return None
    text = value.encode("utf-8", "replace").decode()
    if text != value:
        rest[name] = value
    return text


def _json(value: Any) -> str:
    """JSON in ASCII, whose numbers come back bit for bit."""
    return json.dumps(value, default=_other, separators=(",", ":"))


def _other(value: Any) -> Any:
    item = getattr(value, "item", None)
    return item() if item is not None else str(value)
