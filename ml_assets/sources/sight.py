"""What lies in the files of a source, batch by batch: noticed by size and time, then by the digest of the part."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from ml_assets.recipe.periods import PERIODS, Period
from ml_assets.records import Record
from ml_assets.sources.calendar import batch_of, batch_start, limits
from ml_assets.sources.marks import near_days
from ml_assets.sources.paths import File, find_files, listed
from ml_assets.sources.wanted import Wanted

if TYPE_CHECKING:
    import pyarrow as pa

    from ml_assets.sources.arrow import Piece


READING = 3
"""Of the digests: where they are made otherwise, what was seen before is looked at again."""


class Part(NamedTuple):
    """The rows of a batch, in one file or in all."""

    rows: int
    digest: int
    """Sum of the rows' hashes, modulo 2^64."""

    @property
    def token(self) -> str:
        """Rows and digest as a text: equal where the content is."""
        return f"{self.rows}:{self.digest:016x}"


class Seen(Record):
    """A file as it was looked at."""

    size: int
    mtime_ns: int
    parts: dict[str, Part] | None
    """By batch; None for one that holds the same bytes as another."""


class Sight(Record):
    """The files of a source as they were looked at."""

    reading: str = ""
    """Digest of what the recipe says of reading: what was seen otherwise is looked at again."""
    files: dict[str, Seen] = Field(default_factory=dict)

    def same_files(self, stats: dict[str, tuple[int, int]]) -> bool:
        """Whether the files are those that were looked at, by name, size and time."""
        return stats == {name: (seen.size, seen.mtime_ns) for name, seen in self.files.items()}


def look(wanted: Wanted, before: Sight) -> Sight:
    """Look at the files again: at those alone whose size or time is another than before.

    Returns
    -------
    Sight
        `before` itself where no file has changed.

    Raises
    ------
    SourceError
        A file cannot be read.
    """
    reading = reading_of(wanted)
    stats = {str(path): stat(path) for path in listed(wanted)}
    known = before.files if before.reading == reading else {}
    if before.reading == reading and before.same_files(stats):
        return before
    files: dict[str, Seen] = {}
    for file in find_files(wanted, missing_ok=True):
        name = str(file.path)
        seen = known.get(name)
        if seen is None or (seen.size, seen.mtime_ns) != stats.get(name) or seen.parts is None:
            size, mtime_ns = stat(file.path)
            seen = Seen(size=size, mtime_ns=mtime_ns, parts=parts_of(file, wanted))
        files[name] = seen
        for copy in file.copies:
            size, mtime_ns = stat(copy)
            files[str(copy)] = Seen(size=size, mtime_ns=mtime_ns, parts=None)
    return Sight(reading=reading, files=files)


def batches_in(sight: Sight, wanted: Wanted) -> dict[str, Part]:
    """What there is of each batch, sorted; without times that are marks, as 9999-12-31."""
    assert wanted.batches is not None
    period, whole = wanted.batches.period, limits(wanted.batches)
    together: dict[str, Part] = {}
    for seen in sight.files.values():
        for batch, part in (seen.parts or {}).items():
            known = together.get(batch, Part(0, 0))
            together[batch] = Part(known.rows + part.rows, (known.digest + part.digest) % 2**64)
    starts = {batch_start(batch, period): part.rows for batch, part in together.items()}
    low, high = near_days(starts, whole, wanted.today)
    return {
        batch: together[batch]
        for batch in sorted(together)
        if (low is None or batch >= batch_of(low, period))
        and (high is None or batch_start(batch, period) < high)
    }


def parts_of(file: File, wanted: Wanted) -> dict[str, Part]:
    """What a file holds of each batch."""
    from ml_assets.sources.tables import read_piece

    assert wanted.batches is not None
    return parts_in(read_piece(file, wanted, limits(wanted.batches)), wanted)


def parts_in(piece: Piece, wanted: Wanted) -> dict[str, Part]:
    """What rows there are of each batch."""
    import numpy as np

    from ml_assets.sources.digest import row_hashes

    assert wanted.batches is not None
    table = piece.table.drop_columns([name for name in piece.table.column_names if name in piece.counts])
    hashes = row_hashes(table)
    encoded = _moments(table[wanted.batches.column], wanted.batches.period)
    of_moments = [batch_of(moment, wanted.batches.period) for moment in encoded.dictionary.to_pylist()]
    labels = {label: place for place, label in enumerate(sorted(set(of_moments)))}
    places = np.array([labels[label] for label in of_moments], dtype=np.intp)[encoded.indices.to_numpy()]
    digests = np.zeros(len(labels), dtype=np.uint64)
    np.add.at(digests, places, hashes)
    rows = np.bincount(places, minlength=len(labels))
    return {label: Part(int(rows[place]), int(digests[place])) for label, place in labels.items()}


def _moments(times: pa.ChunkedArray, period: Period) -> pa.DictionaryArray:
    """Times cut to a unit of the period, each once, and where the rows have them."""
    import pyarrow.compute as pc

    return pc.floor_temporal(times, unit=PERIODS[period].unit).combine_chunks().dictionary_encode()


def stat(path: Path) -> tuple[int, int]:
    """Size of a file, and the time it was written, in nanoseconds."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def reading_of(wanted: Wanted) -> str:
    """Digest of what a recipe says of reading: rows that are read otherwise are others."""
    columns = wanted.columns
    said = [
        READING, wanted.uri, wanted.batches and wanted.batches.model_dump(include={"column", "period", "start", "end"}),
        wanted.na_values, *(sorted(names) for names in (columns.texts, columns.named, columns.categories)),
        *(["drops"] if wanted.batches and wanted.batches.drops else []),
        *([sorted(wanted.where.items())] if wanted.where else []),
    ]  # fmt: skip
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]
