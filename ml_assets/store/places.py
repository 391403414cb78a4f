"""Where the objects of a store lie: in a folder of this machine, or in a bucket.

Both give the same law: an object has its old content or all of the new one, at any moment and after any crash. A folder
has a rename for that; of a bucket one PUT is one change, and a reader meets the object before it or after it.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol, TypeVar

from ml_assets.failures import MendableError
from ml_assets.shown import shown
from ml_assets.store.atomic import atomic_write
from ml_assets.store.buckets import filesystem, library_missing, reason

Answer = TypeVar("Answer")

BLOB: Final = re.compile(r"/blobs/([0-9a-f]{64})\.parquet$")
"""Objects that are named by the SHA-256 of what they hold: a copy of one never gets old."""

RACE: Final = 1_000_000_000
"""Nanoseconds: of what was written later, another write could leave the same time."""

MD5: Final = re.compile(r"[0-9a-f]{32}")
"""What S3 says of an object that was written in one piece."""


class PlaceError(MendableError, RuntimeError):
    """A bucket does not answer, or refuses us."""


class Place(Protocol):
    """Objects by key, `ASSET/NAME`; the parts of a key are fit for a file's name."""

    folder: Path
    """Folder of this machine: all there is, or copies of what was read and written here."""

    def read(self, key: str) -> bytes | None:
        """Content of an object; None where there is none."""

    def write(self, key: str, content: bytes) -> None:
        """Write an object: whoever reads sees its old content, or all of the new one."""

    def holds(self, key: str, content: bytes) -> bool:
        """Whether an object is there and holds this."""

    def exists(self, key: str) -> bool:
        """Whether there is an object."""

    def names(self, folder: str) -> list[str]:
        """Names of the objects that lie in a folder, not in one below it."""

    def contents(self, folder: str, ending: str) -> dict[str, bytes]:
        """Name → content of the objects in a folder whose names end so."""

    def version(self, folder: str) -> Hashable | None:
        """What stays the same until an object of a folder is written; None where it cannot be told."""

    def folders(self) -> list[str]:
        """Folders that have objects, sorted."""

    def keys(self, folder: str = "") -> list[str]:
        """All keys below a folder, sorted."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is no matter."""

    def fresh(self) -> Place:
        """The same, but nothing is answered from a copy."""

    def named(self, key: str) -> str:
        """Where an object is, for a message."""

    def file(self, key: str) -> Path:
        """Where a browser of this machine finds an object."""


