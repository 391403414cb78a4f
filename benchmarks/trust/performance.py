"""Performance: false alarms, a concept that changes while the inputs stay, and estimates before labels come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.trust import few_live
from benchmarks.trust.drift import QUIET_REFERENCE, columns, report, world
from benchmarks.trust.table import Row, Workers, wilson, workers
from ml_assets.features.columns import Roles
from ml_assets.monitoring.performance import performance_report
from ml_assets.monitoring.reference import InMemory, Reference, Scored
from ml_assets.monitoring.sequential import loss_kind, loss_summary, row_losses
from ml_assets.recipe.schema import Monitoring, Retraining
from ml_assets.records import LossSummary, PerformanceReport, Profile, Score
from ml_assets.retraining.breaches import performance_breach
from ml_assets.tasks.intervals import wilson as accuracy_interval

STREAMS = 400
QUIET_BATCHES = 40
ROWS = 1_000
HOLDOUT = 5_000
ACCURACY = 0.80
CHANGES = ((0.05, 2, 5_000, 0.95), (0.05, 2, 2_000, 0.0), (0.02, 15, 5_000, 0.0))
"""Accuracy lost, batches in which it is to be found, rows of the hold-out, goal; 0 where there is none."""


@dataclass(frozen=True)
class Labelled:
    """Inputs of a batch, the champion's answers and the truth."""

    frame: pd.DataFrame
    predictions: pd.DataFrame
    y: pd.Series[Any]


def batch(rng: np.random.Generator, rows: int, lost: float = 0.0, names: list[str] | None = None) -> Labelled:
    """Rows of a champion with calibrated probabilities and 80 % accuracy; `lost` of it by another concept."""
    frame = world(rng, rows, names or columns(5))
    yes = (2 * frame["normal0"] + frame["skewed0"] - 1 > 0).to_numpy()
    sure = rng.uniform(ACCURACY - 0.15, ACCURACY + 0.15, rows)
    right = rng.random(rows) < sure - lost
    chance = np.where(yes, sure, 1 - sure)
    predictions = pd.DataFrame(
        {
            "prediction": np.where(yes, "yes", "no"),
            "probability_no": 1 - chance,
            "probability_yes": chance,
        }
    )
    return Labelled(frame, predictions, pd.Series(np.where(right == yes, "yes", "no"), dtype=object))


def losses(seen: Labelled) -> Any:
    """Loss of each row."""
    return row_losses(seen.y, seen.predictions, "classification")


def judged(rng: np.random.Generator, rows: int) -> tuple[Score, LossSummary]:
    """A hold-out's score and losses, as lucky as it comes."""
    seen = batch(rng, rows)
    value = float((seen.predictions["prediction"] == seen.y).mean())
    low, high = accuracy_interval(value, rows)
    summary = loss_summary(losses(seen), loss_kind(seen.predictions, "classification"))
    assert summary is not None
    return Score(value=value, low=low, high=high), summary


def followed(
    rng: np.random.Generator, batches: int, lost: float, holdout_rows: int = HOLDOUT
) -> Iterator[tuple[bool, bool]]:
    """For each batch of a stream: whether its report is a breach, whether the sequential test alarms."""
    holdout, summary = judged(rng, holdout_rows)
    champion = Reference(
        version=1,
        kept=InMemory(pd.DataFrame(), Roles((), ()), losses=summary),
        min_rows=Monitoring().min_rows,
        targets=("y",),
        task="classification",
        metric="accuracy",
        direction="maximize",
        positive=None,
        classes={},
        holdout=holdout,
        random_state=0,
    )
    earlier: list[PerformanceReport] = []
    for place in range(batches):
        label, seen = f"{place:03}", batch(rng, ROWS, lost)
        found = performance_report(label, champion, Scored(label, seen.y, seen.predictions), earlier)
        earlier.append(found)
        test = found.concept
        yield performance_breach(found, Retraining()), test is not None and test.alarm


def quiet_alarms(seed: int, streams: int) -> tuple[int, int]:
    """Batches of streams without a change that breach, and that the sequential test alarms at."""
    found = [
        alarms
        for k in range(streams)
        for alarms in followed(np.random.default_rng([seed, k]), QUIET_BATCHES, 0.0)
    ]
    return sum(breach for breach, _ in found), sum(alarm for _, alarm in found)


def seen_within(seed: int, streams: int, lost: float, batches: int, holdout: int) -> tuple[int, int]:
    """Streams with a change in which a batch breaches in time, and in which the sequential test alarms."""
    breaches = alarms = 0
    for k in range(streams):
        found = list(followed(np.random.default_rng([seed, k]), batches, lost, holdout))
        breaches += any(breach for breach, _ in found)
        alarms += any(alarm for _, alarm in found)
    return breaches, alarms


def drift_alarms(seed: int, batches: int) -> int:
    """Drift alarms where only the concept changes: 30 columns and the champion's predictions."""
    rng = np.random.default_rng(seed)
    names, alarms = columns(), 0
    for _ in range(batches):
        reference, current = batch(rng, QUIET_REFERENCE, 0.0, names), batch(rng, ROWS, 0.05, names)
        known = Profile(
            metric="accuracy",
            predictions={"probability_yes": tuple(reference.predictions["probability_yes"].head(2000))},
        )
        found = report(current.frame, reference.frame, profile=known, predictions=current.predictions)
        alarms += found.status != "ok"
    return alarms


def rows(scale: float, seed: int, jobs: int) -> list[Row]:
    """Every line about performance; at scale 1 with 400 streams."""
    with workers(jobs) as pool:
        return [pool.tell(line) for line in _lines(pool, max(40, int(STREAMS * scale)), seed)]


def _lines(pool: Workers, streams: int, seed: int) -> Iterator[Row]:
    parts = pool.each(quiet_alarms, [(seed + k, streams // 40) for k in range(10)])
    batches = 10 * (streams // 40) * QUIET_BATCHES
    for place, (what, goal) in enumerate({"that breach": 0.01, "with a sequential alarm": 0.001}.items()):
        hits = sum(part[place] for part in parts)
        text = f"{hits / batches:.2%} (≤ {wilson(hits, batches)[1]:.2%})"
        yield Row(f"no change: batches {what}", f"≤ {goal:.1%}", text, hits / batches <= goal, batches)
    alarms = pool.total(drift_alarms, seed, streams)
    text = f"{alarms / streams:.2%} (≤ {wilson(alarms, streams)[1]:.2%})"
    name = "concept changes alone, 5 points of accuracy: drift alarms"
    yield Row(name, "≤ 1 %", text, alarms / streams <= 0.01, streams)
    for lost, within, holdout, goal in CHANGES:
        count = streams if goal else streams // 4
        calls = [(seed + k, count // 10, lost, within, holdout) for k in range(10)]
        count = 10 * (count // 10)
        parts = pool.each(seen_within, calls)
        breach, alarm = (sum(part[place] for part in parts) / count for place in (0, 1))
        yield Row(
            f"the same, {100 * lost:g} points, hold-out of {holdout:,} rows: performance alarm",
            f"within {within} batches" + (f", ≥ {goal:.0%}" if goal else ""),
            f"{breach:.1%}; sequential test {alarm:.1%}",
            breach >= goal if goal else None,
            count,
        )
    yield from few_live.lines(pool, max(10, streams // 10), seed)
