"""All models: looked at in the background, kept in memory, and what a person asks of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Hashable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from ml_assets.failures import MendableError
from ml_assets.pages.known import Model, Models, Source
from ml_assets.pages.light import Light
from ml_assets.pages.seen import Seen, seen
from ml_assets.registry import champions

logger = logging.getLogger("ml_assets.pages")

ASSETS = ("drift_report", "performance_report", "cleaned_features")
"""What is written of a model whenever something of it changes that the ledger does not know."""
ORDER = {"act": 0, "watch": 1, "none": 2, "well": 3}
SECONDS = 5.0
"""Between two looks."""


class Fleet:
    """What was seen of every model, and how it is kept up to date.

    Parameters
    ----------
    source : Source
        Where ledger and records are.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.models = Models()
        self.seen: dict[str, Seen] = {}
        self.fault = ""
        self._lock = threading.Lock()
        self._sight: Hashable = None
        self._marks: dict[str, Hashable] = {}
        self._newest = -1
        self._ended = threading.Event()

    def look(self) -> None:
        """Read anew what has changed: recipes, entries of the ledger, reports."""
        with self._lock:
            try:
                self._look()
            except (MendableError, OSError) as error:  # the pages show what was seen last, and say so
                self.fault = str(error)
            else:
                self.fault = ""

    def _look(self) -> None:
        ledger, now = self.source.own, datetime.now(UTC)
        sight = self.source.sight()
        if sight != self._sight:
            self.models = self.source.models()
            self._sight = sight
            self._marks = {name: mark for name, mark in self._marks.items() if name in self.models.sound}
        newest = ledger.newest_id()
        changed = ledger.changed_since(self._newest) if newest != self._newest else frozenset()
        found = dict(self.seen)
        with ledger.at_rest():
            for name, model in self.models.sound.items():
                mark = _mark(model)
                if (
                    name in changed
                    or mark is None
                    or self._marks.get(name, 0) != mark
                    or name not in found
                    or _is_over(found[name], now)
                ):
                    found[name] = seen(model, ledger, now)
                    self._marks[name] = mark
            others = self._others(changed, found)
        self._newest = newest
        self.seen = {name: found[name] for name in self.models.sound} | others

    def _others(self, changed: Iterable[str], found: dict[str, Seen]) -> dict[str, Seen]:
        """Models whose recipe is broken, or gone while a version of theirs is in charge."""
        broken = {
            name: Seen(name, Light("act", "broken recipe", text, "mend the file and line that are named"))
            for name, text in self.models.broken.items()
            if name not in self.models.sound
        }
        ledger = self.source.own
        gone = {*found, *changed}
        left = {
            name: Seen(
                name,
                Light(
                    "watch",
                    "recipe missing",
                    "no recipe has this name any more",
                    "bring it back, or rename it",
                ),
                version=champions.champion_version(ledger, name),
            )
            for name in gone - set(self.models.sound) - set(broken)
            if champions.champion_version(ledger, name) is not None and not champions.is_left(ledger, name)
        }
        return broken | left

    def watch(self) -> None:
        """Look now and then, in a thread of its own, until `end`."""

        def watch() -> None:
            while not self._ended.wait(SECONDS):
                self.look()

        threading.Thread(target=watch, name="pages", daemon=True).start()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()


def _is_over(row: Seen, now: datetime) -> bool:
    """Whether what was seen reads otherwise by now."""
    return row.until is not None and row.until <= now


def _mark(model: Model) -> Hashable:
    """What stays the same until a report is written; None where that cannot be told."""
    try:
        versions = tuple(model.store.version(asset) for asset in ASSETS)
    except (MendableError, OSError):
        return None
    return None if None in versions else (id(model), *versions)


class Asked(NamedTuple):
    """A part of the fleet: what was asked for, page by page."""

    rows: list[Seen]
    found: int
    page: int
    pages: int


PER_PAGE = 50


def ask(rows: Iterable[Seen], words: str, level: str, page: int) -> Asked:
    """Find models by a part of their name and by how they are, the most urgent first."""
    wanted = [
        row for row in rows if words.strip().lower() in row.name.lower() and level in ("", row.light.level)
    ]
    wanted.sort(key=lambda row: (ORDER[row.light.level], row.name))
    pages = max(1, -(-len(wanted) // PER_PAGE))
    page = min(max(1, page), pages)
    return Asked(wanted[(page - 1) * PER_PAGE : page * PER_PAGE], len(wanted), page, pages)


def headline(rows: Iterable[Seen]) -> str:
    """Say in a sentence whether anything needs a person.

    >>> headline([])
    'There is no model yet.'
    """
    levels = [row.light.level for row in rows]
    if not levels:
        return "There is no model yet."
    act, watch, none = (levels.count(level) for level in ("act", "watch", "none"))
    total = f"{len(levels):,} model{'s' * (len(levels) > 1)}"
    if act:
        return f"{act:,} of {total} need{'s' * (act == 1)} you."
    if watch:
        return f"Nothing needs you. {watch:,} of {total} {'is' if watch == 1 else 'are'} worth an eye."
    if none:
        return f"Nothing needs you. {none:,} of {total} {'has' if none == 1 else 'have'} no champion yet."
    return f"Nothing needs you. All is well with {total}."
