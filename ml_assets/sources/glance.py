"""A glance at files that were looked at before: all names, and size and time of the newest; of the others by turns."""

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
TURNS: Final = 8
"""Glances in which each older file is looked at once, at least."""
LONGEST: Final = 120.0
"""Seconds within which each older file is looked at once, however seldom a glance is."""


class _Standing:
    """Files of one folder that were as a sight says."""

    def __init__(self, seen: Sight, folder: Path, names: list[str]) -> None:
        self.seen, self.folder, self.names = seen, folder, names
        files = [(name, file.size, file.mtime_ns) for name, file in seen.files.items()]
        files.sort(key=lambda file: file[2], reverse=True)
        self.newest, self.older = files[:NEWEST], files[NEWEST:]
        self.next, self.at = 0, time.monotonic()

    def holds(self) -> bool:
        """Whether nothing has changed, as far as a glance tells."""
        if os.listdir(self.folder) != self.names:  # noqa: PTH208 - names alone: a Path of each takes six times longer
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

    A file that is new, gone or called otherwise is noticed at once, and so is a change of one of the newest 50; one of
    an older file within 8 glances, or two minutes where they are further apart. Several folders are looked at whole.
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
    folder = only_folder(wanted) if len(seen.files) > NEWEST else None
    names = os.listdir(folder) if folder is not None else []  # noqa: PTH208 - as above
    if not seen.same_files({str(path): sight.stat(path) for path in listed(wanted)}):
        return False
    if folder is not None and all(os.path.dirname(name) == str(folder) for name in seen.files):  # noqa: PTH120 - as above
        _STANDING[place] = _Standing(seen, folder, names)
    return True
