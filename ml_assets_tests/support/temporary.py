"""Where temporary files of tests lie: in memory, where it has room for them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

import psutil

MEMORY: Final = Path("/dev/shm")
ROOM: Final = 8 << 30
"""Bytes that must be free: for homes, and for the environments that slow tests install."""


def lie_in_memory(memory: Path = MEMORY, room: int = ROOM) -> None:
    """Put temporary folders of this process, and of those that it starts, into memory; who says TMPDIR is heard.

    SQLite waits for the disk at each of the hundreds of transactions of a training. A process that is killed leaves
    the same there as on a disk: the system keeps it.
    """
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK):
        return
    place = os.statvfs(memory)
    free = min(place.f_bavail * place.f_frsize, psutil.virtual_memory().available)
    if free >= room and not place.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(memory)
