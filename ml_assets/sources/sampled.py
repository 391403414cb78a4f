"""Rows of a source to look at: all where they are few, else some of many files and of large ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ml_assets.names import STATIC
from ml_assets.recipe.periods import PERIODS
from ml_assets.shown import counted
from ml_assets.sources import tables
from ml_assets.sources.account import Account
from ml_assets.sources.arrow import Piece, to_pandas
from ml_assets.sources.calendar import batch_of, batch_start, limits, next_batch
from ml_assets.sources.formats import format_of
from ml_assets.sources.paths import File, SourceError
from ml_assets.sources.times import rows_between

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from ml_assets.recipe.schema import Batches
    from ml_assets.sources.wanted import Wanted

Thing = TypeVar("Thing")

WHOLE = 32 << 20
"""Bytes of plain text up to which all files are read whole; packed bytes count `UNPACKED` times."""
UNPACKED = 8
MOST_FILES = 12
MOST_BATCHES = 250
"""Files and batches that are looked at of more: the first, the newest, and some between."""


class Sampled(NamedTuple):
    """What was looked at of a source."""

    batches: dict[str, pd.DataFrame]
    """Rows by batch, oldest first; those of a static table are the one batch "all"."""
    refused: dict[str, str]
    """Batches that cannot be read, with the reason."""
    account: Account
    """Of the rows of the files, or of the parts of them, that were read."""
    whole: bool
    """Whether all rows were read."""
    words: str
    """What was looked at."""


def sampled(files: list[File], wanted: Wanted) -> Sampled:
    """Read what there is, or some of much.

    Raises
    ------
    SourceError
        A file is broken, or a time in it cannot be read.
    """
    if not files:
        return Sampled({}, {}, Account(rows_in_files=0, rows_given=0), True, "no rows")
    sizes = [_size(file) for file in files]
    whole = sum(sizes) <= WHOLE
    # The first rows of a file may all be others than those that are wanted.
    in_parts = not whole and not wanted.where
    chosen = files if whole else spread(files, MOST_FILES)
    with ExitStack() as stack:
        if in_parts:
            share = WHOLE // len(chosen)
            chosen = [
                file if _size(file) <= share else stack.enter_context(_part_of(file, share // 4))
                for file in chosen
            ]
        window = (None, None) if wanted.batches is None else limits(wanted.batches)
        pieces = [tables.read_piece(file, wanted, window) for file in chosen]
    return of_pieces(
        pieces,
        chosen,
        wanted,
        whole,
        "" if whole else f", from {'parts of ' * in_parts}{_counted(chosen, files)}",
    )


def of_pieces(pieces: list[Piece], files: list[File], wanted: Wanted, whole: bool, origin: str) -> Sampled:
    """Batches of what was read.

    Parameters
    ----------
    pieces : list of Piece
    files : list of File
        The file of each piece.
    wanted : Wanted
    whole : bool
        Whether all rows were read.
    origin : str
        What the rows are a part of, in words.
    """
    if wanted.batches is None:
        table = tables.join(pieces)
        account = tables.account_of(files, pieces, table, table, None)
        words = f"{'all ' if whole else ''}{counted(table.num_rows, 'row')}{origin}"
        return Sampled({STATIC: to_pandas(table)}, {}, account, whole, words)
    column, window = wanted.batches.column, limits(wanted.batches)
    table = tables.join(pieces, alike=False)
    given, near = tables.without_far_times(table, column, window, wanted.today)
    account = tables.account_of(files, pieces, table, given, column)
    known = _batches(given, wanted.batches)
    labels = spread(known, MOST_BATCHES)
    found: dict[str, pd.DataFrame] = {}
    refused: dict[str, str] = {}
    near_pieces = [piece._replace(table=rows_between(piece.table, column, near)) for piece in pieces]
    for label in labels:
        try:
            found[label] = to_pandas(_of_batch(near_pieces, label, wanted.batches))
        except SourceError as error:
            refused[label] = error.message
    every = f"all {len(known):,}" if whole and len(labels) == len(known) else f"{len(labels):,}"
    of = "" if len(labels) == len(known) else f" of {len(known):,}"
    between = f", {labels[0]} to {labels[-1]}" if len(labels) > 1 else ""
    batches = "batch" if len(known) == 1 else "batches"
    words = f"{counted(given.num_rows, 'row')}, {every}{of} {batches}{between}{origin}"
    return Sampled(found, refused, account, whole and len(labels) == len(known), words)


def spread(things: list[Thing], most: int) -> list[Thing]:
    """At most so many things: the first, the last, and some between, evenly.

    >>> spread(list("abcdefg"), 3)
    ['a', 'd', 'g']
    """
    if len(things) <= most:
        return things
    step = (len(things) - 1) / (most - 1)
    return [things[round(place * step)] for place in range(most)]


def _counted(chosen: list[File], files: list[File]) -> str:
    """Files that were looked at, in words."""
    size = sum(file.path.stat().st_size for file in files) >> 20
    if len(files) < 2:
        return f"a file of some {size:,} MB"
    return f"{len(chosen):,} of {len(files):,} files, {size:,} MB in all"


def _size(file: File) -> int:
    plain = file.path.name.lower().endswith(format_of(file.path).plain)
    return file.path.stat().st_size * (1 if plain else UNPACKED)


@contextmanager
def _part_of(file: File, size: int) -> Iterator[File]:
    """Give a smaller file with some rows of a large one, of about so many bytes; gone when the look is over."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / file.path.name
        try:
            format_of(file.path).part(file.path, place, size)
            yield file._replace(path=place, copies=())
        except SourceError as error:
            raise SourceError(error.message.replace(str(place), str(file.path)), error.key) from None


def _batches(table: pa.Table, batches: Batches) -> list[str]:
    import pyarrow.compute as pc

    cut = pc.floor_temporal(table[batches.column], unit=PERIODS[batches.period].unit)
    moments: list[datetime] = pc.unique(cut).to_pylist()
    return sorted({batch_of(moment, batches.period) for moment in moments})


def _of_batch(pieces: list[Piece], label: str, batches: Batches) -> pa.Table:
    window = (
        batch_start(label, batches.period),
        batch_start(next_batch(label, batches.period), batches.period),
    )
    parts = [piece._replace(table=rows_between(piece.table, batches.column, window)) for piece in pieces]
    return tables.join(parts)
