"""What was read of each file, kept until the file changes: one without a row of the window is not read again for it.

Types, ways to write numbers and notes are decided over all files together, so a batch needs an account of each; rows it
needs of few. What is kept is the piece that a file gives of a window in which it has no row.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import time
from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa

from ml_assets import names
from ml_assets.sources import tables
from ml_assets.sources.arrow import TIME, Piece
from ml_assets.sources.marks import Window
from ml_assets.sources.numbers import Form
from ml_assets.sources.paths import File, SourceError
from ml_assets.sources.times import rows_between
from ml_assets.sources.wanted import Wanted
from ml_assets.store.atomic import atomic_write
from ml_assets.store.json_file import DamagedError
from ml_assets.store.seal import opened, sealed

SETTLED: Final = 2.0
"""Seconds since it was written, until which a file is read again: a second change might bear the same time."""
LARGEST: Final = 32_000_000
"""Characters of all accounts together; what is beyond is read each time."""
STRETCHES: Final = 16
"""Stretches of time of one file that are told apart."""
HOUR: Final = timedelta(hours=1)
TYPES: Final = {
    "i": pa.int64(), "u": pa.uint64(), "f": pa.float64(), "b": pa.bool_(), "s": pa.string(), "t": TIME, "n": pa.null(),
}  # fmt: skip
"""A file with a column of another type, as a list, is read each time."""
LETTERS: Final = {kind: letter for letter, kind in TYPES.items()}

Mark = tuple[int, int, int, int]
"""Size, time of writing, time of any change and inode of a file: another content has another."""


class _Known(NamedTuple):
    """What is kept of a file."""

    mark: Mark
    rows: int
    account: str
    """Account of the file as JSON, which many files have in common."""
    hours: tuple[int, ...]
    """First and last hour, since 1970, of each stretch of time that has rows."""

    def may_lie_in(self, first: int | None, last: int | None) -> bool:
        """Whether a row may lie in the hours from the first to the last; None is open."""
        pairs = zip(self.hours[::2], self.hours[1::2], strict=True)
        return any(
            (last is None or start <= last) and (first is None or end >= first) for start, end in pairs
        )


class Remembered:
    """The pieces of the files of a source for one window, read or remembered.

    Parameters
    ----------
    wanted : Wanted
        What is read; `wanted.pieces` is the file that keeps what is known, None: nothing is kept.
    window : Window
        Start and end of the times that are asked for.
    """

    def __init__(self, wanted: Wanted, window: Window) -> None:
        self.wanted, self.window = wanted, window
        self._hours = _hours_of(window)
        self._reading = reading_of(wanted) if wanted.pieces is not None else ""
        self._known = _read(wanted.pieces, self._reading) if wanted.pieces is not None else {}
        self._size = sum(map(len, {known.account for known in self._known.values()}))
        self._pieces: dict[str, Piece] = {}
        self._is_new = False

    def pieces(self, files: list[File]) -> list[Piece]:
        """Give the piece of each file, as `read_piece` does; what was found out is kept.

        Raises
        ------
        SourceError
            A file cannot be read.
        """
        found = [self._piece(file) for file in files]
        if self._is_new or len(self._known) > len(files):
            self._keep({str(file.path) for file in files})
        return found

    def _piece(self, file: File) -> Piece:
        if self.wanted.pieces is None:
            return tables.read_piece(file, self.wanted, self.window)
        name, mark = str(file.path), _mark(file.path)
        known = self._known.get(name)
        if known is not None and known.mark == mark and not known.may_lie_in(*self._hours):
            return self._shared(known.account)._replace(path=file.path, rows=known.rows)
        whole = tables.read_near(file, self.wanted, self.window)
        column = _column(self.wanted)
        piece = whole._replace(table=rows_between(whole.table, column, self.window))
        if mark is not None and not piece.table.num_rows:
            self._note(file, piece, whole, mark)
        return piece

    def _shared(self, account: str) -> Piece:
        """Piece of an account; files that have it in common have one table."""
        if account not in self._pieces:
            self._pieces[account] = _decoded(account)
        return self._pieces[account]

    def _note(self, file: File, piece: Piece, whole: Piece, mark: Mark) -> None:
        """Note what a file without a row in the window is like, unless it was changed while it was read."""
        account = _encoded(piece)
        if account is None or self._size + len(account) > LARGEST:
            return
        column = _column(self.wanted)
        is_whole = whole.table.num_rows == whole.rows
        try:
            times = (whole.table if is_whole else tables.time_table(file, self.wanted))[column]
        except SourceError:  # it was changed since
            return
        if _mark(file.path) != mark or time.time() - max(mark[1], mark[2]) / 1e9 < SETTLED:
            return
        self._known[str(file.path)] = _Known(mark, piece.rows, account, _stretches(times))
        self._size += len(account)
        self._is_new = True

    def _keep(self, there: Collection[str]) -> None:
        """Write what is known of the files that are there; of two processes, what the later one knows stays."""
        assert self.wanted.pieces is not None
        kept = {name: known for name, known in self._known.items() if name in there}
        accounts = {
            account: place
            for place, account in enumerate(dict.fromkeys(each.account for each in kept.values()))
        }
        content = {
            "reading": self._reading,
            "accounts": list(accounts),
            "files": {
                name: [*each.mark, each.rows, accounts[each.account], *each.hours]
                for name, each in kept.items()
            },
        }
        # A disk that takes no more keeps nobody from reading.
        with contextlib.suppress(OSError):
            atomic_write(self.wanted.pieces, sealed(json.dumps(content, separators=(",", ":"))))


def reading_of(wanted: Wanted) -> str:
    """Digest of all that decides how a file is read, the code that reads it among it."""
    columns = {name: sorted(names) for name, names in asdict(wanted.columns).items()}
    said: list[object] = [_code(), wanted.uri, str(wanted.base), _column(wanted), wanted.na_values, columns]
    said.extend([sorted(wanted.where.items())] if wanted.where else [])
    return hashlib.sha256(repr(said).encode()).hexdigest()


@cache
def _code() -> str:
    """Digest of the modules that read, and versions of what they read with."""
    import pandas as pd

    found = hashlib.sha256()
    for module in (Path(names.__file__), *sorted(Path(__file__).parent.glob("*.py"))):
        found.update(module.read_bytes())
    return f"{found.hexdigest()} {platform.python_version()} {pa.__version__} {pd.__version__}"


def _read(place: Path, reading: str) -> dict[str, _Known]:
    """What is known of each file by its path; nothing where it is lost, damaged or of another reading."""
    try:
        content = place.read_bytes()
        text = opened(content)
        said = json.loads(text) if text is not content else {}  # what bears no seal is none of ours
        if said.get("reading") != reading:
            return {}
        accounts = said["accounts"]
        return {
            name: _Known((size, written, changed, inode), rows, accounts[account], tuple(hours))
            for name, (size, written, changed, inode, rows, account, *hours) in said["files"].items()
        }
    except (
        OSError,
        DamagedError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        RecursionError,
    ):
        return {}


def _encoded(piece: Piece) -> str | None:
    """Account of a piece without rows, as JSON; None where a type of it cannot be kept."""
    schema = piece.table.schema
    letters = [LETTERS.get(kind) for kind in schema.types]
    if None in letters:
        return None
    account = [
        schema.names,
        "".join(letter for letter in letters if letter),
        piece.forms,
        piece.aside,
        sorted(piece.counts),
        piece.notes,
    ]
    return json.dumps(account, separators=(",", ":"))


def _decoded(account: str) -> Piece:
    columns, letters, forms, aside, counts, notes = json.loads(account)
    schema = pa.schema([(name, TYPES[letter]) for name, letter in zip(columns, letters, strict=True)])
    return Piece(
        Path(),
        schema.empty_table(),
        0,
        {name: _form(*said) for name, said in forms.items()},
        aside,
        frozenset(counts),
        tuple(notes),
    )


def _form(name: str, beside: list[str], *more: Any) -> Form:
    return Form(name, tuple(beside), *more)


def _stretches(times: pa.ChunkedArray) -> tuple[int, ...]:
    """First and last hour of each stretch of time that has rows, the widest gaps between them.

    >>> day = timedelta(days=1)
    >>> _stretches(pa.chunked_array([[datetime(1970, 1, 1), datetime(1970, 1, 1, 1), datetime(1970, 1, 3)]], TIME))
    (0, 1, 48, 48)
    """
    import numpy as np

    hours = np.unique(times.cast(pa.int64()).to_numpy() // (HOUR // timedelta(microseconds=1)))
    if not len(hours):
        return ()
    gaps = np.diff(hours)
    wide = np.flatnonzero(gaps > 1)
    cuts = np.sort(wide[np.argsort(gaps[wide], kind="stable")[::-1][: STRETCHES - 1]])
    firsts, lasts = [0, *(cuts + 1)], [*cuts, len(hours) - 1]
    return tuple(int(hours[place]) for pair in zip(firsts, lasts, strict=True) for place in pair)


def _hours_of(window: Window) -> tuple[int | None, int | None]:
    """First and last hour of a window."""
    start, end = window
    began = datetime(1970, 1, 1)
    return (
        None if start is None else (start - began) // HOUR,
        None if end is None else (end - timedelta(microseconds=1) - began) // HOUR,
    )


def _mark(path: Path) -> Mark | None:
    try:
        found = path.stat()
    except OSError:  # who reads it says why
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _column(wanted: Wanted) -> str:
    assert wanted.batches is not None
    return wanted.batches.column
