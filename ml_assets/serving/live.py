"""The champion as it answers now, and the next one taking its place without a gap."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ml_assets.failures import MendableError
from ml_assets.registry.standard import RAW_ROWS, RawRows, example_of
from ml_assets.shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_assets.registry.versions import Registry
    from ml_assets.serving.standard import Predictor
    from ml_assets.serving.ways import Way


class ServingError(MendableError):
    """A model that cannot be served."""


RETRY: Final = 60.0
"""Seconds after which a version that could not be loaded is tried again."""


@dataclass(frozen=True)
class Served:
    """One version, loaded, verified and tried out."""

    name: str
    version: int
    way: Way
    """How it answers: compiled, or by its pipeline."""
    sha256: str
    trained_at: str
    since: str
    """When it began to answer here."""
    example: dict[str, Any]
    """A row that it takes."""

    @property
    def known(self) -> RawRows:
        """What it takes, and what it answers."""
        return self.way.known

    @property
    def predictor(self) -> Predictor:
        """The pipeline, of a version that answers by it."""
        from ml_assets.serving.ways import Piped

        assert isinstance(self.way, Piped)
        return self.way.predictor


class Live:
    """The version that answers, exchanged as one reference: each request is answered by one version alone.

    Parameters
    ----------
    registry : Registry
    name : str
        The model.
    version : int, optional
        Answer with this version whoever is champion; default: the champion, whoever that is.
    tell : callable
        Told in one line of each change, and of each version that is kept out.
    """

    def __init__(
        self, registry: Registry, name: str, version: int | None, tell: Callable[[str], None]
    ) -> None:
        self.registry = registry
        self.name = name
        self.fixed = version
        self.tell = tell
        self.refused: str | None = None
        """Why the champion does not answer here; None while it does."""
        self.away: str | None = None
        """Why the registry could not be asked at the last look; None where it could."""
        self._retry = (0, 0.0)
        self.served = load_version(registry, name, self._wanted())

    def refresh(self) -> None:
        """Take a new champion once it is loaded, verified and tried out; what fails changes nothing.

        A registry that is away leaves the version that answers in its place. A version that failed is tried
        again after `RETRY` seconds.
        """
        try:
            wanted = self._wanted()
        except Exception as error:  # noqa: BLE001 - whatever a registry does, the version that answers stays
            self.away = self._told(self.away, "the registry does not answer", error)
            return
        self.away = None
        if wanted == self.served.version:
            self.refused = None
            return
        version, after = self._retry
        if wanted == version and time.monotonic() < after:
            return
        try:
            served = load_version(self.registry, self.name, wanted)
        except Exception as error:  # noqa: BLE001 - whatever a new version does, the one that answers stays
            self._retry = (wanted, time.monotonic() + RETRY)
            self.refused = self._told(self.refused, f"version {wanted} is kept out", error)
            return
        before, self.served, self.refused = self.served, served, None
        self.tell(f"{self.name}: version {served.version} answers now, in place of version {before.version}")

    def _told(self, known: str | None, what: str, error: Exception) -> str:
        """Say once what keeps the old version in its place."""
        reason = str(error) if isinstance(error, MendableError) else f"{type(error).__name__}: {error}"
        text = f"{what}: {shown(reason, 500)}"
        if text != known:
            self.tell(f"{self.name}: version {self.served.version} answers on: {text}")
        return text

    def _wanted(self) -> int:
        if self.fixed is not None:
            return self.fixed
        champion = self.registry.champion(self.name)
        if champion is None:
            raise ServingError(f"{self.name}: no version is champion yet: train it first, `ml-assets train`")
        return champion.version


def load_version(registry: Registry, name: str, version: int, *, compiled: bool = True) -> Served:
    """Load a version, verified and tried out on the rows saved with it.

    Parameters
    ----------
    registry : Registry
    name : str
    version : int
    compiled : bool
        Whether its compiled model is wanted where there is one; else its pipeline is loaded.

    Raises
    ------
    IntegrityError
        Its files are not those that were registered.
    ServingError
        It was saved without what serving needs.
    """
    from ml_assets.serving.body import read
    from ml_assets.serving.ways import way_of

    trained = registry.version(name, version).trained
    what = f"{name} version {version}"
    with registry.files.verified_model(trained, what) as folder:
        if not (folder / RAW_ROWS).exists():
            raise ServingError(f"{what} was saved by a version of ml_assets without serving: train it again")
        way = way_of(folder, registry.settings.variables.modules, compiled)
        example = example_of(folder)
    row = json.loads(example.head(1).to_json(orient="records", date_format="iso"))[0]
    way.answers(read(json.dumps({"rows": [row]}).encode(), way.known, 1))
    return Served(
        name,
        version,
        way,
        trained.sha256,
        trained.trained_at,
        datetime.now(UTC).isoformat(timespec="seconds"),
        row,
    )


class Watch(threading.Thread):
    """Looks at the registry every so many seconds, until it is stopped."""

    def __init__(self, live: Live, seconds: float) -> None:
        super().__init__(name="champion", daemon=True)
        self.live = live
        self.seconds = seconds
        self.stopped = threading.Event()

    def run(self) -> None:
        """Look until stopped."""
        while not self.stopped.wait(self.seconds):
            self.live.refresh()

    def stop(self) -> None:
        """End after the look that is under way."""
        self.stopped.set()
        self.join(timeout=10)
