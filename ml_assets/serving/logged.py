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
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

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


class Taken(NamedTuple):
    """What the log knows of a version: the columns that it takes, and their kinds by name."""

    columns: tuple[str, ...]
    kinds: Mapping[str, str]


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
    known : RawRows or Taken
        What that version takes.
    rows : sequence of mapping, or pyarrow.Table, of n_rows
        Rows as they came, with all their columns.
    predictions : sequence or pyarrow.Table of n_rows
        As they were answered; of rows that came as columns the columns of the answer, with its probabilities.
    probabilities : sequence of mapping of n_rows, optional
    arm : str, optional
        Arm of a comparison of versions.
    way : str
        The way it was computed, as `/metadata` has it: `pipeline`, or of a compiled model.
    places : tuple of int, optional
        Places of the rows in their request; default: these are all of its rows.
    """

    number: str
    at: float
    version: int
    known: RawRows | Taken
    rows: Sequence[Mapping[str, Any]] | pa.Table
    predictions: Sequence[Any] | pa.Table
    probabilities: Sequence[Mapping[str, float]] | None = None
    arm: str | None = None
    way: str = "pipeline"
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

    tables = []
    layouts: dict[tuple[str, ...], list[Answered]] = {}
    for answer in answers:
        if isinstance(answer.rows, pa.Table):
            tables.append(_by_columns(answer))
        else:
            layouts.setdefault(getattr(answer.rows, "columns", ()), []).append(answer)
    return pa.concat_tables(tables + [_laid_out(each) for each in layouts.values()])


def _by_columns(answer: Answered) -> pa.Table:
    """Rows that came as columns, with an answer of columns."""
    import pyarrow as pa

    from ml_assets.serving import logged_columns

    known, rows, made = taken(answer.known), cast("pa.Table", answer.rows), answer.predictions
    names = [name for name in known.columns if name not in OURS]
    more = [name for name in rows.schema.names if name not in set(names)]
    columns = logged_columns.held(rows, tuple(names), known.kinds)
    rest = logged_columns.further(rows, more) if more else pa.nulls(len(rows), pa.string())
    if columns is None or rest is None:
        columns, told = _from_rows([answer._replace(rows=rows.to_pylist())])
        rest = pa.array([_JSON(each) if each else None for each in told], pa.string())
    same = {
        REQUEST: pa.scalar(answer.number),
        AT: pa.scalar(int(answer.at * 1e6)).cast(pa.timestamp("us")),
        VERSION: pa.scalar(answer.version, pa.int32()),
        ARM: pa.scalar(answer.arm, pa.string()),
        WAY: pa.scalar(answer.way),
    }
    shares = logged_columns.shares(made)
    own = {
        PLACE: pa.array(answer.places or range(len(rows)), pa.int32()),
        PREDICTION: logged_columns.predictions(made),
        PROBABILITIES: pa.nulls(len(rows), pa.string()) if shares is None else shares,
        REST: rest,
    }
    ours = {name: pa.repeat(value, len(rows)) for name, value in same.items()} | own
    return pa.table({**{name: ours[name] for name in OURS}, **columns})


def _laid_out(answers: Sequence[Answered]) -> pa.Table:
    """Rows that came one by one, all as values of the same columns or all as objects."""
    import msgspec
    import pyarrow as pa

    columns, rest = _from_rows(answers)
    written = msgspec.json.Encoder(enc_hook=plain).encode
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
        REST: pa.array([_JSON(more) if more else None for more in rest], pa.string()),
    }
    return pa.table({**ours, **columns})


def _from_rows(answers: Sequence[Answered]) -> tuple[dict[str, pa.Array], list[dict[str, Any]]]:
    """Columns of the model, and what they do not hold."""
    known = taken(answers[0].known)
    names = [name for name in known.columns if name not in OURS]
    held = set(names)
    came = getattr(answers[0].rows, "columns", None)
    if came is not None and len(set(came)) == len(came):
        values = [row for answer in answers for row in answer.rows.values]  # type: ignore[union-attr]  # `body.Came`
        by_name = dict(zip(came, zip(*values, strict=True), strict=True))
        rest: list[dict[str, Any]] = [{} for _ in values]
        further = [name for name in came if name not in held]
    else:
        rows = [row for answer in answers for row in answer.rows]
        by_name = {name: [row.get(name) for row in rows] for name in names}
        rest = [
            {name: value for name, value in row.items() if name not in held}
            if len(row) > len(names) or row.keys() - held
            else {}
            for row in rows
        ]
        further = []
    for name in further:
        for more, value in zip(rest, by_name[name], strict=True):
            more[name] = value
    columns = {name: _column(name, known.kinds.get(name), by_name[name], rest) for name in names}
    return columns, rest


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
    row = {name: _as_json(value) for name, value in line.items() if name not in OURS}
    rest: dict[str, Any] = json.loads(line[REST] or "{}")
    return row | rest


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and math.isnan(value) else value


def _column(name: str, kind: str | None, values: Sequence[Any], rest: list[dict[str, Any]]) -> pa.Array:
    """One column of the model, of shape (n_rows,); what it does not hold exactly is added to `rest`."""
    import pyarrow as pa

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


def plain(value: Any) -> Any:
    """A number of numpy as Python's own, of anything else its text: for JSON."""
    item = getattr(value, "item", None)
    return item() if item is not None else str(value)


_JSON: Final = json.JSONEncoder(default=plain, separators=(",", ":")).encode
"""In ASCII, with numbers that come back bit for bit."""


def taken(known: Any) -> Taken:
    """What the log has to know of a version, of what it takes (`RawRows`)."""
    if isinstance(known, Taken):
        return known
    return Taken(tuple(known.columns), dict(known.kinds.columns))
