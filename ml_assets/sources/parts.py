"""A part of a file that is too large for a look: its first rows, and some of its middle and end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from ml_assets.sources.dialect import Dialect, dialect_of
from ml_assets.sources.parquet import open_parquet
from ml_assets.sources.paths import File, SourceError, file_format

PLACES = (0.5, 0.99)
"""Where in a file of plain text a look is taken beside its beginning, as shares of its length."""
FURTHER = 4
"""Further looks are so many times shorter than the first."""
CELLS = 1_000_000
"""Values that are taken of a Parquet file, of its first, middle and last rows together."""


@contextmanager
def part_of(file: File, size: int) -> Iterator[File]:
    """Give a smaller file with some rows of a large one, of about so many bytes; gone when the look is over."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / file.path.name
        try:
            if file_format(file.path) == "parquet":
                _part_of_parquet(file.path, place)
            else:
                _part_of_csv(file.path, place, size)
            yield file._replace(path=place, copies=())
        except SourceError as error:
            raise SourceError(error.message.replace(str(place), str(file.path)), error.key) from None


def _part_of_csv(path: Path, place: Path, size: int) -> None:
    dialect = dialect_of(path)
    with pa.input_stream(str(path), compression=dialect.compression) as stream:
        head = stream.read(size)
    if dialect.encoding != "utf-8":
        head = head.decode(dialect.encoding, "ignore").removeprefix("\ufeff").encode()
    head = _whole_rows(head, b"\r" if dialect.carriage_returns else b"\n")
    place.write_bytes(head + b"".join(_further(path, dialect, size)))


def _whole_rows(text: bytes, end: bytes) -> bytes:
    """The text up to the last end of a line at which no quote is open."""
    cut = text.rfind(end)
    while cut > 0 and text.count(b'"', 0, cut) % 2:
        cut = text.rfind(end, 0, cut)
    return text[: cut + 1] if cut > 0 else text


def _further(path: Path, dialect: Dialect, size: int) -> Iterator[bytes]:
    """Lines from the middle and the end of a plain file without quotes, of which the place tells no row."""
    if dialect.compression or dialect.encoding != "utf-8" or dialect.carriage_returns:
        return
    length = path.stat().st_size
    with path.open("rb") as handle:
        for share in PLACES:
            start = int(length * share)
            if start < size:
                continue
            handle.seek(start)
            lines = handle.read(min(size // FURTHER, length - start))
            lines = lines[lines.find(b"\n") + 1 : lines.rfind(b"\n") + 1]
            if b'"' not in lines:
                yield lines


def _part_of_parquet(path: Path, place: Path) -> None:
    import pyarrow.parquet as pq

    file = open_parquet(path)
    groups = file.metadata.num_row_groups
    rows = max(1, CELLS // max(1, file.metadata.num_columns) // 3)
    chosen = sorted({0, groups // 2, groups - 1}) if groups else []
    parts = [_first_rows(file, group, rows) for group in chosen] or [file.schema_arrow.empty_table()]
    pq.write_table(pa.concat_tables(parts), place)


def _first_rows(file: Any, group: int, rows: int) -> pa.Table:
    batch = next(file.iter_batches(batch_size=rows, row_groups=[group]), None)
    return file.schema_arrow.empty_table() if batch is None else pa.Table.from_batches([batch], batch.schema)
