"""Folders that the operator names: fit to hold databases, or refused in one line."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR
from typing import Final

from ml_assets.settings.errors import SettingsError
from ml_assets.shown import shown

UNFIT: Final = re.compile(r"[\x00\ud800-\udfff]")
"""What no address can hold: no UTF-8."""

READ_OTHERWISE: Final = re.compile(r"[?*\[]|%[0-9A-Fa-f]{2}")
"""What the address of a database reads as a query, or as another character; what Dagster, which looks for its own
settings by a pattern, would take for one, and then go without them."""

DEEPEST: Final = 100
"""Folders in folders; Python's `mkdir` makes them one inside the other."""


def read_folder(variable: str, text: str) -> Path:
    """Absolute path of a folder, `~` filled in.

    Raises
    ------
    SettingsError
        There is no such user, or no current folder to start from.
    """
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise SettingsError(f"{variable}: {text!r}: this machine does not know that user") from None
    except FileNotFoundError:
        raise SettingsError(f"{variable}: the current folder was deleted: change to another one") from None


def read_home(variable: str, text: str) -> Path:
    """Read the folder of all state, which may still have to be made.

    Raises
    ------
    SettingsError
        No databases can be kept there.
    """
    home = read_folder(variable, text)
    if unfit := UNFIT.search(str(home)):
        raise SettingsError(
            f"{variable}: {shown(str(home))} has {unfit.group()!r} in it, which the address of a database cannot hold. "
            "Choose another folder"
        )
    addressed(home)
    if len(home.parts) > DEEPEST:
        raise SettingsError(f"{variable}: {len(home.parts)} folders deep; allowed: {DEEPEST}")
    for place in (home, *home.parents):
        try:
            is_folder = S_ISDIR(place.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            if not place.is_symlink():
                continue
            is_folder = False
        except OSError as error:
            raise unusable(variable, home, error) from None
        if not is_folder:
            raise SettingsError(f"{variable}: {place} is no folder. Choose another place, or remove it")
        break
    return home


def addressed(home: Path) -> Path:
    """Path to a home that the address of a database can hold: its own, or that of a link, made where it is missing.

    Raises
    ------
    SettingsError
        There is no place for such a link.
    """
    found = READ_OTHERWISE.search(str(home))
    if found is None:
        return home
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    for folder in _places_of_links():
        link = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(home)
            # In a folder that all may write to, another user's link could lead anywhere.
            if link.readlink() == home and link.lstat().st_uid == os.getuid():
                return link
        except OSError:
            continue
    raise SettingsError(
        f"ML_ASSETS_HOME: {shown(str(home))} has {found.group()!r} in it, which the address of a database cannot "
        "hold, and no folder for a link to it can be written (~/.cache/ml_assets). Choose another folder"
    )


def _places_of_links() -> list[Path]:
    """Folders for links to homes, the best first; the address of a database can hold them."""
    folders = [Path(tempfile.gettempdir()) / f"ml_assets-{os.getuid()}"]
    with suppress(RuntimeError):  # a user of a container may have no home
        folders.insert(0, Path.home() / ".cache" / "ml_assets")
    return [folder for folder in folders if not READ_OTHERWISE.search(str(folder))]


def keep_private() -> None:
    """Let what this process makes from now on be this user's alone: folders 0700, files 0600."""
    os.umask(0o077)


def unusable(variable: str, home: Path, error: OSError) -> SettingsError:
    """Say why a home cannot be used, and what to do."""
    return SettingsError(
        f"{variable}: {home} cannot be used: {error.strerror}. Choose a folder you may write to"
    )
