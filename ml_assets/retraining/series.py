"""The newest reports of one kind in a row: how many breached, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ml_assets.shown import figure


@dataclass(frozen=True)
class Series:
    """The newest n usable reports of one kind, oldest first: their batches, values and breaches."""

    kind: Literal["drift", "performance"]
    batches: tuple[str, ...]
    values: tuple[float, ...]
    breached: tuple[bool, ...]
    limit: str
    certain: bool = True
    """Whether all the reports together, not only one by one, are surely bad."""

    def reached(self, k: int) -> bool:
        """K breaches, the newest report among them."""
        return self.certain and sum(self.breached) >= k and bool(self.breached) and self.breached[-1]

    @property
    def words(self) -> str:
        """The series as a reason."""
        subject = "drift share" if self.kind == "drift" else "live metric"
        if not self.batches:
            return f"{subject}: no usable report"
        count = sum(self.breached)
        window = f"the last {len(self.batches)} batches" if len(self.batches) > 1 else "the last batch"
        if not count:
            return f"{subject} {figure(self.values[-1])} in {self.batches[-1]}, within limits in {window}"
        where = [batch for batch, breached in zip(self.batches, self.breached, strict=True) if breached]
        worst = [value for value, breached in zip(self.values, self.breached, strict=True) if breached][-1]
        of = f"{count} of {window}" if len(self.batches) > 1 else window
        return f"{subject} {figure(worst)} {self.limit} in {of} ({', '.join(where)})"
