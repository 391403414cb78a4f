"""What a step reads and keeps, counted where it is read and kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass
class Tally:
    """Rows and bytes since it began."""

    rows_read: int = 0
    rows_written: int = 0
    bytes_written: int = 0


_OPEN: Final[ContextVar[tuple[Tally, ...]]] = ContextVar("tallies", default=())
"""Tallies that are kept in this thread; work in other threads and processes is not seen."""


@contextmanager
def tallied() -> Iterator[Tally]:
    """
    Keep a tally of what is read and kept meanwhile.

    >>> with tallied() as tally:
    ...     read(3)
    ...     wrote(rows=2, size=40)
    >>> read(5)
    >>> tally
    Tally(rows_read=3, rows_written=2, bytes_written=40)
    """
    tally = Tally()
    token = _OPEN.set((*_OPEN.get(), tally))
    try:
        yield tally
    finally:
        _OPEN.reset(token)


def read(rows: int) -> None:
    """Count rows that were read."""
    for tally in _OPEN.get():
        tally.rows_read += rows


def wrote(rows: int = 0, size: int = 0) -> None:
    """Count rows that were given to be kept, and bytes that were written."""
    for tally in _OPEN.get():
        tally.rows_written += rows
        tally.bytes_written += size


def wrote_files(place: Path) -> None:
    """Count the bytes of a file, or of all files below a folder."""
    if _OPEN.get():
        files = [place] if place.is_file() else [each for each in place.rglob("*") if each.is_file()]
        wrote(size=sum(each.stat().st_size for each in files))
