"""What a step hands on to be looked at."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Pictured:
    """Result of a step: whatever pictures it has, its asset shows."""

    pictures: dict[str, bytes] = field(default_factory=dict)
    """PNG images by name, of at most 30 KB each, in the order in which they are shown."""
