"""One line of the table, the table as Markdown, and the processes that simulate."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Any

PIECES = 20


@dataclass(frozen=True)
class Row:
    """One line: what was simulated, the goal, what was measured, and whether that meets the goal.

    `met` is None where there is no goal, only something to compare with.
    """

    what: str
    goal: str
    measured: str
    met: bool | None
    count: int

    def record(self) -> dict[str, Any]:
        """The line as JSON."""
        return asdict(self)


def markdown(rows: Iterable[Row]) -> str:
    """Lay the lines out as a Markdown table."""
    words = {True: "yes", False: "**no**", None: ""}
    lines = ["| what | goal | measured | of | met |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.what} | {row.goal} | {row.measured} | {row.count:,} | {words[row.met]} |" for row in rows
    ]
    return "\n".join(lines)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % Wilson interval of a share.

    >>> [round(end, 4) for end in wilson(20, 2000)]
    [0.0065, 0.0154]
    """
    z = 1.96
    share = hits / count
    middle = share + z**2 / (2 * count)
    half = z * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    return max(0.0, (middle - half) / (1 + z**2 / count)), (middle + half) / (1 + z**2 / count)


class Workers:
    """Processes that share out simulations, and tell on stderr when a line is done."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self.pool = pool
        self.started = time.perf_counter()

    def total(self, function: Callable[..., int], seed: int, count: int, *rest: Any) -> int:
        """Sum `function(seed, n, *rest)` over pieces of the count; any number of processes gives the same."""
        pieces = [count // PIECES + (k < count % PIECES) for k in range(PIECES)]
        return sum(self.each(function, [(seed * 1000 + k, n, *rest) for k, n in enumerate(pieces) if n]))

    def each(self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> list[Any]:
        """Results of several calls."""
        waiting = [self.pool.submit(function, *call) for call in calls]
        return [future.result() for future in waiting]

    def tell(self, row: Row) -> Row:
        """Say that a line is done."""
        print(f"{time.perf_counter() - self.started:5.0f} s  {row.what}: {row.measured}", file=sys.stderr)
        return row


@contextmanager
def workers(jobs: int) -> Iterator[Workers]:
    """Start processes."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield Workers(pool)