class Folder:
    """Objects as files below a folder, which is made when first written to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> bytes | None:
        """Content of a file; None where there is none."""
        try:
            return (self.folder / key).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, key: str, content: bytes) -> None:
        """Write a file in one move."""
        atomic_write(self.folder / key, content)

    def holds(self, key: str, content: bytes) -> bool:
        """Whether a file is there and holds this."""
        return self.exists(key) and self.read(key) == content

    def exists(self, key: str) -> bool:
        """Whether there is a file."""
        return (self.folder / key).exists()

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder."""
        try:
            with os.scandir(self.folder / folder) as found:
                return [entry.name for entry in found if entry.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def contents(self, folder: str, ending: str) -> dict[str, bytes]:
        """Name → content of the files in a folder whose names end so."""
        found = {name: self.read(f"{folder}/{name}") for name in self.names(folder) if _is(name, ending)}
        return {name: content for name, content in found.items() if content is not None}

    def version(self, folder: str) -> Hashable | None:
        """When the folder was written last: each write is a rename in it, which sets its time."""
        try:
            written = (self.folder / folder).stat().st_mtime_ns
        except FileNotFoundError:
            return 0
        return None if time.time_ns() - written < RACE else written

    def folders(self) -> list[str]:
        """Folders below the folder, sorted."""
        return sorted(path.name for path in self.folder.glob("*/"))

    def keys(self, folder: str = "") -> list[str]:
        """All files below a folder."""
        beginning = len(str(self.folder)) + 1
        below = (f"{root}/{name}" for root, _, names in os.walk(self.folder / folder) for name in names)
        return sorted(path[beginning:] for path in below if os.path.isfile(path))  # noqa: PTH113 - a Path takes five times longer

    def delete(self, key: str) -> None:
        """Remove a file."""
        (self.folder / key).unlink(missing_ok=True)

    def fresh(self) -> Folder:
        """A folder has no copies."""
        return self

    def named(self, key: str) -> str:
        """Path of a file."""
        return str(self.folder / key)

    def file(self, key: str) -> Path:
        """Path of a file, whether or not there is one."""
        return self.folder / key


_POINTERS: dict[tuple[str, str], bytes] = {}
"""(address, ETag) → content of small objects that were read: a listing tells whether they are still those."""
MOST_POINTERS: Final = 50_000


class Bucket:
    """Objects below an address that fsspec knows; frames that were read or written lie in `folder`, too.

    Parameters
    ----------
    uri : str
        As `s3://BUCKET/FOLDER`.
    folder : Path
        For copies of frames, which are named by what they hold, and of pages.
    called : str
        What a message calls it.
    """

    def __init__(self, uri: str, folder: Path, *, copies: bool = True, called: str = "storage.root") -> None:
        self.uri, self.folder, self.copies, self.called = uri.rstrip("/"), folder, copies, called

    def read(self, key: str) -> bytes | None:
        """Content of an object; None where there is none."""
        blob = BLOB.search(f"/{key}")
        if blob is None or not self.copies:
            return self._asked(lambda store: _content(store, self._path(key)))
        copy = Folder(self.folder).read(key)
        if copy is not None and hashlib.sha256(copy).hexdigest() == blob[1]:
            return copy
        content = self._asked(lambda store: _content(store, self._path(key)))
        if content is not None and hashlib.sha256(content).hexdigest() == blob[1]:
            atomic_write(self.folder / key, content)
        return content

    def write(self, key: str, content: bytes) -> None:
        """Write an object by one PUT, or by parts that become an object all at once."""
        self._asked(lambda store: store.pipe_file(self._path(key), content))
        if self.copies and (BLOB.search(f"/{key}") or (self.folder / key).exists()):  # a copied page follows
            atomic_write(self.folder / key, content)

    def holds(self, key: str, content: bytes) -> bool:
        """Whether an object is there and holds this: by its ETag where that is a checksum, else by reading it."""

        def ask(store: Any) -> bool:
            try:
                info = store.info(self._path(key))
            except FileNotFoundError:
                return False
            mark = str(info.get("ETag") or "").strip('"')
            if int(info.get("size") or 0) != len(content):
                return False
            own = hashlib.md5(content, usedforsecurity=False).hexdigest()
            return (MD5.fullmatch(mark) is not None and mark == own) or _content(
                store, self._path(key)
            ) == content

        return self._asked(ask)

    def exists(self, key: str) -> bool:
        """Whether there is an object."""
        return bool(self._asked(lambda store: store.isfile(self._path(key))))

    def names(self, folder: str) -> list[str]:
        """Names of the objects in a folder: one listing."""
        return [PurePosixPath(path).name for path in self._listed(folder)]

    def contents(self, folder: str, ending: str) -> dict[str, bytes]:
        """Name → content of the objects in a folder whose names end so: what has not changed is not read again."""
        found: dict[str, bytes] = {}
        for path, mark in self._listed(folder).items():
            name = PurePosixPath(path).name
            if not _is(name, ending):
                continue
            content = _POINTERS.get((path, mark)) if mark else None
            if content is None:
                content = self._asked(partial(_content, path=path))
                if mark and content is not None and len(_POINTERS) < MOST_POINTERS:
                    _POINTERS[path, mark] = content
            if content is not None:
                found[name] = content
        return found

    def version(self, folder: str) -> Hashable | None:
        """Names and ETags of the objects in a folder: one listing."""
        found = self._listed(folder)
        return hash(tuple(sorted(found.items()))) if all(found.values()) else None

    def folders(self) -> list[str]:
        """Folders that have objects, sorted."""
        return sorted({key.partition("/")[0] for key in self.keys() if "/" in key})

    def keys(self, folder: str = "") -> list[str]:
        """All keys below a folder."""
        return sorted(self.sizes(folder))

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Key → bytes of all objects below a folder."""

        def ask(store: Any) -> dict[str, int]:
            root = store._strip_protocol(self.uri)
            try:
                found = store.find(store._strip_protocol(self._path(folder)), detail=True)
            except FileNotFoundError:
                return {}
            return {str(path)[len(root) :].strip("/"): info["size"] or 0 for path, info in found.items()}

        return self._asked(ask)

    def delete(self, key: str) -> None:
        """Remove an object, and its copy."""

        def ask(store: Any) -> None:
            if store.isfile(self._path(key)):
                store.rm_file(self._path(key))

        self._asked(ask)
        (self.folder / key).unlink(missing_ok=True)

    def fresh(self) -> Bucket:
        """The same, but nothing is answered from a copy."""
        return Bucket(self.uri, self.folder, copies=False)

    def named(self, key: str) -> str:
        """Address of an object."""
        return self._path(key)

    def file(self, key: str) -> Path:
        """Path of a copy, made where there is an object and none of it."""
        place = self.folder / key
        if not place.exists():
            content = self.read(key)
            if content is not None:
                atomic_write(place, content)
        return place

    def _path(self, key: str) -> str:
        return f"{self.uri}/{key}".rstrip("/")

    def _listed(self, folder: str) -> dict[str, str]:
        """Path → ETag of the objects in a folder."""

        def ask(store: Any) -> dict[str, str]:
            try:
                found = store.ls(store._strip_protocol(self._path(folder)), detail=True)
            except FileNotFoundError:
                return {}
            return {
                str(info["name"]): str(info.get("ETag") or "") for info in found if info["type"] == "file"
            }

        return self._asked(ask)

    def _asked(self, question: Callable[[Any], Answer]) -> Answer:
        """Ask the store, and say in one line what keeps us from it."""
        scheme = self.uri.partition("://")[0]
        try:
            store = filesystem(scheme)
            store.invalidate_cache()  # of listings: other machines write, too
            return question(store)
        except ImportError:
            raise PlaceError(f"{self.called} '{shown(self.uri)}': {library_missing(scheme)}") from None
        except PlaceError:
            raise
        except Exception as error:  # each store's library has errors of its own
            raise PlaceError(f"{self.called} '{shown(self.uri)}': {reason(error)}") from error


def _content(store: Any, path: str) -> bytes | None:
    try:
        return bytes(store.cat_file(path))
    except FileNotFoundError:
        return None


def _is(name: str, ending: str) -> bool:
    return name.endswith(ending) and not name.startswith(".")


def move(old: Place, new: Place, ending: str = "") -> None:
    """Copy all frames, records and files, then remove those whose keys end so; killed, it goes on where it was.

    Frames come before what points at them, and nothing is removed before all of it is there.
    """
    keys = sorted(
        (key for key in old.keys("") if "/" in key), key=lambda key: (BLOB.search(f"/{key}") is None, key)
    )
    for key in keys:
        content = old.read(key)
        if content is not None:
            new.write(key, content)
    for key in reversed(keys):
        if key.endswith(ending):
            old.delete(key)
