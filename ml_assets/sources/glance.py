"""A glance at files that were looked at before: the names, and size and time of the newest; of the others by turns."""

from __future__ import annotations

import math
import os
import time
from itertools import islice
from pathlib import Path
from typing import Final

from ml_assets.sources import sight
from ml_assets.sources.paths import listed, only_folder
from ml_assets.sources.sight import Sight
from ml_assets.sources.wanted import Wanted

NEWEST: Final = 50
"""Files, by the time they were written, that each glance looks at."""
TURNS: Final = 16
"""Glances in which each older file is looked at once, at least."""
SETTLED: Final = 2 * 10**9
"""Nanoseconds after a change of a folder, until which another might bear the same time."""
LONGEST: Final = 120.0
"""Seconds within which each older file is looked at once, however seldom a glance is."""


class _Standing:
    """Files of one folder that were as a sight says."""

    def __init__(self, seen: Sight, folder: Path) -> None:
        self.seen, self.folder = seen, folder
        self.written, self.names, self.is_settled = self._listed()
        files = [(name, file.size, file.mtime_ns) for name, file in seen.files.items()]
        files.sort(key=lambda file: file[2], reverse=True)
        self.newest, self.older = files[:NEWEST], files[NEWEST:]
        self.next, self.at, self.glances = 0, time.monotonic(), 0

    def _listed(self) -> tuple[int, list[str], bool]:
        """When a name of the folder changed last, all names, and whether the next change will bear another time."""
        written = self.folder.stat().st_mtime_ns
        names = os.listdir(self.folder)  # noqa: PTH208 - names alone: a Path of each takes six times longer
        return written, names, time.time_ns() - written > SETTLED

    def _has_same_names(self) -> bool:
        """By the folder's time; by all names each sixteenth time, since not every file system keeps that time."""
        self.glances += 1
        if self.is_settled and self.glances % TURNS and self.folder.stat().st_mtime_ns == self.written:
            return True
        self.written, names, self.is_settled = self._listed()
        return names == self.names

    def holds(self) -> bool:
        """Whether nothing has changed, as far as a glance tells."""
        if not self._has_same_names():
            return False
        now = time.monotonic()
        share = max(1 / TURNS, (now - self.at) / LONGEST)
        due = min(len(self.older), math.ceil(len(self.older) * share))
        turn = islice((*self.older, *self.older), self.next, self.next + due)
        for name, size, mtime_ns in (*self.newest, *turn):
            found = os.stat(name)  # noqa: PTH116 - a Path of each takes twice as long
            if found.st_size != size or found.st_mtime_ns != mtime_ns:
                return False
        self.next, self.at = (self.next + due) % max(1, len(self.older)), now
        return True


_STANDING: Final[dict[tuple[str, Path], _Standing]] = {}
"""What this process has looked at, by what was wanted."""


def unchanged(wanted: Wanted, seen: Sight) -> bool:
    """Whether the files are those that were seen, as far as a glance tells.

    A file that is new, gone or called otherwise is noticed at once (within 16 glances where the file system keeps no
    time of a folder), and so is a change of one of the newest 50; one of an older file within 16 glances, or two
    minutes where they are further apart. Several folders are looked at whole.
    """
    reading = sight.reading_of(wanted)
    if seen.reading != reading:
        return False
    place = (reading, wanted.base)
    known = _STANDING.get(place)
    if known is not None and known.seen is seen:
        try:
            if known.holds():
                return True
        except OSError:  # gone since it was listed: what there is now is looked at whole
            pass
    _STANDING.pop(place, None)
    folder, standing = None, None
    if len(seen.files) > NEWEST:
        try:
            folder = only_folder(wanted)
            standing = _Standing(seen, folder) if folder is not None else None
        except OSError:  # gone, or closed to us: the look says so
            pass
    if not seen.same_files({str(path): sight.stat(path) for path in listed(wanted)}):
        return False
    if standing is not None and all(os.path.dirname(name) == str(folder) for name in seen.files):  # noqa: PTH120 - as above
        _STANDING[place] = standing
    return True
