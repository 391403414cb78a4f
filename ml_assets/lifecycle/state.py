"""One model's state on disk: its recipe, its batches, its registry, its ledger."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ml_assets.failures import MendableError
from ml_assets.lifecycle.storage import place_of
from ml_assets.names import STATIC
from ml_assets.recipe import Recipe
from ml_assets.recipe.loading import recipe_sha256
from ml_assets.recipe.own import declare
from ml_assets.recipe.parts import code_versions
from ml_assets.records import DriftReport
from ml_assets.settings import Settings
from ml_assets.sources import calendar
from ml_assets.store.json_file import read_json, set_aside, write_json
from ml_assets.store.snapshots import Store

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.features.functions import Function
    from ml_assets.recipe.schema import Batches
    from ml_assets.registry.ledger import Ledger
    from ml_assets.registry.versions import Registry
    from ml_assets.sources.account import Rows
    from ml_assets.sources.source import Source

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelState:
    """A recipe and the places where everything made from it is kept.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    path : Path
        Its file; relative data paths are tried against its folder first.
    settings : Settings
        The operator's settings.
    """

    recipe: Recipe
    path: Path
    settings: Settings

    def __post_init__(self) -> None:
        """Make the recipe's own metrics known, by their names."""
        declare(self.recipe.name, self.recipe.task, self.recipe.own_metrics)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.recipe.name

    @cached_property
    def recipe_sha256(self) -> str:
        """Hash of the recipe's content."""
        return recipe_sha256(self.recipe)

    @cached_property
    def code_versions(self) -> dict[str, str]:
        """Hash, by asset, of what the recipe says of it."""
        return code_versions(self.recipe)

    @property
    def folder(self) -> Path:
        """Folder of this machine for what is remembered of the source, and can be made anew."""
        return self.settings.store / self.name

    @cached_property
    def store(self) -> Store:
        """Frames and records of this model's assets: in its folder, or below `storage.root`."""
        return Store(place_of(self.settings, self.name))

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of every model's decisions."""
        from ml_assets.registry.ledger import Ledger

        return Ledger(self.settings.ledger)

    def beside(self, ledger: Ledger) -> ModelState:
        """Give this model with a ledger that is open already: opening it verifies it."""
        state = replace(self)
        vars(state)["ledger"] = ledger  # where the cached property keeps it
        return state

    @cached_property
    def registry(self) -> Registry:
        """MLflow's registry."""
        from ml_assets.registry.versions import Registry

        return Registry(self.settings, self.ledger)

    @property
    def search_seconds(self) -> float:
        """Longest search: what the recipe asks for, or the operator's limit where that is less."""
        from ml_assets.search.candidates import longest

        return longest(self.recipe, self.settings.tuning_timeout)

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        """The recipe's own feature functions; importing them is what the operator allows."""
        from ml_assets.features.functions import load

        return load(self.recipe.model.feature_engineering.functions, self.settings.variables.modules)

    @property
    def command_lock(self) -> str:
        """Name of the lock of a command that trains this model: no other command or sensor then does."""
        return f"{self.name}.command"

    @property
    def studies(self) -> Path:
        """Folder of this model's hyperparameter searches."""
        return self.settings.studies / self.name

    @property
    def source(self) -> Source:
        """Where its rows come from."""
        from ml_assets.sources.source import source_of

        settings = self.settings
        kept = self.folder / "pieces.json"
        return source_of(self.recipe, self.path.parent, settings.variables, settings.mirror, kept)

    def rows(self, batch: str) -> Rows:
        """Read one batch from its source, with the account of the rows that are not given on; none of the erased."""
        from ml_assets.lifecycle.erased import keep_out

        if self.recipe.batches is None:
            return keep_out(self, self.source.read())
        return keep_out(self, self.source.read((batch, self.shifted(batch, 1))))

    def read(self, batch: str) -> pd.DataFrame:
        """Read one batch from its source."""
        return self.rows(batch).frame

    def place(self, batch: str) -> str:
        """Where a batch is read from, in words."""
        where = self.source.place
        return where if self.recipe.batches is None else f"{where}, batch {batch}"

    def calendar(self) -> tuple[str, str] | None:
        """First and last batch of the source, or None while it has no rows.

        The oldest first batch ever seen is remembered: where older rows arrive, the calendar begins earlier.
        """
        batches = self.recipe.batches
        if batches is None:
            return STATIC, STATIC
        span = self.source.extent()
        if span is not None:
            self.begin_with(span[0])
        return span

    def filled_batches(self) -> list[str]:
        """Batches that the source has rows for."""
        return self.source.filled()

    def first_batch(self) -> str | None:
        """First batch of the calendar: the one known, else the oldest row's, which is then remembered."""
        batches = self.recipe.batches
        known = self.known_first_batch()
        if known is not None or batches is None:
            return known
        self.calendar()
        return self.known_first_batch()

    def known_first_batch(self) -> str | None:
        """First batch without a look at the source: the recipe's, else the one remembered."""
        batches = self.recipe.batches
        return STATIC if batches is None else calendar.recipe_start(batches) or self._remembered(batches)

    @property
    def _calendar_file(self) -> Path:
        return self.folder / "calendar.json"

    def _remembered(self, batches: Batches) -> str | None:
        """First batch that was remembered; where the file is lost or damaged, the oldest batch taken in."""
        place = self._calendar_file
        if place.exists():
            try:
                known = read_json(place)
                column, period, first = known["column"], known["period"], str(known["first"])
                if (column, period) != (batches.column, batches.period):
                    return None
                calendar.batch_start(first, batches.period)
                return first
            except (ValueError, KeyError, TypeError):
                aside = set_aside(place)
                logger.warning("%s is damaged; it is kept as %s", place, aside.name)
        taken_in = self.store.batches("raw_data")
        oldest = next((batch for batch in taken_in if calendar.is_batch(batch, batches.period)), None)
        if oldest is not None:
            logger.warning("%s is made anew: it begins with %s, the oldest batch taken in", place, oldest)
            self._remember(batches, oldest)
        return oldest

    def begin_with(self, first: str) -> None:
        """Let the calendar begin with a batch, where it does not begin earlier."""
        known, batches = self.known_first_batch(), self.recipe.batches
        if batches is not None and (known is None or first < known):
            self._remember(batches, first)

    def _remember(self, batches: Batches, first: str) -> None:
        write_json(self._calendar_file, {"column": batches.column, "period": batches.period, "first": first})

    def index(self, batch: str) -> int:
        """Position of a batch on the calendar, from 0."""
        return self.indexes()(batch)

    def indexes(self) -> Callable[[str], int]:
        """Give the function from a batch to its position on the calendar; the calendar's start is read once."""
        first, batches = self.first_batch(), self.recipe.batches
        if batches is None or first is None:
            return lambda _batch: 0
        return lambda batch: calendar.index_between(first, batch, batches.period)

    def shifted(self, batch: str, by: int) -> str:
        """Batch `by` periods after (before, if negative) another."""
        if self.recipe.batches is None or by == 0:
            return batch
        return calendar.next_batch(batch, self.recipe.batches.period, by)

    def labelled_until(self, batch: str) -> str:
        """Newest batch whose labels are known when `batch` has arrived."""
        return self.shifted(batch, -self.recipe.monitoring.label_delay)

    def window(self, as_of: str, *, healthy: bool = False) -> list[str]:
        """Batches a model trained at `as_of` learns from: labelled, cleaned, newest `training.window`.

        `auto` chooses among all of them when the model is trained. `healthy` leaves out batches that the
        drift report found faulty.
        """
        size = self.recipe.training.window
        if isinstance(size, str):
            return self.labelled(as_of, healthy=healthy)
        newest = reversed(self.labelled(as_of))
        taken = (batch for batch in newest if not (healthy and self._faulty(batch)))
        return list(islice(taken, size))[::-1]

    def labelled(self, as_of: str, *, healthy: bool = False) -> list[str]:
        """All batches that are cleaned and whose labels are known at `as_of`, oldest first."""
        last = self.labelled_until(as_of)
        known = [b for b in self.store.batches("cleaned_features") if b <= last]
        return [batch for batch in known if not (healthy and self._faulty(batch))]

    @property
    def accepted(self) -> tuple[str, ...]:
        """Batches that a person has confirmed as the new normal."""
        from ml_assets.registry.accepted import accepted

        return accepted(self.ledger, self.name)

    @property
    def taken_back(self) -> set[str]:
        """Batches that were faulty, and are again since a confirmation was taken back; not those that were mended."""
        from ml_assets.registry.accepted import taken_back

        found = taken_back(self.ledger, self.name).items()
        return {batch for batch, sha256 in found if self.store.sha256("cleaned_features", batch) == sha256}

    def _faulty(self, batch: str) -> bool:
        if batch in self.taken_back:
            return True
        if not self.store.has("drift_report", batch) or batch in self.accepted:
            return False
        return self.store.read_record("drift_report", batch, DriftReport).status == "fault"


PATIENCE = 0.5
"""Seconds: `locked_by_another` holds the lock for an instant, too."""


class Busy(MendableError, RuntimeError):
    """Another process holds the lock."""


@contextmanager
def locked(folder: Path, name: str, patience: float = PATIENCE) -> Iterator[None]:
    """Hold a lock that the operating system releases when this process ends, however it ends."""
    path = _lock(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        deadline = time.monotonic() + patience
        while not _try_lock(handle, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                handle.seek(0)
                raise Busy(
                    f"another process ({handle.read().strip() or 'unknown'}) is at work on {name!r} (lock {path}): wait"
                    " until it has ended, then run the same command again"
                )
            time.sleep(0.02)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def locked_by_another(folder: Path, name: str) -> bool:
    """Whether another living process holds the lock."""
    path = _lock(folder, name)
    if not path.is_file() or path.read_text() == str(os.getpid()):
        return False
    with path.open("a") as handle:
        return not _try_lock(handle, fcntl.LOCK_SH)


def _try_lock(handle: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock(folder: Path, name: str) -> Path:
    return folder / f"{name}.lock"
