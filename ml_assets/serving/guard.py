"""Whether an arm of an experiment must go at once: it fails, or it is slow."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import Final

from ml_assets.records.experiments import CHAMPION, Ended

FAILURES: Final = 5
"""Requests of an arm that may fail before anything is said."""
FAILED_SHARE: Final = 0.01
"""Part of its requests that may fail: the champion answers them."""
KEPT: Final = 500
"""Newest requests of an arm whose seconds are kept."""
TIMED: Final = 100
"""Requests of both arms from which on their seconds are compared."""
UNNOTICED: Final = 0.02
"""Seconds that nobody notices, as the gate has it."""


class Guard:
    """Counts failures and seconds of each arm.

    Parameters
    ----------
    most : float, optional
        How many times as long as the champion an arm may take (`promotion.max_latency_ratio`); None: as long as it
        likes.
    """

    def __init__(self, most: float | None) -> None:
        self.most = most
        self._requests: dict[str, int] = {}
        self._failed: dict[str, int] = {}
        self._faults: dict[str, str] = {}
        self._seconds: dict[str, deque[float]] = {}
        self._lock = Lock()

    def note(self, arm: str, seconds: float, fault: str | None = None) -> None:
        """Keep how a request of an arm went."""
        with self._lock:
            self._requests[arm] = self._requests.get(arm, 0) + 1
            if fault is not None:
                self._failed[arm] = self._failed.get(arm, 0) + 1
                self._faults[arm] = fault
            else:
                self._seconds.setdefault(arm, deque(maxlen=KEPT)).append(seconds)

    def failed(self, arm: str) -> int:
        """Requests of an arm that failed."""
        return self._failed.get(arm, 0)

    def verdict(self) -> tuple[Ended, str] | None:
        """Say why an arm must go; None where none must."""
        with self._lock:
            slowest = {arm: _ninetieth(each) for arm, each in self._seconds.items() if len(each) >= TIMED}
            for arm, failed in self._failed.items():
                requests = self._requests[arm]
                if arm != CHAMPION and failed >= FAILURES and failed > FAILED_SHARE * requests:
                    return (
                        "errors",
                        f"{failed:,} of {requests:,} requests of the arm {arm!r} failed, and were answered by the "
                        f"champion: {self._faults[arm]}",
                    )
            own = slowest.get(CHAMPION)
            if own is None or self.most is None:
                return None
            for arm, seconds in slowest.items():
                if arm != CHAMPION and seconds > max(self.most * own, UNNOTICED):
                    return (
                        "latency",
                        f"a tenth of the answers of the arm {arm!r} take {1000 * seconds:.3g} ms or more, of the "
                        f"champion's {1000 * own:.3g} ms: more than {self.most:g} times as long "
                        "(promotion.max_latency_ratio)",
                    )
            return None


def _ninetieth(seconds: deque[float]) -> float:
    return sorted(seconds)[int(0.9 * len(seconds))]
