"""What is known about a batch: drift of the inputs, live scores, and what both are measured against."""

from __future__ import annotations

from typing import Any, Literal

from ml_assets.records.base import Direction, Record, Score
from ml_assets.records.fairness import GapTest, ProtectedGroups


class BatchFacts(Record):
    """What is remembered of a batch, to say what is usual; no model is asked."""

    batch: str
    rows: int
    missing: dict[str, float] = {}
    """Share of the rows without a value, by column."""
    repeated: float = 0.0
    """Share of the rows that are there before in the batch."""
    labelled: int = 0
    classes: dict[str, float] = {}
    """Share of the labels, by class; empty where there are many, or none."""
    late_seconds: float | None = None
    """When it came, after its end; None where nobody saw it come."""
    told: tuple[str, ...] = ()
    """Ways in which it was unlike the batches before: it does not say what is usual of them."""


class ColumnDrift(Record):
    """One column of a batch against the same column of the reference; `p_value` is Bonferroni-corrected.

    `effects` are all effects by name, `usual` the most that this column's own earlier batches lead to expect
    of `effect`. `trend` of a drifted column: it `moved now`, `moved once` and stays there, or `keeps moving`;
    `learned` of one that is as in the champion's newest training batches, `accepted` of one that is as in a batch
    that a person has confirmed: neither has drifted.
    """

    column: str
    kind: Literal["numeric", "categorical"]
    test: str
    effect_name: str
    effect: float
    p_value: float
    drifted: bool
    note: str = ""
    effects: dict[str, float] = {}
    usual: float | None = None
    trend: Literal["", "moved now", "moved once", "keeps moving", "learned", "accepted"] = ""
    importance: float | None = None
    estimated_loss: float | None = None


class JointDrift(Record):
    """Whether columns go together as before: how well their products tell batch from reference (0.5: not).

    `learned`: they go together as in the champion's newest training batches, or as in confirmed ones, and so have
    not drifted.
    """

    auc: float
    p_value: float
    pairs: tuple[tuple[str, str], ...] = ()
    drifted: bool = False
    learned: bool = False


class DriftReport(Record):
    """The inputs of a batch against the rows that the champion was trained on.

    `share` counts the columns that drifted alone and those of the pairs that drifted jointly. `weight` is
    their share of the champion's whole permutation importance, `estimated_loss` what their shift may cost in
    the unit of `metric`; both are None where the importance is unknown.
    """

    batch: str
    champion_version: int | None
    status: Literal["ok", "drift", "insufficient_data", "fault", "no_champion"]
    rows: int
    reference_rows: int
    share: float
    columns: tuple[ColumnDrift, ...] = ()
    set_aside: dict[str, str] = {}
    faults: tuple[str, ...] = ()
    text: str = ""
    joint: JointDrift | None = None
    predictions: tuple[ColumnDrift, ...] = ()
    metric: str = ""
    weight: float | None = None
    estimated_loss: float | None = None
    pooled: tuple[str, ...] = ()
    """Batches before this one whose rows are judged with its own, since each has too few."""


class Profile(Record):
    """What monitoring must know about a version: measured once, when it was trained.

    `importance` is the loss in `metric` when a column is permuted among the hold-out's rows; `usual` the
    effects of the training batches, each against the others, by column and effect; `predictions` a sample of
    those on the hold-out, `design` how many rows of it count as one, for their mean and for their spread.
    """

    metric: str
    importance: dict[str, float] = {}
    usual: dict[str, dict[str, tuple[float, ...]]] = {}
    predictions: dict[str, tuple[Any, ...]] = {}
    design: dict[str, tuple[float, float]] = {}


class LossSummary(Record):
    """Losses of the hold-out's rows, by the model that had not seen them; larger ones count as `cap`.

    `design`: so many rows count as one, since they are of one entity or follow one another.
    """

    kind: str
    mean: float
    std: float
    rows: int
    cap: float
    skewness: float = 0.0
    design: float = 1.0


class SequentialTest(Record):
    """Whether the loss of a row is above the hold-out's: a cumulative sum over one champion's batches.

    `total` is the batch's sum of losses, standardised by the hold-out's; `allowance` what is taken off for each
    of its `rows`, as many as count where rows belong together; `since` the batch at which the sum rose from 0 for
    the last time.
    """

    loss: str
    rows: int
    total: float
    mean: float
    holdout_mean: float
    allowance: float
    statistic: float
    threshold: float
    since: str | None = None
    alarm: bool = False
    text: str = ""


class MaturedEstimate(Record):
    """An estimate whose labels have come; `error` is the estimate minus what was realised."""

    batch: str
    value: float
    realised: float
    error: float


class Estimate(Record):
    """The live score of a batch before its labels are known; `value` is None where `reason` says why.

    `mean_error` is how far the earlier estimates of this metric, `matured_batches` of them, were off on average.
    """

    batch: str
    champion_version: int
    metric: str
    rows: int
    value: float | None = None
    method: str = ""
    reason: str = ""
    mean_error: float | None = None
    matured_batches: int = 0
    matured: MaturedEstimate | None = None
    text: str = ""


class Expected(Record):
    """What the hold-out leads to expect of the score of a batch with as many rows of each class.

    `value` and `error` are mean and standard deviation of the scores of batches drawn from the hold-out,
    `holdout_error` the standard error of the hold-out itself, `shared` its part of the variance, in which all batches
    share. `rows` of the batch and `holdout_rows` are of the class `rarest`. `p_value`: that live is no worse; None: too
    few to tell.
    """

    value: float
    error: float
    holdout_error: float
    shared: float
    rarest: str
    rows: int
    holdout_rows: int
    p_value: float | None


class PerformanceReport(Record):
    """The live score of the newest batch whose labels are known at `batch`.

    `estimate` speaks of `batch` itself, whose labels may be still to come: without them it says whether drift does
    harm. `concept` is the sequential test of the rows' loss, `target` the labels of the scored batch beside those
    the champion learned.
    """

    batch: str
    scored_batch: str | None
    champion_version: int | None
    status: Literal["ok", "insufficient_data", "waiting", "in_sample", "no_champion"]
    metric: str
    direction: Direction
    rows: int
    coverage: float
    score: Score | None = None
    holdout: Score | None = None
    p_value: float | None = None
    text: str = ""
    estimate: Estimate | None = None
    concept: SequentialTest | None = None
    target: ColumnDrift | None = None
    pooled: tuple[str, ...] = ()
    """Batches before the scored one whose rows are scored with its own, since each has too few."""
    expected: Expected | None = None
    """Where few rows of a class carry the score."""
    targets: tuple[ColumnDrift, ...] = ()
    """Labels of each of several targets; `target` is then the one that drifted furthest."""
    protected: tuple[ProtectedGroups, ...] = ()
    """Groups of the columns that the recipe protects, on the scored batch."""
    gap_tests: tuple[GapTest, ...] = ()
    """Whether gaps with a limit are surely above it, over the batches of this champion."""

    @property
    def gap_rows(self) -> list[dict[str, Any]]:
        """The gaps of all protected columns, a row of a table each."""
        return [
            {"column": each.column, **gap.model_dump(exclude={"figure", "p"}, exclude_none=True)}
            for each in self.protected
            for gap in each.gaps
        ]

    @property
    def unequal(self) -> tuple[GapTest, ...]:
        """Gaps that are surely above their limits."""
        return tuple(test for test in self.gap_tests if test.alarm)

    @property
    def each_target(self) -> tuple[ColumnDrift, ...]:
        """Labels of each target beside those the champion learned."""
        return self.targets or ((self.target,) if self.target is not None else ())
