"""Files of a backtest: written in one move with their hash, and made anew where they are damaged."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pandas as pd

logger = logging.getLogger(__name__)

Kept = TypeVar("Kept")

DIGEST = 32
"""Bytes of a SHA-256."""


def kept_file(place: Path | None, read: Callable[[Path], Kept]) -> Kept | None:
    """Read what an earlier backtest kept; None where there is nothing, or only half of it: it is made anew."""
    if place is None or not place.is_file():
        return None
    try:
        return read(place)
    except (ValueError, OSError) as error:  # pyarrow's and pydantic's errors are ValueErrors
        logger.warning("%s is damaged and is made anew: %s", place, str(error).partition("\n")[0])
        return None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one move, with the hash of its content behind it."""
    unfinished = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
    unfinished.write_bytes(content + hashlib.sha256(content).digest())
    unfinished.replace(path)


def read_whole(path: Path) -> bytes:
    """Read what `_write_whole` wrote; ValueError where it is something else."""
    written = path.read_bytes()
    content, digest = written[:-DIGEST], written[-DIGEST:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("it was changed after it was written")
    return content


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a frame that was written whole."""
    return pd.read_parquet(io.BytesIO(read_whole(path)))
