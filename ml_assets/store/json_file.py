"""Small files of state as JSON: whatever lies in their place is read as one, or said to be damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from ml_assets.failures import MendableError

LARGEST: Final = 100_000_000
"""Bytes; a longer one is no small file."""


class DamagedError(MendableError, ValueError):
    """What lies in the file's place is no JSON."""


def read_json(place: Path) -> Any:
    """Read a file.

    Raises
    ------
    DamagedError
        It holds no JSON, or is a folder or a pipe, which would keep a reader waiting.
    """
    try:
        if not place.is_file():
            raise DamagedError(f"{place} is no file")
        if place.stat().st_size > LARGEST:
            raise DamagedError(f"{place} has more than {LARGEST} bytes")
        return json.loads(place.read_bytes())
    except (ValueError, OSError, RecursionError) as error:
        raise DamagedError(f"{place} cannot be read: {error}") from None


def set_aside(place: Path) -> Path:
    """Give what is damaged another name, so that the next can take its place; nothing is deleted."""
    aside = place.with_name(f"{place.name}.damaged")
    place.replace(aside)
    return aside
