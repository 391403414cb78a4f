"""What a walk through history tells: a row for each batch, and the live model beside the first one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ml_assets.lifecycle.learned import Learned, learned
from ml_assets.lifecycle.served import served
from ml_assets.lifecycle.state import ModelState
from ml_assets.records import Direction, PerformanceReport, Record
from ml_assets.records.retraining import Action
from ml_assets.registry import champions

if TYPE_CHECKING:
    import pandas as pd


class WalkedBatch(Record):
    """What happened when one batch arrived."""

    batch: str
    rows: int
    live_score: float | None = None
    drift: float | None = None
    drift_alarm: bool = False
    faults: tuple[str, ...] = ()
    decision: Action
    reasons: tuple[str, ...]
    outcome: str | None = None
    champion_version: int | None = None
    promoted: int | None = None
    rolled_back: int | None = None
    """Version that probation undid when this batch arrived."""


class Comparison(Record):
    """The live score of the models that were in charge beside the first champion's, on the same rows."""

    since: str
    batches: int
    rows: int
    live_score: float
    never_retrained: float


class Walk(Record):
    """A walk through history."""

    name: str
    metric: str | None
    direction: Direction
    live_score: float | None
    never_retrained: float | None
    retrains: int
    after_last_promotion: Comparison | None
    batches: tuple[WalkedBatch, ...]
    learned: Learned | None = None
    """What the champion has learned, at the end."""


def summarise(state: ModelState, rows: Sequence[WalkedBatch]) -> Walk:
    """Score what was served, and beside it what the first champion would have served, on the same rows."""
    line = champions.champions(state.ledger, state.name)
    first = champions.version_info(state.ledger, state.name, line[0]) if line else None
    promotions = [row.batch for row in rows if row.promoted is not None]
    overall = compare_with_first(state, rows[0].batch, rows[-1].batch) if first else None
    after = (
        compare_with_first(state, state.shifted(promotions[-1], 1), rows[-1].batch)
        if len(promotions) > 1
        else None
    )
    return Walk(
        name=state.name,
        metric=first.metric if first else None,
        direction=first.direction if first else "maximize",
        live_score=overall.live_score if overall else None,
        never_retrained=overall.never_retrained if overall else None,
        retrains=sum(row.decision == "retrain" for row in rows),
        after_last_promotion=after,
        batches=tuple(with_score(state, row) for row in rows),
        learned=learned(state),
    )


def with_score(state: ModelState, row: WalkedBatch) -> WalkedBatch:
    """Add the score that became known when the batch's labels arrived."""
    later = state.shifted(row.batch, state.recipe.monitoring.label_delay)
    if not state.store.has("performance_report", later):
        return row
    report = state.store.read_record("performance_report", later, PerformanceReport)
    if report.scored_batch != row.batch or report.score is None:
        return row
    return row.model_copy(update={"live_score": report.score.value})


def compare_with_first(state: ModelState, start: str, stop: str) -> Comparison | None:
    """Compare the predictions that were served with the first champion's on the same labelled rows.

    Rows that either model was trained on are left out.
    """
    import numpy as np
    import pandas as pd

    from ml_assets.evaluation.evaluate import predict
    from ml_assets.tasks.metrics import score_batches

    line = champions.champions(state.ledger, state.name)
    first = champions.version_info(state.ledger, state.name, line[0])
    model = state.registry.files.load(state.name, first.version)
    lived: list[pd.DataFrame] = []
    never: list[pd.DataFrame] = []
    batches = [b for b in state.store.batches("predictions") if start <= b <= stop and b > first.as_of]
    for batch in batches:
        later = state.shifted(batch, state.recipe.monitoring.label_delay)
        if not state.store.has("performance_report", later):
            continue
        report = state.store.read_record("performance_report", later, PerformanceReport)
        if report.scored_batch != batch or report.status == "in_sample":
            continue
        answered = served(state, batch, first.version)
        if answered is None:
            continue
        rows, answers = answered.labelled(state.recipe.target)
        if rows.empty:
            continue
        y = rows[list(state.recipe.targets)]
        lived.append(y.join(answers))
        never.append(y.join(predict(model, rows)))
    if not lived:
        return None

    def pooled(parts: list[pd.DataFrame]) -> float:
        frame = pd.concat(parts, ignore_index=True)
        truth, predictions = frame[state.recipe.target], frame.drop(columns=list(state.recipe.targets))
        batch = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        return score_batches(first.metric, truth, predictions, first.trained.training.positive, batch)

    return Comparison(
        since=start,
        batches=len(lived),
        rows=sum(len(part) for part in lived),
        live_score=pooled(lived),
        never_retrained=pooled(never),
    )
