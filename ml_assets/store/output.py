"""Places that a person names for what a command writes: tried before the work, and written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_assets.failures import WrongUsageError


def see_file(option: str, path: Path) -> None:
    """
    Try whether a file can be written at a place; one that is there stays as it is.

    Raises
    ------
    WrongUsageError
        If it cannot; the message names `option` and place.
    """
    path = path.absolute()
    if path.is_dir():
        raise WrongUsageError(f"{option} {path}: it is a folder: name a file in it")
    with _told(option, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=f".{path.name[:80]}.", dir=path.parent):
            pass


@contextmanager
def new_folder(option: str, target: Path) -> Iterator[Path]:
    """
    Make a folder: give an empty one that takes its place in one move, or, where something fails, not at all.

    Raises
    ------
    WrongUsageError
        If there is something in its place, or no folder can be made there.
    """
    target = target.absolute()
    if os.path.lexists(target) and (target.is_symlink() or not target.is_dir() or any(target.iterdir())):
        raise WrongUsageError(f"{option} {target}: it is there already: remove it, or name another folder")
    with _told(option, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        place = tempfile.mkdtemp(prefix=f".{target.name[:80]}.", dir=target.parent)
    try:
        made = Path(place) / "made"
        made.mkdir()
        yield made
        if target.is_dir():
            target.rmdir()
        made.rename(target)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _told(option: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (
            "a part of the path is a file" if isinstance(error, FileExistsError | NotADirectoryError) else ""
        )
        raise WrongUsageError(
            f"{option} {path}: it cannot be written ({reason or error.strerror}): name a place that can be"
        ) from None
