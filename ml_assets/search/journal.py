"""A search's journal that survives `kill -9` and a changed byte: a lock that dies with its process, sealed lines."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_assets.store.json_file import set_aside
from ml_assets.store.seal import opened, sealed

if TYPE_CHECKING:
    import optuna

PLACE = "at"
"""Key of a line: how many bytes were before it."""

logger = logging.getLogger(__name__)


class FileLock:
    """A lock of the operating system; Optuna's own, a file, stays for 30 seconds after a kill.

    Parameters
    ----------
    path : Path
        The journal; the lock is a file beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".flock")
        self._threads = threading.Lock()
        self._descriptor = -1

    def acquire(self) -> bool:
        """Wait for the lock."""
        self._threads.acquire()
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._descriptor)
        self._threads.release()


class SealedJournal:
    """Optuna's journal, whose lines carry their place and their seal.

    Parameters
    ----------
    path : Path
        The journal.
    """

    def __init__(self, path: Path) -> None:
        from optuna.storages.journal import JournalFileBackend

        self._path, self._lock = path, FileLock(path)
        self._file = JournalFileBackend(str(path), lock_obj=self._lock)

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """Read the lines from a number on; Optuna looks only at the keys it knows."""
        lines: Iterable[dict[str, Any]] = self._file.read_logs(log_number_from)
        return lines

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write lines."""
        self._lock.acquire()
        try:
            with self._path.open("ab") as file:
                begin, text = file.tell(), b""
                for log in logs:
                    placed = {**log, PLACE: begin + len(text)}
                    text += sealed(json.dumps(placed, separators=(",", ":"))) + b"\n"
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        finally:
            self._lock.release()


def storage(path: Path) -> optuna.storages.JournalStorage:
    """Open a journal; one that was changed after it was written is set aside, and the search begins anew."""
    from optuna.storages import JournalStorage

    path.parent.mkdir(parents=True, exist_ok=True)
    drop_half_line(path, FileLock(path))
    if not is_whole(path):
        aside = set_aside(path)
        logger.warning(
            "%s was changed after it was written: kept as %s, the search begins anew", path, aside.name
        )
    return JournalStorage(SealedJournal(path))


def is_whole(path: Path) -> bool:
    """Whether each line is what was written in its place; lines of before there were seals are believed."""
    at = 0
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else []:
        try:
            if json.loads(opened(line.rstrip(b"\n"))).get(PLACE, at) != at:
                return False
        except (ValueError, AttributeError):
            return False
        at += len(line)
    return True


def drop_half_line(path: Path, lock: FileLock) -> None:
    """Cut off a last line without an end: its writer was killed, and the next line would join it."""
    lock.acquire()
    try:
        content = path.read_bytes() if path.exists() else b""
        if content and not content.endswith(b"\n"):
            os.truncate(path, content.rfind(b"\n") + 1)
    finally:
        lock.release()
