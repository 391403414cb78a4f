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


class Comparison(Record):
    """A newer model beside an older one of the same recipe, on rows that neither was trained on.

    `age` is how many batches the newer one had learned more, `index` the position of the batch at which they were
    compared. A positive `gain` says that the newer one was better; `error` is the standard error of its rows, `score`
    the older one's.
    """

    index: int
    age: float
    metric: str
    gain: float
    error: float
    score: float


class Promotion(Record):
    """The gate's answer; `looks` counts the challengers that this champion was compared with before.

    `waits`: the gate would promote, and the recipe asks for a person. `approved` the entry of the ledger that waited.
    `comparison` is what it tells of the model's ageing, `refits` what refits on history told at this training.
    """

    outcome: Literal["promote", "waits", "keep", "inconclusive"]
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
    comparison: Comparison | None = None
    refits: tuple[Comparison, ...] = ()
    approved: int | None = None
    by_pipeline: str = ""
    """Why a server answers by the pipeline though there is a compiled form; empty where nothing speaks against it."""


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
    comparison: Comparison | None = None
    """With the champion before, once the probation has ended."""
