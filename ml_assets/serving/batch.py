"""Predictions for a whole source, part by part: memory stays the same however many rows there are.

Each part of the rows becomes one part of the output, written in one move; then a line of the journal says of which
content, by its hash, it was made. Asked again after a kill, the source is read again and a part is predicted only where
the journal does not have its content: no row is missing, none is there twice, whatever order a database gives them in.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml_assets.failures import MendableError
from ml_assets.shown import listed
from ml_assets.sources.arrow import cast, common_type
from ml_assets.store.json_file import DamagedError, read_json, write_json

if TYPE_CHECKING:
    import pyarrow as pa

    from ml_assets.serving.ways import Way
    from ml_assets.store.places import Place

VERSION = "model_version"
RULE = "breaks_rule"
"""Column of the output that says which rule a row breaks, where the recipe has any."""
PART: Final = "part-{:06d}.parquet"


class BatchError(MendableError):
    """A batch inference that cannot go on."""


@dataclass(frozen=True)
class Done:
    """What a batch inference has come to."""

    rows: int
    parts: int
    predicted: int
    """Parts that were predicted now; the others were there."""
    broken: int
    """Rows that break a rule of the recipe, which get no prediction."""
    seconds: float


class Journal:
    """Which parts are written, and of which rows.

    Parameters
    ----------
    path : Path
    asked : mapping
        Model, source, output: where another inference was asked for, its parts do not count.
    """

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        self.path = path
        self.asked = dict(asked)
        self.parts: dict[str, str] = {}
        try:
            known = dict(read_json(path)) if path.exists() else {}
        except DamagedError:  # all is predicted anew
            known = {}
        if known.get("asked") == self.asked:
            self.parts = dict(known["parts"])

    def has(self, name: str, digest: str) -> bool:
        """Whether a part was made of these rows."""
        return self.parts.get(name) == digest

    def add(self, name: str, digest: str) -> None:
        """Keep that a part is written."""
        self.parts[name] = digest
        write_json(self.path, {"asked": self.asked, "parts": self.parts})


def infer(
    tables: Iterable[pa.Table],
    way: Way,
    version: int,
    place: Place,
    journal: Journal,
    tell: Callable[[int], None],
) -> Done:
    """Predict tables one after the other, and write a part of the output for each.

    Parameters
    ----------
    tables : iterable of pyarrow.Table of shape (n_rows, n_columns)
        Rows as they come.
    way : Way
        How the version answers.
    version : int
        Number of the version, which each row gets beside its prediction.
    place : Place
        Where parts are written.
    journal : Journal
        What was written before.
    tell : callable
        Told the rows after each part.

    Raises
    ------
    BatchError
        A row cannot be predicted, with its place; or a column is called as one of ours.
    """
    began, rows, predicted, broken, names = time.monotonic(), 0, 0, 0, []
    for number, table in enumerate(tables):
        name, digest = PART.format(number), _digest(table)
        if not (journal.has(name, digest) and place.exists(name)):
            place.write(name, _parquet(_predicted(table, way, version, rows)))
            journal.add(name, digest)
            predicted += 1
        if way.rules:
            broken += _broken_in(place, name)
        names.append(name)
        rows += table.num_rows
        tell(rows)
    for old in place.names(""):
        if old.startswith("part-") and old.endswith(".parquet") and old not in names:
            place.delete(old)
    return Done(rows, len(names), predicted, broken, time.monotonic() - began)


def whole(place: Place, output: Path, as_csv: bool) -> None:
    """Make one file of all parts, in their order and in types that hold all of them; in one move.

    Parameters
    ----------
    place : Place
    output : Path
    as_csv : bool
        Else Parquet.
    """
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    names = sorted(name for name in place.names("") if name.startswith("part-"))
    if not names:
        raise BatchError("the source has no row")
    schema = _schema([pq.read_schema(io.BytesIO(place.read(name) or b"")) for name in names])
    if as_csv:
        schema = _of_text(schema)
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        writer = (
            pa_csv.CSVWriter(temporary, schema)
            if as_csv
            else pq.ParquetWriter(temporary, schema, **_packed(schema))
        )
        with writer:
            for name in names:
                table = pq.read_table(io.BytesIO(place.read(name) or b""))
                writer.write_table(_in_types(table, schema), 1 << 20)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)


def _schema(schemas: list[pa.Schema]) -> pa.Schema:
    import pyarrow as pa

    names = list(dict.fromkeys(name for schema in schemas for name in schema.names))
    kinds = {name: [schema.field(name).type for schema in schemas if name in schema.names] for name in names}
    return pa.schema([(name, common_type(found, found)) for name, found in kinds.items()])


def _of_text(schema: pa.Schema) -> pa.Schema:
    """Types that a CSV file can hold: a list becomes its JSON."""
    import pyarrow as pa

    text = pa.string()
    return pa.schema([(field.name, text if _is_list(field.type) else field.type) for field in schema])


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _as_type(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    import pyarrow as pa

    if not _is_list(column.type) or _is_list(kind):
        return cast(column, kind)
    texts = [
        None if values is None else json.dumps(values, ensure_ascii=False, default=str)
        for values in column.to_pylist()
    ]
    return pa.chunked_array([pa.array(texts, kind)])


def _in_types(table: pa.Table, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    columns = [
        _as_type(table[field.name], field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def _predicted(table: pa.Table, way: Way, version: int, before: int) -> pa.Table:
    """Rows with what was predicted of them."""
    import numpy as np
    import pyarrow as pa

    from ml_assets.serving.standard import RowError

    if absent := [name for name in way.known.columns if name not in table.column_names]:
        raise BatchError(f"the rows lack {listed(absent)} (found {listed(table.column_names)})")
    told = _told(table, way) if way.rules else [None] * table.num_rows
    sound = np.array([words is None for words in told])
    places = np.flatnonzero(sound) if sound.any() else np.array([0])  # of one at least: for the types
    try:
        made = way.table(table if sound.all() else table.take(places), way.shares)
    except RowError as error:
        if error.row is None:
            raise BatchError(str(error)) from None
        row = f"row {before + places[error.row] + 1:,}"
        text = re.sub(rf"(?<!['\w])row {error.row}\b", row, str(error), count=1)
        raise BatchError(f"{text} (rows of the source are counted from 1)") from None
    columns = {name: pa.array(values, from_pandas=True) for name, values in made.items()}
    if not sound.all():
        spread = pa.array(np.cumsum(sound) - 1, mask=~sound)
        columns = {name: values.take(spread) for name, values in columns.items()}
    columns[VERSION] = pa.array(np.full(table.num_rows, version, np.int64))
    if way.rules:
        columns[RULE] = pa.array(told, pa.string())
    if taken := [name for name in columns if name in table.column_names]:
        raise BatchError(
            f"the source has columns that the output adds itself, {listed(taken)}: rename them there"
        )
    for name, values in columns.items():
        table = table.append_column(name, values)
    return table


def _told(table: pa.Table, way: Way) -> list[str | None]:
    """Say of each row which rules it breaks."""
    told: list[str | None] = [None] * table.num_rows
    for row, column, words in way.rules.all_in(table):
        told[row] = "; ".join(filter(None, (told[row], f"{column}: {words}")))
    return told


def _broken_in(place: Place, name: str) -> int:
    """Rows of a part that break a rule."""
    import pyarrow.parquet as pq

    column = pq.read_table(io.BytesIO(place.read(name) or b""), columns=[RULE])[RULE]
    return int(len(column) - column.null_count)


def _digest(table: pa.Table) -> str:
    """Hash of what a table holds."""
    import pyarrow as pa

    sink = _Hashed()
    with pa.PythonFile(sink, mode="w") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return sink.sha256.hexdigest()


class _Hashed(io.RawIOBase):
    """A file that keeps nothing but the hash of what is written."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.sha256.update(content)
        return len(memoryview(content).cast("B"))


def _parquet(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, **_packed(table.schema))
    return buffer.getvalue()


def _packed(schema: pa.Schema) -> dict[str, Any]:
    """How Parquet is written: texts by a dictionary, numbers as they are, which costs a half and takes no more room."""
    import pyarrow as pa

    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    return {"compression": "zstd", "use_dictionary": texts or False}


def key_of(asked: Mapping[str, Any]) -> str:
    """Name for what an inference keeps while it is under way: by its output, so that two never write to one."""
    return hashlib.sha256(json.dumps(asked["output"]).encode()).hexdigest()[:16]
