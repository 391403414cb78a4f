"""A part of a CSV file that is too large for a look: its first rows, and some of its middle and end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from ml_assets.sources.dialect import Dialect, dialect_of

PLACES = (0.5, 0.99)
"""Where in a file of plain text a look is taken beside its beginning, as shares of its length."""
FURTHER = 4
"""Further looks are so many times shorter than the first."""


def part_of_csv(path: Path, place: Path, size: int) -> None:
    """Write some rows of a file as `place`, of about `size` bytes."""
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
