"""How much may be asked at once, and how often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of one server."""

    body: int = 8 << 20
    """Bytes of a request."""
    rows: int = 10_000
    """Rows of a request."""
    at_once: int = 16
    """Requests that are answered or wait for it; more are sent away with 503."""
    per_minute: int = 6_000
    """Requests of one key, on the average; a burst may use up a minute's at once."""
    seconds: float = 30.0
    """For one answer."""


class Rate:
    """A bucket for each caller that refills steadily (token bucket).

    Parameters
    ----------
    per_minute : int
        Size of the bucket, and what flows in within a minute.
    now : callable
        Seconds that only go up.
    """

    MOST_CALLERS = 10_000

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self.now = now
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def wait(self, caller: str) -> float:
        """Seconds until a caller may ask again; 0 where this request is taken.

        >>> rate = Rate(2, now=lambda: 0.0)
        >>> rate.wait("a"), rate.wait("a"), rate.wait("a"), rate.wait("b")
        (0.0, 0.0, 30.0, 0.0)
        """
        with self._lock:
            now = self.now()
            left, then = self._left.pop(caller, (float(self.per_minute), now))
            left = min(self.per_minute, left + (now - then) * self.per_minute / 60)
            taken = left >= 1
            self._left[caller] = (left - taken, now)
            if len(self._left) > self.MOST_CALLERS:  # the one that was silent longest
                del self._left[next(iter(self._left))]
            return 0.0 if taken else (1 - left) * 60 / self.per_minute
