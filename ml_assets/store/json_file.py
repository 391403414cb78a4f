"""Small files of state as JSON: whatever lies in their place is read as one, or said to be damaged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ml_assets.store.atomic import atomic_write
from ml_assets.store.seal import DamagedError, opened, sealed

__all__ = ["DamagedError", "read_json", "set_aside", "write_json"]

LARGEST: Final = 100_000_000
"""Bytes; a longer one is no small file."""


def read_json(place: Path) -> Any:
    """Read a file; one that was written before there were seals, too.

    Raises
    ------
    DamagedError
        It holds no JSON, was changed, or is a folder or a pipe, which would keep a reader waiting.
    """
    try:
        if not place.is_file():
            raise DamagedError(f"{place} is no file")
        if place.stat().st_size > LARGEST:
            raise DamagedError(f"{place} has more than {LARGEST} bytes")
        return json.loads(opened(place.read_bytes()))
    except (ValueError, OSError, RecursionError) as error:
        raise DamagedError(f"{place} cannot be read: {error}") from None


def write_json(place: Path, value: Mapping[str, Any]) -> None:
    """Write a file in one move, sealed."""
    atomic_write(place, sealed(json.dumps(value, indent=1)))


def set_aside(place: Path) -> Path:
    """Give what is damaged another name, so that the next can take its place; nothing is deleted."""
    aside = place.with_name(f"{place.name}.damaged")
    place.replace(aside)
    return aside
