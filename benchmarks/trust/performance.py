"""Performance: false alarms, a concept that changes while the inputs stay, and estimates before labels come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.trust.drift import REFERENCE, columns, report, world
from benchmarks.trust.table import Row, Workers, wilson, workers
from ml_assets.evaluation.evaluate import wilson as accuracy_interval
from ml_assets.monitoring.performance import performance_report
from ml_assets.monitoring.sequential import loss_kind, loss_summary, row_losses, sequential_test
from ml_assets.recipe.schema import Monitoring, Retraining
from ml_assets.records import LossSummary, PerformanceReport, Profile, Score
from ml_assets.retraining.evidence import performance_breach

STREAMS = 1_000
QUIET_BATCHES = 40
ROWS, HOLDOUT = 1_000, 2_000
ACCURACY = 0.80
SLOW = 15
"""Batches that a stream with a small change is followed for."""


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


def judged(rng: np.random.Generator) -> tuple[Score, LossSummary]:
    """A hold-out's score and losses, as lucky as it comes."""
    seen = batch(rng, HOLDOUT)
    value = float((seen.predictions["prediction"] == seen.y).mean())
    low, high = accuracy_interval(value, HOLDOUT)
    summary = loss_summary(losses(seen), loss_kind(seen.predictions, "classification"))
    assert summary is not None
    return Score(value=value, low=low, high=high), summary


def followed(
    rng: np.random.Generator, batches: int, lost: float, rows: int = ROWS
) -> Iterator[tuple[bool, bool]]:
    """For each batch of a stream: whether its report is a breach, whether the sequential test alarms."""
    holdout, summary = judged(rng)
    earlier: list[PerformanceReport] = []
    for place in range(batches):
        label, seen = f"{place:03}", batch(rng, rows, lost)
        found = performance_report(
            label, label, seen.y, seen.predictions, None, 1, holdout, "accuracy", "maximize", Monitoring()
        )
        test = sequential_test(losses(seen), summary, label, 1, earlier)
        earlier.append(found.model_copy(update={"concept": test}))
        yield performance_breach(found, Retraining()), test is not None and test.alarm


def quiet_alarms(seed: int, streams: int) -> tuple[int, int]:
    """Batches of streams without a change that breach, and that the sequential test alarms at."""
    found = [
        alarms
        for k in range(streams)
        for alarms in followed(np.random.default_rng([seed, k]), QUIET_BATCHES, 0.0)
    ]
    return sum(breach for breach, _ in found), sum(alarm for _, alarm in found)


def seen_within(seed: int, streams: int, lost: float, batches: int) -> tuple[int, int]:
    """Streams with a change in which a batch breaches, and in which the sequential test alarms, in time."""
    breaches = alarms = 0
    for k in range(streams):
        found = list(followed(np.random.default_rng([seed, k]), batches, lost))
        breaches += any(breach for breach, _ in found)
        alarms += any(breach or alarm for breach, alarm in found)
    return breaches, alarms


def drift_alarms(seed: int, batches: int) -> int:
    """Drift alarms where only the concept changes: 30 columns and the champion's predictions."""
    rng = np.random.default_rng(seed)
    names, alarms = columns(), 0
    for _ in range(batches):
        reference, current = batch(rng, REFERENCE, 0.0, names), batch(rng, ROWS, 0.05, names)
        known = Profile(
            metric="accuracy",
            predictions={"probability_yes": tuple(reference.predictions["probability_yes"].head(2000))},
        )
        found = report(current.frame, reference.frame, profile=known, predictions=current.predictions)
        alarms += found.status != "ok"
    return alarms


def rows(scale: float, seed: int, jobs: int) -> list[Row]:
    """Every line about performance; at scale 1 with 1,000 streams."""
    with workers(jobs) as pool:
        return [pool.tell(line) for line in _lines(pool, max(40, int(STREAMS * scale)), seed)]


def _lines(pool: Workers, streams: int, seed: int) -> Iterator[Row]:
    batches = streams * QUIET_BATCHES // 10
    parts = pool.each(quiet_alarms, [(seed + k, streams // 100 + 1) for k in range(10)])
    batches = 10 * (streams // 100 + 1) * QUIET_BATCHES
    for place, (what, goal) in enumerate({"a breach": 0.01, "the sequential test": 0.001}.items()):
        hits = sum(part[place] for part in parts)
        text = f"{hits / batches:.2%} (≤ {wilson(hits, batches)[1]:.2%})"
        yield Row(f"no change: batches with {what}", f"≤ {goal:.1%}", text, hits / batches <= goal, batches)
    alarms = pool.total(drift_alarms, seed, streams)
    high = wilson(alarms, streams)[1]
    name = "change of the concept only, 5 points of accuracy: drift alarms"
    yield Row(name, "≤ 1 %", f"{alarms / streams:.2%} (≤ {high:.2%})", alarms / streams <= 0.01, streams)
    for lost, within, goal in ((0.05, 2, 0.95), (0.02, SLOW, float("nan"))):
        counts = [streams // 10 + (k < streams % 10) for k in range(10)]
        parts = pool.each(seen_within, [(seed + k, n, lost, within) for k, n in enumerate(counts)])
        breaches, either = (sum(part[place] for part in parts) / streams for place in (0, 1))
        name = f"change of the concept only, {100 * lost:g} points: performance alarm within {within} batches"
        wanted = "" if np.isnan(goal) else f"≥ {goal:.0%}"
        text = f"{either:.1%} (a batch alone {breaches:.1%})"
        yield Row(name, wanted or "–", text, either >= goal if wanted else None, streams)
