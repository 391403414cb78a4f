"""A process that writes the log of a server: what it costs to lay rows out and to compress them, no request waits for.

The server hands it parcels through a pipe, and hears of each in its time. The process reads them as they come, and
writes one after the other: what is slow to be written is not lost with the server. It ends when the pipe does, whether
the server has ended or was killed, after what has come through is written. Where it is killed itself, another one takes
its place, and writes again what nobody has heard of.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import msgspec

from ml_assets.failures import MendableError
from ml_assets.serving.segments import Parcel, Segments
from ml_assets.store.places import Bucket, Folder

if TYPE_CHECKING:
    from ml_assets.store.places import Place

SIZE: Final = struct.Struct("<Q")
FORGET: Final = b""
"""What stands for a parcel where old days are to be removed."""
PIPE: Final = 1 << 20
"""Bytes that the pipe holds: less turns between writer and reader."""
SECONDS: Final = 30
"""For what is written when the server ends."""
AGAIN: Final = 0.5
"""Seconds after which a segment that the place did not take is tried again."""
_PACK: Final = msgspec.msgpack.Encoder().encode


class WriterError(MendableError, OSError):
    """The place does not take a segment; or there is no process to write it."""


class Told(NamedTuple):
    """What the server hears: that a parcel was written, or why its rows were dropped; or what keeps it waiting."""

    dropped: str | None
    failed: str | None


class Here:
    """Writes in this process what it is handed, when it is asked what became of it.

    Parameters
    ----------
    place : Place
    days : int
    """

    def __init__(self, place: Place, days: int) -> None:
        self.fault: str | None = None
        self._segments = Segments(place, days)
        self._handed: deque[Parcel] = deque()
        self.join, self.forget = self._segments.join, self._segments.forget

    def hand(self, parcel: Parcel) -> None:
        """See `log.Writes`."""
        self._handed.append(parcel)

    def heard(self) -> list[str | None]:
        """See `log.Writes`."""
        found: list[str | None] = []
        self.fault = None
        while self._handed and self.fault is None:
            told = _written(self._segments, self._handed[0])
            self.fault = told.failed
            if told.failed is None:
                self._handed.popleft()
                found.append(told.dropped)
        return found


class Apart:
    """The process as the server knows it; used by one thread.

    Parameters
    ----------
    place : Place
    days : int
    """

    def __init__(self, place: Place, days: int) -> None:
        self.fault: str | None = None
        uri = place.uri if isinstance(place, Bucket) else ""
        code = "from ml_assets.serving.log_writer import main; main()"
        self._command = [sys.executable, "-P", "-c", code, str(place.folder), uri, str(days)]
        self._process: subprocess.Popen[bytes] | None = None
        self._unheard: deque[bytes] = deque()
        self._found: list[str | None] = []
        self._said = b""

    def start(self) -> None:
        """Begin the process where there is none, and wait until it reads: so the first rows need not wait for it."""
        if self._process is None:
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert self._process.stdin is not None and self._process.stdout is not None
            _widen(self._process.stdin)
            self._process.stdout.readline()
            os.set_blocking(self._process.stdout.fileno(), False)

    def hand(self, parcel: Parcel) -> None:
        """See `log.Writes`."""
        self._unheard.append(_PACK(parcel))
        self._try(lambda: self._send(self._unheard[-1]))

    def heard(self) -> list[str | None]:
        """See `log.Writes`."""
        self._try(self._hear)
        found, self._found = self._found, []
        return found

    def join(self) -> None:
        """It does so by itself, beside what it writes."""

    def forget(self) -> None:
        """See `Segments.forget`."""
        self._try(lambda: self._send(FORGET))

    def close(self) -> None:
        """Let it write what it has, and end; where it was killed, another one does."""
        for _ in range(2):
            if self._process is None and self._unheard:
                self._try(self._send_all)
            self._end()

    def _try(self, step: Callable[[], None]) -> None:
        """Do a step; where the process has ended, another one gets what nobody has heard of, and that is the step."""
        try:
            step()
        except (BrokenPipeError, EOFError):
            self._end()
            try:
                self._send_all()
            except (BrokenPipeError, EOFError, OSError) as error:
                self._end()
                self.fault = f"the process that writes the log has ended: {error}"

    def _send_all(self) -> None:
        for content in self._unheard:
            self._send(content)

    def _send(self, content: bytes) -> None:
        self.start()
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(SIZE.pack(len(content)))
        self._process.stdin.write(content)
        self._process.stdin.flush()

    def _hear(self) -> None:
        """Read what it has told up to now; raises EOFError where it has ended, and was not asked to."""
        if self._process is None:
            if self._unheard:
                raise EOFError
            return
        assert self._process.stdout is not None
        try:
            while more := os.read(self._process.stdout.fileno(), PIPE):
                self._read(more)
        except BlockingIOError:
            return
        raise EOFError

    def _read(self, more: bytes) -> None:
        *lines, self._said = (self._said + more).split(b"\n")
        for line in lines:
            told = msgspec.json.decode(line, type=Told)
            self.fault = told.failed
            if told.failed is None:
                self._unheard.popleft()
                self._found.append(told.dropped)

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it was killed: nothing is left to be told
            process.stdin.close()
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with contextlib.suppress(EOFError):  # it has ended, and its last words are heard
            self._hear()
        process.stdout.close()
        self._process, self._said = None, b""


def main() -> None:
    """Write what comes on standard input until it ends."""
    for name in (signal.SIGINT, signal.SIGTERM):  # meant for the server, whose last rows are still to come
        signal.signal(name, signal.SIG_IGN)
    # Imported before it says that it reads: the first rows would wait for it, and be lost with a server that is killed.
    import pyarrow.compute
    import pyarrow.parquet

    from ml_assets.serving import logged_columns

    del pyarrow, logged_columns
    folder, uri, days = sys.argv[1:]
    place = Bucket(uri, Path(folder), copies=False) if uri else Folder(Path(folder))
    # What others print does not get between the answers.
    answers, came = os.fdopen(os.dup(1), "wb", buffering=0), sys.stdin.buffer
    os.dup2(2, 1)
    answers.write(b"ready\n")
    served(Segments(place, int(days)), came, answers)


def served(segments: Segments, came: IO[bytes], answers: IO[bytes]) -> None:
    """Write parcels in their order, each as often as it takes, and say of each whether it is kept."""
    waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    ended = threading.Event()

    def read() -> None:
        for content in _parcels(came):
            waiting.put(content)
        ended.set()
        waiting.put(None)

    threading.Thread(target=read, name="reading", daemon=True).start()
    decode = msgspec.msgpack.Decoder(Parcel).decode
    with ThreadPoolExecutor(1, "joining") as beside:
        while (content := waiting.get()) is not None:
            if content == FORGET:
                with contextlib.suppress(Exception):  # they go tomorrow
                    segments.forget()
                continue
            parcel = decode(content)
            while True:
                told = _written(segments, parcel)
                with contextlib.suppress(BrokenPipeError):  # the server was killed; the rest is still written
                    answers.write(msgspec.json.encode(told) + b"\n")
                if told.failed is None or ended.is_set():
                    break
                ended.wait(AGAIN)
            segments.join(beside.submit)


def _written(segments: Segments, parcel: Parcel) -> Told:
    try:
        return Told(segments.write(parcel), None)
    except Exception as error:  # noqa: BLE001 - a full disk, a bucket that is away: told, and tried again
        return Told(None, f"{type(error).__name__}: {error}")


def _parcels(came: IO[bytes]) -> Iterator[bytes]:
    """Read parcels until there is none, or half of one: the server was killed."""
    while len(head := came.read(SIZE.size)) == SIZE.size:
        size = SIZE.unpack(head)[0]
        content = came.read(size)
        if len(content) < size:
            return
        yield content


def _widen(pipe: IO[bytes]) -> None:
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # this user's pipes may have no more
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)
