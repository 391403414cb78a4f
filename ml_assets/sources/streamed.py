"""Rows of a source in their order, some at a time: what is larger than memory is read so.

Each kind of source is read by the rules that hold for it elsewhere. What a model knows as text is read as it is
written: a file with 007 alone would show numbers, and 007 is not 7.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from ml_assets.recipe.readable import STORES, is_sql
from ml_assets.sources.arrow import Piece, is_unusable, named_alike, plain
from ml_assets.sources.chosen import chosen
from ml_assets.sources.codes import exact
from ml_assets.sources.csv import read_csv
from ml_assets.sources.dialect import Dialect, dialect_of, opened
from ml_assets.sources.missing import without_values
from ml_assets.sources.numbers import forms_of, mend_columns
from ml_assets.sources.parquet import DAMAGE, open_parquet
from ml_assets.sources.paths import File, SourceError, file_type, find_files
from ml_assets.sources.remote import Mirror
from ml_assets.sources.source import open_source
from ml_assets.sources.tables import with_folders
from ml_assets.sources.times import with_times
from ml_assets.sources.wanted import Wanted
from ml_assets.sources.writing import Writing

BLOCK = 1 << 20


def streamed(
    wanted: Wanted,
    rows: int,
    texts: Collection[str],
    time: str | None = None,
    numbers: Collection[str] = (),
) -> Iterator[pa.Table]:
    """Read a source as tables of at most so many rows.

    Parameters
    ----------
    wanted : Wanted
        Without batches: all rows.
    rows : int
    texts : collection of str
        Columns that are known to be text: their cells in a file of text are never numbers.
    time : str, optional
        A column that is read as a time.
    numbers : collection of str
        Columns that are known to be numbers: so are their texts in a Parquet file.

    Raises
    ------
    SourceError
        It cannot be read, or one part writes its numbers otherwise than another.
    """
    for table in _regrouped(_tables(wanted, rows, texts, numbers), rows):
        if time is not None and time in table.column_names:
            table = with_times(table, Path(wanted.name), time)
        yield table


def rows_in(wanted: Wanted) -> int | None:
    """Count the rows of a source where that is cheap: Parquet files say it, a database counts; else None."""
    if is_sql(wanted.uri):
        from ml_assets.sources.sql.session import opened as asked

        with asked(wanted) as session:
            return int(session.count())
    if "://" in wanted.uri and not wanted.uri.lower().startswith("file://"):
        return None
    files = [file.path for file in find_files(wanted)]
    if any(file_type(path) != "Parquet" for path in files):
        return None
    return sum(int(open_parquet(path).metadata.num_rows) for path in files)


def _tables(
    wanted: Wanted, rows: int, texts: Collection[str], numbers: Collection[str]
) -> Iterator[pa.Table]:
    if is_sql(wanted.uri):
        yield from _of_query(wanted)
        return
    scheme = wanted.uri.partition("://")[0].lower() if "://" in wanted.uri else ""
    if scheme in ("", "file"):
        yield from _of_files(wanted, rows, texts, numbers)
    elif scheme in STORES:
        mirror = Mirror.of(wanted)
        with mirror.fetched() as pattern:
            yield from _of_files(replace(wanted, uri=pattern), rows, texts, numbers)
    else:
        yield pa.Table.from_pandas(open_source(wanted).read().frame, preserve_index=False)


def _of_query(wanted: Wanted) -> Iterator[pa.Table]:
    from ml_assets.sources.sql.session import opened as asked

    with asked(wanted) as session:
        for table in session.tables(session.names):
            table = exact(plain(table, session.path, wanted.columns.texts), wanted.columns.categories)
            yield without_values(table, wanted.na_values)


def _of_files(
    wanted: Wanted, rows: int, texts: Collection[str], numbers: Collection[str]
) -> Iterator[pa.Table]:
    writing = Writing()
    for file in find_files(wanted):
        before = 0
        is_csv = file_type(file.path) == "CSV"
        pieces = (
            _of_csv(file.path, wanted, rows, texts, writing)
            if is_csv
            else _of_parquet(file.path, wanted, rows, numbers)
        )
        for piece in pieces:
            writing.see(piece, file.path, before)
            before += piece.rows
            yield chosen(_with_folders(piece.table, file), wanted.where, file.path)


def _with_folders(table: pa.Table, file: File) -> pa.Table:
    return with_folders(table, file) if file.folders else table


def _of_parquet(path: Path, wanted: Wanted, rows: int, numbers: Collection[str]) -> Iterator[Piece]:
    file, columns = open_parquet(path), wanted.columns
    names = [
        field.name
        for field in file.schema_arrow
        if not (field.name in columns.excluded and is_unusable(field.type))
    ]
    try:
        for batch in file.iter_batches(batch_size=rows, columns=names):
            table = named_alike(plain(pa.Table.from_batches([batch]), path, columns.texts), columns)
            table = without_values(exact(table, columns.categories), wanted.na_values)
            texts = [
                field.name
                for field in table.schema
                if field.name in numbers and pa.types.is_string(field.type)
            ]
            forms = forms_of(table.select(texts))
            table, _ = mend_columns(table, forms)
            yield Piece(path, table, table.num_rows, forms, {})
    except DAMAGE as error:
        raise SourceError(f"{path} is damaged: {error}") from error


def _of_csv(
    path: Path, wanted: Wanted, rows: int, texts: Collection[str], writing: Writing
) -> Iterator[Piece]:
    """Rows of a CSV file: each part is a small file with the header, read as any other."""
    dialect, columns = dialect_of(path), wanted.columns
    columns = replace(columns, texts=columns.texts.union(texts))
    with tempfile.TemporaryDirectory(prefix="ml_assets-part-") as folder:
        place = Path(folder) / "part.csv"
        for part in _parts(path, dialect, rows):
            place.write_bytes(part)
            try:
                yield read_csv(place, columns, wanted.na_values, commas=writing.commas(path))
            except SourceError as error:
                raise SourceError(error.message.replace(str(place), str(path)), error.key) from None


def _parts(path: Path, dialect: Dialect, rows: int) -> Iterator[bytes]:
    """Bytes of CSV files with a header and about so many rows each, cut where no quote is open."""
    head = io.StringIO()
    csv.writer(head, delimiter=dialect.delimiter, lineterminator="\n").writerow(dialect.names)
    header = head.getvalue().encode()
    with opened(path, dialect) as stream:
        for _ in range(dialect.skip):
            _line(stream)
        left, given = b"", False
        for block in iter(lambda: stream.read(BLOCK), b""):
            left += block
            while (end := _end(left, rows)) is not None:
                yield header + left[:end]
                left, given = left[end:], True
        if left.strip() or not given:
            yield header + left


def _end(text: bytes, rows: int) -> int | None:
    """Place behind so many lines, at the end of one with no quote open; None where there are fewer."""
    if text.count(b"\n") <= rows:
        return None
    ends = re.finditer(rb"\n", text)
    for number, found in enumerate(ends, start=1):
        if number >= rows and not text.count(b'"', 0, found.end()) % 2:
            return found.end()
    return None


def _line(stream: BinaryIO | pa.NativeFile) -> None:
    """Read on behind the end of a line."""
    while (letter := stream.read(1)) not in (b"", b"\n"):
        del letter


def _regrouped(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows, as many in each table."""
    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        if not table.num_rows:
            continue
        if waiting and not table.schema.equals(
            waiting[0].schema
        ):  # another file, or a part that looks otherwise
            yield pa.concat_tables(waiting)
            waiting, count = [], 0
        while count + table.num_rows >= rows:
            taken = rows - count
            yield pa.concat_tables([*waiting, table.slice(0, taken)])
            table, waiting, count = table.slice(taken), [], 0
        if table.num_rows:
            waiting.append(table)
            count += table.num_rows
    if waiting:
        yield pa.concat_tables(waiting)
