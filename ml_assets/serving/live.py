"""The champion as it answers now, and the next one taking its place without a gap."""

from __future__ import annotations

import json
import math
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ml_assets.failures import MendableError
from ml_assets.records.experiments import CHAMPION
from ml_assets.registry import champions, experiments
from ml_assets.registry.experiments import Running
from ml_assets.registry.standard import RAW_ROWS, RawRows, example_of
from ml_assets.serving.trial import Trial
from ml_assets.shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from ml_assets.registry.versions import Registry
    from ml_assets.serving.standard import Predictor
    from ml_assets.serving.ways import Way


class ServingError(MendableError):
    """A model that cannot be served."""


RETRY: Final = 60.0
"""Seconds after which a version that could not be loaded is tried again."""
ANYHOW: Final = 60.0
"""Seconds after which all is looked at although the ledger has nothing new: MLflow may be away, or a ledger lost."""


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
        self.trial: Trial | None = None
        """The experiment in which versions are compared; exchanged as one reference, too."""
        self.untried: str | None = None
        """Why an experiment that is running is not followed here."""
        self._left: dict[int, float] = {}
        self._seen: tuple[int, float] | None = None
        """Newest entry of the ledger when all stood still, and until when that is trusted."""
        self.served = load_version(registry, name, self._wanted())
        self._follow_experiment()

    def look(self) -> None:
        """Refresh, unless the ledger has nothing new of this model: that is one query instead of twenty."""
        if not self._stands_still():
            self.refresh()

    def _stands_still(self) -> bool:
        if self._seen is None or (self.trial is not None and self.trial.guard.verdict() is not None):
            return False
        newest, until = self._seen
        try:
            return time.monotonic() < until and self.name not in self.registry.ledger.changed_since(newest)
        except Exception:  # noqa: BLE001 - whatever it is: `refresh` meets it, too, and tells it
            return False

    def refresh(self) -> None:
        """Take a new champion once it is loaded, verified and tried out, and follow an experiment.

        What fails changes nothing. A registry that is away leaves the version that answers in its place. A version that
        failed is tried again after `RETRY` seconds.
        """
        self._seen = None
        with suppress(Exception):  # whatever a ledger does: `away` tells it, and the next look is a whole one
            newest = self.registry.ledger.newest_id()
            if not self.registry.ledger.open_intents(self.name):
                self._seen = newest, time.monotonic() + ANYHOW
        self._follow_champion()
        self._follow_experiment()
        if self.refused or self.untried or self.away:
            self._seen = None

    def _follow_champion(self) -> None:
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

    def _follow_experiment(self) -> None:
        """Begin, leave or end an experiment; a server of one fixed version takes part in none."""
        if self.fixed is not None:
            return
        try:
            self._see_to_arms()
            found = experiments.running(self.registry.ledger, self.name)
            if found is None or found.experiment.champion != self.served.version:
                self.trial = self.untried = None
            elif self.trial is None or self.trial.running.number != found.number:
                self._begin(found)
        except Exception as error:  # noqa: BLE001 - a ledger that is away: what is compared goes on
            self.away = self._told(self.away, "the ledger does not answer", error)

    def _begin(self, found: Running) -> None:
        if time.monotonic() < self._left.get(found.number, 0.0):
            return
        try:
            versions = {
                arm.name: load_version(self.registry, self.name, arm.version) for arm in found.experiment.arms
            }
            _see_features([self.served, *versions.values()])
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a version, the champion answers on
            self._left[found.number] = time.monotonic() + RETRY
            self.untried = self._told(self.untried, f"experiment {found.number} is not followed", error)
            return
        self.trial, self.untried = Trial(found, {CHAMPION: self.served, **versions}), None
        self.tell(f"{self.name}: {experiments.words(found)}")

    def _see_to_arms(self) -> None:
        """End an experiment whose arm fails or is slow: here at once, for other servers by the ledger."""
        trial = self.trial
        found = trial.guard.verdict() if trial is not None else None
        if trial is None or found is None:
            return
        how, reason = found
        self.trial = None
        self._left[trial.running.number] = math.inf
        self.tell(f"{self.name}: experiment {trial.running.number} ends, the champion answers all: {reason}")
        experiments.end(self.registry.ledger, trial.running, how, actor="server", reason=reason)

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
            raise ServingError(
                f"{self.name}: no version is champion yet: train it first, `ml-assets train --recipe-file FILE`"
            )
        return champion.version


def load_version(
    registry: Registry, name: str, version: int, *, compiled: bool = True, past: pd.DataFrame | None = None
) -> Served:
    """Load a version, verified and tried out on the rows saved with it.

    Parameters
    ----------
    registry : Registry
    name : str
    version : int
    compiled : bool
        Whether its compiled model is wanted where there is one; else its pipeline is loaded.
    past : DataFrame, optional
        Earlier clean rows, for a version whose features are made of them.

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
        said = champions.by_pipeline(registry.ledger, name, version)
        way = way_of(folder, registry.settings.variables.modules, compiled and not said, past)
        if said and past is None:
            way.why = said
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


def _see_features(versions: list[Served]) -> None:
    """Refuse versions that call different features of a feature store the same: a row has one value of a column."""
    found: dict[str, tuple[str, str]] = {}
    for served in versions:
        for namespace, feature, column in served.way.recipe.model.augmenter.joined:
            if found.setdefault(column, (namespace, feature)) != (namespace, feature):
                raise ServingError(f"its versions join different features as the column {column!r}")


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
            self.live.look()

    def stop(self) -> None:
        """End after the look that is under way."""
        self.stopped.set()
        self.join(timeout=10)
