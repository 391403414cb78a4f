"""What the gate and the probation answer."""

from __future__ import annotations

from typing import Literal

from ml_assets.records.base import Direction, Record


class SegmentGain(Record):
    """Champion and challenger on a part of the rows; `p_value` of "not worse" is Holm-corrected."""

    segment: str
    rows: int
    champion_score: float
    challenger_score: float
    gain: float
    p_value: float
    worse: bool


class GateCheck(Record):
    """One thing that must not become worse, in words."""

    name: str
    passed: bool
    text: str


class Costs(Record):
    """Seconds that a prediction of one row takes, both models measured in turn, and the challenger's size."""

    challenger_bytes: int
    challenger_seconds: float | None = None
    champion_seconds: float | None = None


class Promotion(Record):
    """The gate's answer; `looks` counts the challengers that this champion was compared with before."""

    outcome: Literal["promote", "keep", "inconclusive"]
    reason: str
    metric: str
    direction: Direction
    rows: int
    champion_version: int | None = None
    champion_score: float | None = None
    challenger_score: float | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    rows_needed: int | None = None
    looks: int = 0
    alpha: float | None = None
    segments: tuple[SegmentGain, ...] = ()
    checks: tuple[GateCheck, ...] = ()
    forced: bool = False


class Probation(Record):
    """A new champion on its first live labels beside the champion before, on the same rows."""

    outcome: Literal["rollback", "passed", "watching"]
    reason: str
    metric: str
    direction: Direction
    rows: int
    batches: tuple[str, ...]
    champion_version: int
    previous_version: int
    champion_score: float | None = None
    previous_score: float | None = None
    loss: float | None = None
    loss_low: float | None = None
    loss_high: float | None = None
    p_value: float | None = None
    alpha: float
