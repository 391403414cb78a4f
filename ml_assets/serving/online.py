"""The online store of a server: asked in time or not at all, and told where it is away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ml_assets.serving.body import RequestError
from ml_assets.serving.lookup import Lookup
from ml_assets.shown import shown
from ml_assets.sources.paths import SourceError

if TYPE_CHECKING:
    from ml_assets.serving.live import Served
    from ml_assets.settings import Settings
    from ml_assets.sources.feature_store.repository import Repository

LOGGER = logging.getLogger("ml_assets.serving")
AT_ONCE: Final = 16
"""Requests that the store is asked for at once."""
AGAIN: Final = 5.0
"""Seconds after which a repository that did not open is tried again."""

T = TypeVar("T")
Stamp = tuple[tuple[str, int, int], ...]


class Online:
    """The feature store as requests ask it.

    Parameters
    ----------
    settings : Settings
        They name the repository.
    most : float
        Seconds for one request.
    """

    def __init__(self, settings: Settings, most: float = 5.0) -> None:
        self.settings, self.most = settings, most
        self.asked = self.failed = 0
        """Requests that it was asked for, and those that it did not answer."""
        self.seconds = 0.0
        """Seconds that they took together."""
        self.away: str | None = None
        """Why it could not be asked the last time; None where it could."""
        self.repository: Repository | None = None
        """Once it is open."""
        self._open, self._before = ExitStack(), ExitStack()
        """The repository, and the one before, which requests under way still ask."""
        self._read: Stamp = ()
        """What its files were when it was opened, or when it could not be opened anew."""
        self._shut = ("", 0.0)
        self._opening = threading.Lock()
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._lookups: dict[tuple[int, ...], Lookup | None] = {}

    def lookup(self, *versions: Served) -> Lookup | None:
        """Tell how rows for these versions of a model are filled; None where none takes a feature of the store."""
        key = tuple(served.version for served in versions)
        if key not in self._lookups:
            lookup = Lookup(self.within, versions)
            self._lookups[key] = lookup if lookup.columns else None
        return self._lookups[key]

    def within(self, work: Callable[[Repository], T]) -> T:
        """Ask in a thread of its own, which may hang.

        Raises
        ------
        RequestError
            With status 503, where there is no answer in time; or what `work` raises of that kind.
        """
        began, future = time.monotonic(), Future[T]()

        def run() -> None:
            try:
                future.set_result(work(self.open()))
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                future.set_exception(error)
            finally:
                self._room.release()

        self.asked += 1
        try:
            if not self._room.acquire(timeout=self.most):
                raise TimeoutError
            threading.Thread(target=run, name="features", daemon=True).start()
            found = future.result(max(0.0, began + self.most - time.monotonic()))
        except TimeoutError:
            raise self._fails(f"no answer within {self.most:g} s") from None
        except SourceError as error:
            raise self._fails(error.message) from None
        finally:
            self.seconds += time.monotonic() - began
        self.away = None
        return found

    def open(self) -> Repository:
        """Open the repository, where it is not open yet or its file has changed; raises SourceError.

        A file that cannot be read now leaves the repository in its place that was read before, and is told in the log.
        """
        with self._opening:
            now = self._stamp()
            if self.repository is None:
                reason, until = self._shut
                if time.monotonic() < until:
                    raise SourceError(reason)
                try:
                    self._begin(now)
                except SourceError as error:
                    self._shut = error.message, time.monotonic() + AGAIN
                    raise
            elif now != self._read:
                self._read = now
                try:
                    self._begin(now)
                except SourceError as error:
                    LOGGER.warning("the feature repository is not read again: %s", shown(error.message, 500))
            assert self.repository is not None
            return self.repository

    def _begin(self, stamp: Stamp) -> None:
        """Open the repository beside the one that is open, and put it in its place.

        Feast's first question takes seconds, whatever it is: it is asked here.
        """
        from ml_assets.sources.feature_store.examine import ask_of_nobody
        from ml_assets.sources.feature_store.repository import opened

        with ExitStack() as opening:
            repository = opening.enter_context(opened(self.settings, online=True))
            with suppress(SourceError):  # a store that is away is told to the request that needs it
                ask_of_nobody(repository)
            self._before.close()
            self._before, self._open = self._open, opening.pop_all()
        self.repository, self._read = repository, stamp

    def _stamp(self) -> Stamp:
        """Time and size of the files that say what the repository is."""
        from ml_assets.sources.feature_store.declared import FILE
        from ml_assets.sources.feature_store.repository import FEAST_FILE

        folder, found = self.settings.feature_store, []
        for name in (FEAST_FILE, FILE):
            with suppress(OSError):  # one of the two is not there
                seen = (Path(folder or "") / name).stat()
                found.append((name, seen.st_mtime_ns, seen.st_size))
        return tuple(found)

    def close(self) -> None:
        """Close the repository."""
        self._before.close()
        self._open.close()

    def keys(self, lookup: Lookup) -> dict[tuple[str, ...], tuple[str, ...]]:
        """Say which columns are looked up by which keys; nothing while the repository is not open, or lacks them."""
        try:
            return {} if self.repository is None else lookup.keys(self.repository)
        except SourceError:
            return {}

    def told(self, lookup: Lookup) -> dict[str, Any]:
        """Say what is looked up, and whether the store answers."""
        return {
            "columns": lookup.columns,
            "keys": sorted({key for names in self.keys(lookup) for key in names}),
            "kept_by": self._kept_by(),
            "away": self.away,
        }

    def _kept_by(self) -> str | None:
        return None if self.repository is None else self.repository.stores[1]

    def _fails(self, reason: str) -> RequestError:
        """Say once in the log why; callers are told no address."""
        self.failed += 1
        if reason != self.away:
            LOGGER.warning("features are not looked up: %s", shown(reason, 500))
        self.away = reason
        message = (
            f"the feature store ({self._kept_by() or 'it is not open'}) does not answer, and the rows lack features: "
            "try again, or give the features in the rows"
        )
        return RequestError(503, "feature_store", message, after=int(AGAIN))
