"""One line of the table, and the table as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line: what was simulated, the goal, what was measured, and whether that meets the goal."""

    what: str
    goal: str
    measured: str
    met: bool
    count: int

    def record(self) -> dict[str, Any]:
        """The line as JSON."""
        return asdict(self)


def markdown(rows: Iterable[Row]) -> str:
    """Lay the lines out as a Markdown table."""
    lines = ["| what | goal | measured | of | met |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.what} | {row.goal} | {row.measured} | {row.count:,} | {'yes' if row.met else '**no**'} |"
        for row in rows
    ]
    return "\n".join(lines)


def upper(hits: int, count: int) -> float:
    """Upper end of the two-sided 95 % Wilson interval of a share.

    >>> round(upper(20, 2000), 4)
    0.0154
    """
    z = 1.96
    share = hits / count
    half = z * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    return (share + z**2 / (2 * count) + half) / (1 + z**2 / count)
