"""The log of predictions: every answer is kept, off the path of the request.

The handler of a request calls `PredictionLog.note`, which puts the answer, as bytes, into a bounded queue and returns.
Four times a second a thread hands on what has come, to a process of its own (`log_writer.py`) where a server has one,
which writes it as a Parquet segment in one move. Nothing that comes waits for what is being written: a server that is
killed loses at most the last second. Segments become
one per half minute, and one per hour (`segments.py`). Where more comes than can be written, rows are dropped and
counted; no request waits for the log.

    predictions/churn/2026-11-27/223005123_9f2c61d0_00000001-00000060.parquet

is the day; the time of the oldest row, the server, and the first and last of its segments that the file holds.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from ml_assets.serving.handed import packed
from ml_assets.serving.logged import Answered, taken
from ml_assets.serving.segments import Parcel
from ml_assets.shown import shown

if TYPE_CHECKING:
    from ml_assets.store.places import Place

LOGGER = logging.getLogger("ml_assets.serving")
EVERY: Final = 0.25
"""Seconds from one segment to the next: what a kill loses where another process writes."""
MOST_ROWS: Final = 200_000
MOST_BYTES: Final = 64 << 20
"""What waits to be written, at most: rows, and bytes."""


def new_number() -> str:
    """Return an id for a request: 32 characters, which begin with the time, so that the log is searched near it.

    As a UUID of version 7 (RFC 9562, 5.7): 48 bits of milliseconds since 1970, then chance.
    """
    return f"{time.time_ns() // 1_000_000:012x}7{secrets.token_hex(10)[:19]}"


class Writes(Protocol):
    """Who writes parcels: `log_writer.Here`, or `log_writer.Apart` in another process."""

    fault: str | None
    """Why nothing can be written just now."""

    def hand(self, parcel: Parcel) -> None:
        """Take a parcel, to write it as soon as may be; never raises."""

    def heard(self) -> list[str | None]:
        """Of parcels whose turn is over, oldest first, why each was dropped; None of one that was written."""

    def join(self) -> None:
        """See `Segments.join`."""

    def forget(self) -> None:
        """See `Segments.forget`."""


class Waiting(NamedTuple):
    """An answer that waits."""

    content: bytes
    rows: int
    version: int
    at: float
    known: Any


class PredictionLog:
    """Keeps the answers of one server.

    Parameters
    ----------
    place : Place
        Folder or bucket of the model's log; several servers may write to one.
    days : int
        Days after which a day's segments are removed.
    apart : bool
        Whether a process of its own writes: else what it costs to write is taken from the requests.
    """

    def __init__(self, place: Place, days: int = 90, *, apart: bool = False) -> None:
        from ml_assets.serving.log_writer import Apart, Here

        self.place = place
        self.dropped = 0
        """Rows that were not kept: more came than could be written, or they could not be laid out."""
        self.written = 0
        """Rows that are kept."""
        self._server = secrets.token_hex(4)
        self._waiting: deque[Waiting] = deque()
        self._rows = self._bytes = self._count = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._fault: str | None = None
        self._apart = Apart(place, days) if apart else None
        self._writes: Writes = self._apart or Here(place, days)
        self._handed: deque[tuple[int, int]] = deque()
        """Rows and bytes of each parcel that is not heard of yet."""
        self._thread = threading.Thread(target=self._run, name="prediction log", daemon=True)

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        return self._rows

    def note(self, answer: Answered) -> None:
        """Keep an answer; returns at once, and never raises."""
        rows = len(answer.predictions)
        try:
            content = packed(answer)
        except Exception as error:  # noqa: BLE001 - whatever is in a row, the request is answered
            self._lose(rows, shown(f"{type(error).__name__}: {error}", 300))
            return
        with self._lock:
            if self._rows + rows > MOST_ROWS or self._bytes + len(content) > MOST_BYTES:
                self.dropped += rows
                return
            self._rows += rows
            self._bytes += len(content)
            self._waiting.append(Waiting(content, rows, answer.version, answer.at, answer.known))

    def start(self) -> None:
        """Begin to write."""
        if self._apart is not None:
            self._apart.start()
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and end."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30)
        if self._apart is not None:
            self._apart.close()
            self._safely(self._hear)

    def _run(self) -> None:
        day, due = "", time.monotonic() + EVERY
        while True:
            ended = self._stopped.wait(max(0.0, due - time.monotonic()))
            due = time.monotonic() + EVERY
            self._safely(self.flush)
            today = datetime.now(UTC).strftime("%Y-%m-%d")
            if today != day:
                day = today
                self._safely(self._writes.forget)
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
        """Hand on what waits as segments, one for each version, and hear of those that were handed on before.

        Raises
        ------
        WriterError
            Nothing can be written just now; what was handed on stays, and is written as soon as may be.
        """
        with self._lock:
            found, self._waiting = list(self._waiting), deque()
        groups: dict[tuple[int, int], list[Waiting]] = {}
        for one in found:
            groups.setdefault((one.version, int(one.at // 86_400)), []).append(one)
        for answers in groups.values():
            self._hand(answers)
        self._hear()
        self._writes.join()

    def _hand(self, answers: Sequence[Waiting]) -> None:
        rows = sum(one.rows for one in answers)
        contents = [one.content for one in answers]
        self._count += 1
        self._handed.append((rows, sum(map(len, contents))))
        began = min(one.at for one in answers)
        self._writes.hand(Parcel(self._server, self._count, began, rows, taken(answers[0].known), contents))

    def _hear(self) -> None:
        from ml_assets.serving.log_writer import WriterError

        for fault in self._writes.heard():
            rows, size = self._handed.popleft()
            with self._lock:
                self._rows -= rows
                self._bytes -= size
            if fault is None:
                self.written += rows
            else:
                self._lose(rows, fault)
        if self._writes.fault is not None:
            raise WriterError(self._writes.fault)

    def _lose(self, rows: int, fault: str) -> None:
        with self._lock:
            self.dropped += rows
        LOGGER.warning("%d rows could not be logged: %s", rows, fault)
