"""A process that writes the log of a server: what it costs to lay rows out and to compress them, no request waits for.

The server hands it parcels through a pipe, and hears of each whether it was written. It ends when the pipe does,
whether the server has ended or was killed, after what has come through is written. Where it is killed itself, another
one takes its place, and writes again what nobody has heard of.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
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
_PACK: Final = msgspec.msgpack.Encoder().encode


class WriterError(MendableError, OSError):
    """The place does not take a segment, as the process has told; or there is no process."""


class Told(NamedTuple):
    """What the server hears of a parcel: why its rows were dropped, or why it was not written; nothing where it was."""

    dropped: str | None
    failed: str | None


class Apart:
    """The process as the server knows it; used by one thread.

    Parameters
    ----------
    place : Place
    days : int
    """

    def __init__(self, place: Place, days: int) -> None:
        uri = place.uri if isinstance(place, Bucket) else ""
        code = "from ml_assets.serving.log_writer import main; main()"
        self._command = [sys.executable, "-P", "-c", code, str(place.folder), uri, str(days)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin the process where there is none, and wait until it reads: so the first rows need not wait for it."""
        if self._process is None:
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert self._process.stdin is not None and self._process.stdout is not None
            _widen(self._process.stdin)
            self._process.stdout.readline()

    def write(self, parcel: Parcel) -> str | None:
        """See `Segments.write`.

        Raises
        ------
        WriterError
        """
        return self._asked(_PACK(parcel))

    def join(self) -> None:
        """It does so by itself, beside what it writes."""

    def forget(self) -> None:
        """See `Segments.forget`."""
        self._asked(FORGET)

    def close(self) -> None:
        """Let it write what it has, and end."""
        process, self._process = self._process, None
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
        process.stdout.close()

    def _asked(self, content: bytes) -> str | None:
        try:
            answer = self._answer(content)
        except (BrokenPipeError, EOFError):
            self.close()
            try:
                answer = self._answer(content)
            except (BrokenPipeError, EOFError):
                raise WriterError("the process that writes the log has ended") from None
        if answer.failed is not None:
            raise WriterError(answer.failed)
        return answer.dropped

    def _answer(self, content: bytes) -> Told:
        self.start()
        assert self._process is not None and self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(SIZE.pack(len(content)))
        self._process.stdin.write(content)
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise EOFError
        return msgspec.json.decode(line, type=Told)


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
    """Write parcels and say of each whether it is kept, or why it is not."""
    read = msgspec.msgpack.Decoder(Parcel).decode
    with ThreadPoolExecutor(1, "joining") as beside:
        for content in _parcels(came):
            dropped, failed = None, None
            try:
                if content == FORGET:
                    segments.forget()
                else:
                    dropped = segments.write(read(content))
            except Exception as error:  # noqa: BLE001 - a full disk, a bucket that is away: told to the server
                failed = f"{type(error).__name__}: {error}"
            with contextlib.suppress(BrokenPipeError):  # the server was killed; the rest is still written
                answers.write(msgspec.json.encode(Told(dropped, failed)) + b"\n")
            segments.join(beside.submit)


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
