"""Files of a log of predictions: their names, how they are written, and how many become one."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from ml_assets.serving.handed import unpacked
from ml_assets.serving.logged import AT, Taken, table_of
from ml_assets.shown import shown

if TYPE_CHECKING:
    import pyarrow as pa

    from ml_assets.store.places import Place

LOGGER = logging.getLogger("ml_assets.serving")
TOGETHER: Final = 120
"""Segments that become one; then as many of those."""
LARGEST: Final = 64 << 20
"""Bytes of a file that is not joined with others any more."""


@dataclass(frozen=True, order=True)
class Segment:
    """A file of a log, by its name."""

    day: str
    began: str
    server: str
    first: int
    last: int

    @property
    def key(self) -> str:
        """Where it is in its log."""
        return f"{self.day}/{self.began}_{self.server}_{self.first:08d}-{self.last:08d}.parquet"

    @classmethod
    def of(cls, key: str) -> Segment | None:
        """Read a name; None where it is of something else.

        >>> Segment.of("2026-11-27/223005123_9f2c61d0_00000001-00000060.parquet").last
        60
        >>> Segment.of("2026-11-27/notes.txt") is None
        True
        """
        day, _, name = key.partition("/")
        parts = name.removesuffix(".parquet").split("_")
        if not name.endswith(".parquet") or name.startswith(".") or len(parts) != 3:
            return None
        first, _, last = parts[2].partition("-")
        if not (first.isdigit() and last.isdigit()):
            return None
        return cls(day, parts[0], parts[1], int(first), int(last))

    def holds(self, other: Segment) -> bool:
        """Whether it holds all of another file."""
        return (
            self != other
            and (self.day, self.server) == (other.day, other.server)
            and self.first <= other.first
            and other.last <= self.last
        )


class Parcel(NamedTuple):
    """Answers of one version on one day, which become one segment.

    Parameters
    ----------
    server : str
    number : int
        Of the segment; a parcel that is written again, since nobody heard that it was, gets its place.
    at : float
        Time of its oldest answer, in seconds since 1970.
    rows : int
    known : Taken
        What the version takes.
    answers : list of bytes
        As `handed.packed` makes them.
    """

    server: str
    number: int
    at: float
    rows: int
    known: Taken
    answers: list[bytes]

    @property
    def segment(self) -> Segment:
        """Its file."""
        began = datetime.fromtimestamp(self.at, UTC)
        time = f"{began:%H%M%S}{began.microsecond // 1000:03d}"
        return Segment(f"{began:%Y-%m-%d}", time, self.server, self.number, self.number)


class Segments:
    """Writes the segments of one server.

    Parameters
    ----------
    place : Place
        Folder or bucket of the model's log.
    days : int
        Days after which a day's segments are removed.
    """

    def __init__(self, place: Place, days: int) -> None:
        self.place, self.days = place, days
        self._own: list[list[Segment]] = [[], []]

    def write(self, parcel: Parcel) -> str | None:
        """Write a segment; what cannot be laid out is not kept, and the reason is given back.

        Raises
        ------
        OSError, PlaceError
            The place does not take it.
        """
        try:
            content = parquet(_in_order(table_of([unpacked(each, parcel.known) for each in parcel.answers])))
        except Exception as error:  # noqa: BLE001 - no answer may keep those behind it from the log
            return shown(f"{type(error).__name__}: {error}", 300)
        self.place.write(parcel.segment.key, content)
        self._own[0].append(parcel.segment)
        return None

    def join(self, begun: Callable[[Callable[[], None]], object] = lambda step: step()) -> None:
        """Make one file of many, where they are of one day and have the same columns.

        Parameters
        ----------
        begun : callable
            Does the work it is given, here and now or beside what goes on.
        """
        for level, found in enumerate(self._own):
            if len(found) >= TOGETHER:
                self._own[level] = []
                begun(lambda level=level, found=found: self._join(level, found))  # type: ignore[misc]  # bound now

    def _join(self, level: int, found: list[Segment]) -> None:
        import pyarrow.parquet as pq

        run: list[Segment] = []
        tables: list[pa.Table] = []
        size = 0
        for segment in [*found, None]:
            content = None if segment is None else self.place.read(segment.key)
            table = None if content is None else pq.read_table(io.BytesIO(content))
            fits = (
                run
                and table is not None
                and segment is not None
                and segment.day == run[0].day
                and table.schema.equals(tables[0].schema)
                and size + len(content or b"") <= LARGEST
            )
            if run and not fits:
                self._replace(run, tables, level)
                run, tables, size = [], [], 0
            if segment is not None and table is not None:
                run.append(segment)
                tables.append(table)
                size += len(content or b"")

    def _replace(self, run: list[Segment], tables: list[pa.Table], level: int) -> None:
        import pyarrow as pa

        began = min(one.began for one in run)
        whole = Segment(run[0].day, began, run[0].server, run[0].first, run[-1].last)
        if len(run) > 1:
            self.place.write(whole.key, parquet(pa.concat_tables(tables)))
            for segment in run:
                self.place.delete(segment.key)
        if level + 1 < len(self._own):
            self._own[level + 1].append(whole)

    def forget(self) -> None:
        """Remove days that are too old, and files that another holds: a server was killed between two moves."""
        first = f"{datetime.now(UTC) - timedelta(days=self.days):%Y-%m-%d}"
        found = [segment for key in self.place.keys("") if (segment := Segment.of(key)) is not None]
        present = set(_whole(found))
        for segment in found:
            if segment.day < first or segment not in present:
                self.place.delete(segment.key)


def segments(place: Place, day: str) -> list[Segment]:
    """Files of a day, oldest first, without those that another one holds."""
    found = [Segment.of(f"{day}/{name}") for name in place.names(day)]
    return _whole([segment for segment in found if segment is not None])


def _whole(found: Sequence[Segment]) -> list[Segment]:
    """Leave out files that another one holds."""
    by_server: dict[tuple[str, str], list[Segment]] = {}
    for segment in found:
        by_server.setdefault((segment.day, segment.server), []).append(segment)
    kept = []
    for each in by_server.values():
        end = 0
        for segment in sorted(each, key=lambda one: (one.first, -one.last)):
            if segment.last > end:
                kept.append(segment)
                end = segment.last
    return sorted(kept)


def _in_order(table: pa.Table) -> pa.Table:
    """Lines by time, as a search wants them; most came so."""
    import pyarrow as pa
    import pyarrow.compute as pc

    at = table[AT].cast(pa.int64())
    return table if pc.all(pc.less_equal(at[:-1], at[1:])).as_py() else table.sort_by(AT)


def parquet(table: pa.Table) -> bytes:
    """Give the bytes of a file of a log."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    texts = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
    pq.write_table(table, buffer, compression="zstd", row_group_size=20_000, use_dictionary=texts)
    return buffer.getvalue()
