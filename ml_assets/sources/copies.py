"""Files with the same bytes: one that was sent twice, under two names."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Final

GLIMPSE: Final = 256
"""Bytes of the middle of a file, by which most files of one size differ."""


def first_alike(files: Sequence[tuple[Path, Hashable]]) -> list[int]:
    """Place of the first file that has the same bytes as each, and what is told beside its path; often its own.

    Few files are read whole: those alone whose size and middle are those of another.
    """
    sizes = [path.stat().st_size for path, _ in files]
    often = Counter(sizes)
    glimpses = [
        (size, beside, _middle(path, size)) if often[size] > 1 else (size,)
        for (path, beside), size in zip(files, sizes, strict=True)
    ]
    often_seen = Counter(glimpses)
    seen: dict[Hashable, int] = {}
    return [
        seen.setdefault((beside, _digest(path)), place) if often_seen[glimpse] > 1 else place
        for place, ((path, beside), glimpse) in enumerate(zip(files, glimpses, strict=True))
    ]


def _middle(path: Path, size: int) -> bytes:
    handle = os.open(path, os.O_RDONLY)
    try:
        return os.pread(handle, GLIMPSE, size // 2)
    finally:
        os.close(handle)


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
