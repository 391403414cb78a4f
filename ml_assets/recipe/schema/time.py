"""The sections of data that arrives over time: `batches`, `training`, `monitoring`, `retraining`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ml_assets.recipe.periods import Period
from ml_assets.recipe.schema.section import Section


class Batches(Section):
    """Data that arrives over time."""

    column: str
    """Column with the time of each row."""
    period: Period
    """Stretch of time that is one batch; weeks begin on Monday, the others with the clock and the calendar."""
    drops: bool = False
    """Rows have no time: `column` is made of the date in the name of each file."""
    start: str | None = None
    """First batch, `YYYY-MM-DD`. Default: the oldest row when a command first reads the data."""
    end: str | None = None
    """No batch at or after this date. Default: open."""
    grace: str = "1h"
    """Time after a batch's end (`90m`, `6h`, `2d`) before it is due: then it is taken in, or its absence is told."""
    revisit: Annotated[int, Field(ge=1)] | Literal["all", "never"] = "all"
    """Newest batches that are taken in anew where their rows or labels have changed in the source."""


class Training(Section):
    """Which rows the model learns from."""

    window: Annotated[int, Field(ge=1)] | Literal["all", "auto"] = "all"
    """Newest labelled batches, all, or `auto`: as far back as predicts the newest labelled batches best."""
    first: int = Field(1, ge=1)
    """Labelled batches that must have arrived before the first model is trained."""
    folds: Annotated[int, Field(ge=2, le=20)] | None = None
    """Cross-validation folds of the search. Default: 5; automatic search on over 5,000 rows: 3,
    on over 10,000 one fifth."""
    engine: Literal["local", "dask"] = "local"
    """What fits: this machine, or the workers of a Dask cluster (extra `dask`, docs/operations.md): trials of a search,
    as many at a time as `n_jobs` says, and XGBoost on partitions of the rows."""


class Monitoring(Section):
    """How batches are watched."""

    label_delay: int = Field(0, ge=0, le=10_000)
    """Batches until labels are known."""
    min_rows: int = Field(300, ge=30)
    """Fewer rows than this prove nothing: the report says insufficient data."""


class Breaches(Section):
    """Persistence: k of the last n batches, the last one among them."""

    k: int = Field(2, ge=1)
    """Breached batches needed."""
    n: int = Field(3, ge=1)
    """Batches looked at."""


class Budget(Section):
    """The most that retrains may be, and may cost, in a stretch of batches."""

    retrains: int = Field(6, ge=1)
    """Retrains allowed."""
    batches: int = Field(12, ge=1)
    """Length of the stretch."""
    cpu_hours: float | None = Field(None, gt=0.0)
    """Hours of CPU that trainings may take together; once they are spent no other is begun. null: any."""


class Retraining(Section):
    """When the model is trained again by itself."""

    enabled: bool = True
    """Off: reports only."""
    mode: Literal["automatic", "suggest", "off"] = "automatic"
    """`suggest`: what asks for a training is told, and a person trains; `off` is `enabled: false`."""
    performance_threshold: float | None = None
    """Breach when the live metric is worse than this. Default: significantly worse than on the hold-out."""
    drift_threshold: float = Field(0.1, ge=0.0, le=1.0)
    """Breach when a larger share of the columns has drifted, and they hold over 5 % of the importance."""
    drift_importance: float = Field(0.3, ge=0.0, le=1.0)
    """Breach, too, when those that drifted, however few, hold a larger share of the importance. 1: never."""
    breaches: Breaches = Breaches()
    """Persistence."""
    cooldown: int = Field(1, ge=0)
    """Batches without another retrain after one."""
    budget: Budget = Budget()
    """The most retrains in a stretch of batches, and what they may cost."""
    wait_for_labels: bool = True
    """Drift alone waits for labels of `breaches.k` drifted batches: before, there is nothing to learn."""
    max_age: Annotated[int, Field(ge=1)] | Literal["auto", "off"] = "auto"
    """Retrain after this many batches in any case; `auto`: when ageing has cost more than a training is worth."""
    growth: float | None = Field(3.0, gt=1.0)
    """A challenger is due when there are more than so many times the labelled rows that were learned. null: never."""
    circuit_breaker: int = Field(3, ge=1)
    """Stop after this many failed or beaten challengers in a row."""

    @property
    def on(self) -> bool:
        """Whether the reports are asked for a training at all."""
        return self.enabled and self.mode != "off"
