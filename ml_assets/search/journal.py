"""A search's journal that survives `kill -9`: a lock that dies with its process, and no half-written line."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path


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


def drop_half_line(path: Path, lock: FileLock) -> None:
    """Cut off a last line without an end: its writer was killed, and the next line would join it."""
    lock.acquire()
    try:
        content = path.read_bytes() if path.exists() else b""
        if content and not content.endswith(b"\n"):
            os.truncate(path, content.rfind(b"\n") + 1)
    finally:
        lock.release()
