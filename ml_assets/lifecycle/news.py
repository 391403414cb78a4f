"""What a long step says while it works: how far it is, and how long it may still take."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from ml_assets.shown import duration, figure

SECONDS_BETWEEN = 5.0
"""So long a person waits without wondering."""
logger = logging.getLogger("ml_assets.training")


class News:
    """Tell how a step goes on: each line to the run's log, now and then one to our own log.

    Parameters
    ----------
    name : str
        Of the model.
    say : callable
        Takes a line for the run's log.
    limit : float
        Seconds after which trials are ended.
    """

    def __init__(self, name: str, say: Callable[[str], None], limit: float = math.inf) -> None:
        self.name, self.say = name, say
        self.told = time.monotonic()
        self._until = self.told + limit
        self._begun: dict[str, tuple[int, float]] = {}

    def fact(self, text: str) -> None:
        """Tell what a person must know of the step, to our own log too."""
        self._tell(f"{self.name}: {text}", now=True)

    def begins(self, text: str, seconds: float = 0.0) -> None:
        """Tell what comes next, and how long it may take, where that is known."""
        whole = f"{self.name}: {text}" + (f", about {duration(seconds)}" if seconds >= 1 else "")
        self._tell(whole, now=seconds >= SECONDS_BETWEEN)

    def trial(self, done: int, total: int, best: float) -> None:
        """Tell of a trial; as `progress` of a fit."""
        left = self._left("trial", done, total, self._until - time.monotonic())
        self._tell(f"{self.name}: trial {done} of {total}, best so far {figure(best, 5)}{left}")

    def column(self, done: int, total: int) -> None:
        """Tell of the columns whose weight is known: now and then, to the run's log too."""
        text = f"{self.name}: weight of column {done:,} of {total:,}{self._left('column', done, total)}"
        if time.monotonic() - self.told > SECONDS_BETWEEN:
            self._tell(text)

    def _left(self, what: str, done: int, total: int, most: float = math.inf) -> str:
        first, begun = self._begun.setdefault(what, (done, time.monotonic()))
        seconds = (time.monotonic() - begun) / (done - first) * (total - done) if done > first else 0.0
        seconds = min(seconds, most)
        return f", about {duration(seconds)} left" if seconds >= 1 else ""

    def _tell(self, text: str, now: bool = False) -> None:
        self.say(text)
        if now or time.monotonic() - self.told > SECONDS_BETWEEN:
            self.told = time.monotonic()
            logger.info(text)
