"""The log of predictions: every answer is kept, off the path of the request.

The handler of a request calls `PredictionLog.note`, which puts the answer into a bounded queue and returns. A thread
writes what has come as a Parquet segment, every quarter of a second, each in one move: a server that is killed loses at
most the last second. Segments become one per half minute, and one per hour. Where more comes than can be written, rows
are dropped and counted; no request waits for the log.

    predictions/churn/2026-11-27/223005123_9f2c61d0_00000001-00000060.parquet

is the day; the time of the oldest row, the server, and the first and last of its segments that the file holds.
"""

from __future__ import annotations

import io
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ml_assets.serving.logged import AT, Answered, table_of
from ml_assets.shown import shown

if TYPE_CHECKING:
    import pyarrow as pa

    from ml_assets.store.places import Place

LOGGER = logging.getLogger("ml_assets.serving")
EVERY: Final = 0.25
"""Seconds from one segment to the next. What comes while one is made waits for the next: a kill loses this and twice
the time to make one, less than a second where thousands are answered in a second."""
MOST_ROWS: Final = 200_000
MOST_BYTES: Final = 64 << 20
"""What waits to be written, at most: rows, and bytes of the requests that they came in."""
TOGETHER: Final = 120
"""Segments that become one; then as many of those."""
LARGEST: Final = 64 << 20
"""Bytes of a file that is not joined with others any more."""


def new_number() -> str:
    """Return an id for a request: 32 characters, which begin with the time, so that the log is searched near it.

    As a UUID of version 7 (RFC 9562, 5.7): 48 bits of milliseconds since 1970, then chance.
    """
    return f"{time.time_ns() // 1_000_000:012x}7{secrets.token_hex(10)[:19]}"


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


class PredictionLog:
    """Keeps the answers of one server.

    Parameters
    ----------
    place : Place
        Folder or bucket of the model's log; several servers may write to one.
    days : int
        Days after which a day's segments are removed.
    """

    def __init__(self, place: Place, days: int = 90) -> None:
        self.place = place
        self.days = days
        self.dropped = 0
        """Rows that were not kept: more came than could be written, or they could not be laid out."""
        self.written = 0
        """Rows that are kept."""
        self._server = secrets.token_hex(4)
        self._waiting: deque[Answered] = deque()
        self._rows = self._bytes = self._count = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._own: list[list[Segment]] = [[], []]
        self._fault: str | None = None
        self._thread = threading.Thread(target=self._run, name="prediction log", daemon=True)

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        return self._rows

    def note(self, answer: Answered) -> None:
        """Keep an answer; returns at once, and never raises."""
        rows = len(answer.predictions)
        with self._lock:
            if self._rows + rows > MOST_ROWS or self._bytes + answer.size > MOST_BYTES:
                self.dropped += rows
                return
            self._rows += rows
            self._bytes += answer.size
            self._waiting.append(answer)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and end."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30)

    def _run(self) -> None:
        day, due = "", time.monotonic() + EVERY
        while True:
            ended = self._stopped.wait(max(0.0, due - time.monotonic()))
            due = time.monotonic() + EVERY
            self._safely(self.flush)
            today = datetime.now(UTC).strftime("%Y-%m-%d")
            if today != day:
                day = today
                self._safely(self._forget)
            if ended:
                return

    def _safely(self, step: Any) -> None:
        """Do a step; what goes wrong is told once, and the thread goes on."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - a full disk, a bucket that is away: the server answers on
            fault = shown(f"{type(error).__name__}: {error}", 300)
            if fault != self._fault:
                LOGGER.warning("predictions are not logged: %s", fault)
            self._fault = fault
        else:
            self._fault = None

    def flush(self) -> None:
        """Write what waits as segments, one for each version, and join what has become many."""
        with self._lock:
            taken, self._waiting = list(self._waiting), deque()
        groups: dict[tuple[int, int], list[Answered]] = {}
        for answer in taken:
            groups.setdefault((answer.version, int(answer.at // 86_400)), []).append(answer)
        left = dict(groups)
        try:
            for key, answers in groups.items():
                self._write(answers)
                del left[key]
        finally:
            again = [answer for answers in left.values() for answer in answers]
            with self._lock:
                self._waiting.extendleft(reversed(again))
                self._rows = sum(len(answer.predictions) for answer in self._waiting)
                self._bytes = sum(answer.size for answer in self._waiting)
        self._join()

    def _write(self, answers: Sequence[Answered]) -> None:
        rows = sum(len(answer.predictions) for answer in answers)
        try:
            content = _parquet([table_of(answers)])
        except Exception as error:  # noqa: BLE001 - no answer may keep those behind it from the log
            self.dropped += rows
            LOGGER.warning(
                "%d rows could not be logged: %s", rows, shown(f"{type(error).__name__}: {error}", 300)
            )
            return
        began = datetime.fromtimestamp(min(answer.at for answer in answers), UTC)
        number = self._count + 1
        segment = Segment(
            f"{began:%Y-%m-%d}",
            f"{began:%H%M%S}{began.microsecond // 1000:03d}",
            self._server,
            number,
            number,
        )
        self.place.write(segment.key, content)
        self._count = number
        self.written += rows
        self._own[0].append(segment)

    def _join(self) -> None:
        """Make one file of sixty, where they are of one day and have the same columns."""
        import pyarrow.parquet as pq

        for level, segments in enumerate(self._own):
            if len(segments) < TOGETHER:
                continue
            run: list[Segment] = []
            tables: list[pa.Table] = []
            size = 0
            for segment in [*segments, None]:
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
            self._own[level] = []

    def _replace(self, run: list[Segment], tables: list[pa.Table], level: int) -> None:
        whole = Segment(run[0].day, min(one.began for one in run), self._server, run[0].first, run[-1].last)
        if len(run) > 1:
            self.place.write(whole.key, _parquet(tables))
            for segment in run:
                self.place.delete(segment.key)
        if level + 1 < len(self._own):
            self._own[level + 1].append(whole)

    def _forget(self) -> None:
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


def _parquet(tables: Sequence[pa.Table]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.concat_tables(tables)
    buffer = io.BytesIO()
    pq.write_table(table.sort_by(AT), buffer, compression="zstd", row_group_size=20_000)
    return buffer.getvalue()
