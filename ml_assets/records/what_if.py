"""What other settings of a policy would have done on the same history, by the fits that a backtest has kept."""

from __future__ import annotations

from typing import Literal

from ml_assets.records.base import Direction, Record


class Setting(Record):
    """One setting of the four keys of `retraining` that are turned, and what it would have done.

    `gain` is over never training, positive is better whatever the metric's direction. Where `needs` says which fit was
    not kept, there is no result.
    """

    performance_threshold: float | None
    drift_threshold: float
    cooldown: int
    max_age: int | Literal["auto", "off"]
    section: str
    """As the recipe would say it, in YAML."""
    needs: str = ""
    score: tuple[float, float, float] | None = None
    """Live metric over all rows served, and the ends of its 95 % interval."""
    gain: tuple[float, float, float] | None = None
    """The same of the gain."""
    retrains: int = 0
    promoted: int = 0
    undone: int = 0
    seconds: float = 0.0
    """What the trainings took."""


class WhatIf(Record):
    """The settings that were tried, the recipe's own first, then by how little they differ from it.

    `stops` are the values of each key, in order. `untried` counts those that a long history leaves out.
    """

    metric: str
    direction: Direction
    first: str
    batches: int
    stops: dict[str, tuple[float | int | str | None, ...]]
    settings: tuple[Setting, ...]
    untried: int = 0
