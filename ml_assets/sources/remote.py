"""Files in object storage as a source: each is fetched once into a mirror on this machine, and read as a file.

A look is one listing. What it says of an object, its size, its time and its ETag, tells whether it is another than the
one in the mirror.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ml_assets.recipe.readable import ENDINGS, FILE_TYPES, either
from ml_assets.sources.account import Account, Rows
from ml_assets.sources.files_source import Files
from ml_assets.sources.paths import SourceError
from ml_assets.sources.sight import Part, Sight
from ml_assets.sources.wanted import Labels, Wanted
from ml_assets.store.buckets import filesystem, library_missing, reason
from ml_assets.store.json_file import DamagedError, read_json, write_json

if TYPE_CHECKING:
    from ml_assets.sources.sampled import Sampled

Answer = TypeVar("Answer")

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What the operating system says of a disk that takes no more."""

MAGIC: Final = re.compile(r"[*?\[]")

TIMES: Final = ("LastModified", "last_modified", "mtime", "updated", "created")
"""Where stores say when an object was written."""

MARKS: Final = ("ETag", "etag", "md5Hash", "content_md5", "VersionId", "generation")
"""Where stores say which content an object has."""


class Remote:
    """Files below a bucket, with the same columns; their rows are one table."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted

    @property
    def place(self) -> str:
        """Address or pattern, as the recipe has it."""
        return self.wanted.name

    def read(self, window: Labels = (None, None)) -> Rows:
        """Rows of the batches from the first label until (without) the second."""
        return self._asked(lambda files: files.read(window))

    def columns(self) -> None:
        """Files are read to know their columns."""

    def extent(self) -> tuple[str, str] | None:
        """First and last batch there is data for; None while there is no row, or no file."""
        return self._asked(Files.extent)

    def filled(self) -> list[str]:
        """Batches that there are rows for."""
        return self._asked(Files.filled)

    def look(self, before: Sight) -> Sight:
        """List the objects, and look at those that are others than before."""
        return self._asked(lambda files: files.look(before))

    def is_as(self, seen: Sight) -> bool:
        """A listing tells."""
        return False

    def parts_within(self, window: Labels) -> None:
        """What has not changed is not looked at again."""

    def batches_in(self, seen: Sight) -> dict[str, Part]:
        """Rows and digest of each batch that was seen; the store is not asked."""
        return Files(self.wanted).batches_in(seen)

    def describe(self) -> Account:
        """Account of all rows."""
        return self._asked(Files.describe)

    def sample(self) -> Sampled:
        """Rows of all batches, or of some of many."""
        return self._asked(Files.sample)

    def _asked(self, question: Callable[[Files], Answer]) -> Answer:
        """Bring the mirror up to date and ask its files; what is wrong is told by the names that the store has."""
        mirror = Mirror.of(self.wanted)
        with mirror.fetched() as pattern:
            try:
                return question(Files(replace(self.wanted, uri=pattern)))
            except SourceError as error:
                if mirror.is_empty:
                    raise SourceError(
                        f"source_uri '{self.wanted.name}': the store has no {either(FILE_TYPES)} object there. "
                        "Correct the address"
                    ) from None
                raise SourceError(error.message.replace(str(mirror.folder), mirror.root), error.key) from None


class Mirror:
    """The copies of what an address names.

    Parameters
    ----------
    uri : str
        Address of an object or of a folder of objects, or a pattern.
    name : str
        The same as the recipe has it.
    folder : Path
        Folder for the copies.
    """

    def __init__(self, uri: str, name: str, folder: Path) -> None:
        scheme, _, path = uri.partition("://")
        self.scheme = scheme.lower()
        self.name, self.path = name, path.rstrip("/")
        fixed = self.path.split("/")
        pattern = next((i for i, part in enumerate(fixed) if MAGIC.search(part)), None)
        self.base = "/".join(fixed[:pattern])
        """What all objects lie in, with the bucket."""
        self.pattern = "" if pattern is None else "/".join(fixed[pattern:])
        self.is_empty = True
        self.folder = folder / "files"
        self._index = folder / "objects.json"
        self._lock = folder / "mirror.lock"

    @property
    def root(self) -> str:
        """Address of the folder that is mirrored."""
        return f"{self.scheme}://{self.base}"

    @classmethod
    def of(cls, wanted: Wanted) -> Mirror:
        """Mirror of a source; beside the state, or, without one, as long as this process lives."""
        mark = hashlib.sha256(wanted.uri.encode()).hexdigest()[:16]
        return cls(wanted.uri, wanted.name, (wanted.mirror or _passing()) / mark)

    @contextmanager
    def fetched(self) -> Iterator[str]:
        """Let the mirror be as the store is, and give the path or pattern of its files.

        Raises
        ------
        SourceError
            The store does not answer, refuses us, or has no such bucket.
        """
        with self._told():
            found = self._listed()
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two processes do not fetch the same
            known = self._known()
            for name, (key, mark) in found.items():
                place = self.folder / name
                if known.get(name) != mark or not place.is_file():
                    with self._told():
                        self._fetch(key, place, mark)
                    known[name] = mark
                    write_json(self._index, known)
            if gone := known.keys() - found.keys():
                for name in gone:
                    (self.folder / name).unlink(missing_ok=True)
                write_json(self._index, {name: mark for name, mark in known.items() if name in found})
        self.is_empty = not found
        yield str(self.folder / self.pattern)

    def _known(self) -> dict[str, list[Any]]:
        try:
            return dict(read_json(self._index)) if self._index.exists() else {}
        except DamagedError:  # it is a mirror: all is fetched anew
            return {}

    def _listed(self) -> dict[str, tuple[str, list[Any]]]:
        """Name below the folder → key in the store, and what tells one content from another."""
        store = self._store
        store.invalidate_cache()
        if not self.pattern and store.isfile(self.path):
            self.base, _, self.pattern = self.path.rpartition("/")
        if self.pattern and not MAGIC.search(self.pattern):
            infos = {self.path: store.info(self.path)}
        elif self.pattern:
            infos = store.glob(self.path, detail=True)
        else:
            infos = store.find(self.path, detail=True)
        found = {}
        for key, info in infos.items():
            if info.get("type") != "file" or not key.lower().endswith(tuple(ENDINGS)):
                continue
            name = str(key).strip("/").removeprefix(self.base.strip("/")).strip("/")
            found[_sound(name, self.name)] = (str(key), _mark(info))
        return dict(sorted(found.items()))

    @property
    def _store(self) -> Any:
        return filesystem(self.scheme)

    def _fetch(self, key: str, place: Path, mark: list[Any]) -> None:
        """Copy an object: whole or not at all, with a time of its own for each content."""
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(dir=place.parent, prefix=".fetched-")
        os.close(handle)
        try:
            self._store.get_file(key, made)
            size = Path(made).stat().st_size
            if size != mark[0]:
                raise SourceError(
                    f"source_uri '{self.name}': {self.scheme}://{key} has {size} bytes, and the listing says "
                    f"{mark[0]}: it was written meanwhile. Run the same command again"
                )
            seconds = int(datetime.fromisoformat(mark[2]).timestamp()) if mark[2] else 0
            # A store tells whole seconds: two contents of one second differ in what comes behind.
            behind = int(hashlib.sha256(repr(mark).encode()).hexdigest()[:12], 16) % 10**9
            os.utime(made, ns=(seconds * 10**9 + behind,) * 2)
            Path(made).replace(place)
        finally:
            Path(made).unlink(missing_ok=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what keeps us from a store, in one line."""
        try:
            yield
        except SourceError:
            raise
        except ImportError:
            raise SourceError(f"source_uri '{self.name}': {library_missing(self.scheme)}") from None
        except OSError as error:
            if error.errno in FULL:  # of our disk, not of the store: that has words of its own
                raise
            raise SourceError(f"source_uri '{self.name}': {reason(error)}") from error
        except Exception as error:  # each store's library has errors of its own
            raise SourceError(f"source_uri '{self.name}': {reason(error)}") from error


def _mark(info: Mapping[str, Any]) -> list[Any]:
    """Size, content and time of an object as the listing tells them."""
    content = next((str(info[name]) for name in MARKS if info.get(name)), "")
    time = next((info[name] for name in TIMES if info.get(name)), None)
    if isinstance(time, int | float):
        time = datetime.fromtimestamp(time, UTC)
    return [
        int(info.get("size") or 0),
        content,
        time.isoformat() if isinstance(time, datetime) else str(time or ""),
    ]


def _sound(name: str, source_uri: str) -> str:
    """Refuse a key that is no path: it would be written outside of the mirror, or over another.

    >>> _sound("month=2024-01/a.csv", "s3://b")
    'month=2024-01/a.csv'
    """
    parts = name.split("/")
    if not name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise SourceError(
            f"source_uri '{source_uri}': the object {name!r} has a name that is no path: name the others by a pattern"
        )
    return name


@cache
def _passing() -> Path:
    import atexit
    import shutil

    folder = Path(tempfile.mkdtemp(prefix="ml_assets-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
