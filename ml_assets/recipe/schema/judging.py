"""The sections `quality`, `evaluation` and `promotion`: how data and a model are judged."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ml_assets.recipe.schema.fairness import Fairness
from ml_assets.recipe.schema.section import Names, Section

Value = str | int | float | bool
"""A value of a cell."""


class RowRule(Section):
    """What each row must hold: a row that does not is set aside, with the reason."""

    columns: Names
    """Columns that the rule is for."""
    min: float | str | None = None
    """Smallest number, or earliest date as `2000-01-31`."""
    max: float | str | None = None
    """Largest number, or latest date."""
    allowed: Annotated[tuple[Value, ...], Field(strict=False)] = ()
    """The only values; empty cells are a matter of `required`."""
    required: bool = False
    """No cell is empty; columns of `entity_cols` are required without a rule."""


class Quality(Section):
    """What is suspicious in the data, and what each row must hold."""

    leak: Literal["block", "warn"] = "block"
    """Features that tell the target almost perfectly: no first promotion with them (`block`), or a word."""
    not_a_leak: Names = ()
    """Features that may, alone or with one another: they are known when a prediction is made."""
    deterministic: bool = False
    """The target follows from several features by a rule: neither that nor a perfect score is suspected."""
    rows: Annotated[tuple[RowRule, ...], Field(strict=False)] = ()
    """What each row must hold."""
    quarantine: float = Field(0.01, ge=0.0, le=1.0)
    """Largest share of a batch's rows that are set aside, one at least; more block the batch. 0: any blocks it."""


class Validation(Section):
    """How the hold-out is made."""

    method: Literal["train_test_split", "time_split", "group_split"] | None = None
    """`time_split`: the newest rows are the hold-out (default with batches); `group_split`: all rows of some entities,
    as `entity_cols` names them, in folds too; else at random."""
    test_size: float = Field(0.2, gt=0.0, lt=0.9)
    """Share of rows held out."""
    validation_size: float | None = Field(None, gt=0.0, lt=0.9)
    """Share of all rows on which parameters are chosen, once, in the place of folds: 0.15 beside `test_size: 0.15`."""
    stratify: bool = True
    """Keep class shares equal in both parts (classification, at random)."""
    random_state: int = Field(42, ge=0, le=2**32 - 1)
    """Seed of everything random in this recipe."""


class ExplanationSection(Section):
    """The summary of a report: what each column adds to the answers for some rows (Shapley values)."""

    rows: int | None = Field(None, ge=0, le=2_000)
    """Rows of the hold-out that are explained; each takes ten predictions a column. 0: none, for a model that is slow.
    Default: 60, with more than 19 columns fewer, 10 at least."""
    columns: int = Field(15, ge=1)
    """Columns that it shows, those that add most first."""


class EvaluationSection(Section):
    """How the model is judged."""

    metrics: Names | None = None
    """Metrics to report; default: all of the task."""
    own_metrics: dict[str, Literal["maximize", "minimize"]] = Field(default_factory=dict)
    """Metrics of your own, as `shop.metrics.profit: maximize`, of modules that `ML_ASSETS_MODULES` allows."""
    validation: Validation = Validation()
    """How the hold-out is made."""
    fairness: Fairness = Fairness()
    """How the gaps between the groups of protected columns are judged."""
    targets: dict[str, float] = Field(default_factory=dict)
    """Least acceptable value per metric on the hold-out (most, for errors); a miss blocks promotion."""
    segments: Names = ()
    """Columns whose values are segments: a challenger that is worse in one of them is not promoted."""
    explanation: ExplanationSection = ExplanationSection()
    """What each column adds to the answers, in the report."""


class PromotionSection(Section):
    """What a challenger must show."""

    when: Literal["auto", "better", "not_worse"] = "auto"
    """Promote what is surely better; all that is not surely worse; `auto`: the one until newer models have gained."""
    min_gain: float = Field(0.0, ge=0.0)
    """Least gain over the champion, in the metric's unit; for `when: better`."""
    confidence: float = Field(0.95, gt=0.5, lt=1.0)
    """Confidence of the paired test."""
    min_rows: int = Field(50, ge=10)
    """Fewest rows, seen by neither model, to compare on, and of a segment; a first model needs 20 at most."""
    max_latency_ratio: float | None = Field(1.2, ge=1.0)
    """Longest prediction of one row, as a multiple of the champion's; 20 ms always pass. null: any."""
    max_latency_ms: float | None = Field(None, gt=0.0)
    """Longest answer to one row as it is served, in milliseconds of the processor; a first model, too. Default: any."""
    max_size_mb: float = Field(500.0, gt=0.0)
    """Largest model, in megabytes."""
    probation: int = Field(2, ge=0)
    """Labelled batches on which a new champion that is worse than the one before is rolled back."""
    approval: Literal["automatic", "person"] = "automatic"
    """`person`: what passes, the first model too, waits until a person has said yes (`ml-assets approve`)."""
    approval_batches: int | None = Field(None, ge=1)
    """Newer batches that may come while it waits; more, and the rows that spoke for it are old. Default: 48 hourly,
    7 daily, 3 weekly, 2 monthly, 1 quarterly or yearly."""
