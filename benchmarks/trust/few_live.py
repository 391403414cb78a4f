"""Batches with few rows of the positive class: breaches and requests where nothing changes, and a concept that does."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import NormalDist, median
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.trust.few_positives import AREAS, labels
from benchmarks.trust.table import Row, Workers, wilson
from ml_assets.features.columns import Roles
from ml_assets.monitoring.performance import performance_report
from ml_assets.monitoring.pooling import waiting
from ml_assets.monitoring.reference import InMemory, Reference, Scored
from ml_assets.monitoring.sequential import loss_kind, loss_summary, row_losses
from ml_assets.recipe.schema import Monitoring, Retraining, Training
from ml_assets.records import BatchEvidence, Champion, History, PerformanceReport
from ml_assets.retraining.breaches import performance_breach
from ml_assets.retraining.policy import decide_retrain
from ml_assets.tasks.intervals import intervals
from ml_assets.tasks.metrics import labelled

LIVE = ("roc_auc", "pr_auc", "f1")
COUNTS = (3, 5, 10)
HOLDOUT = 1_000
ROWS = 300
"""Of a batch in which nothing changes: as many as `monitoring.min_rows`."""
BATCHES = 25
CHANGED_ROWS, CHANGED_RATE, CHANGED_AREA, LUCK = 150, 0.03, 0.9, 0.5
"""A concept that changes: the area under the curve falls to luck."""
WITHIN = {"roc_auc": 5, "f1": 6}


class Answering(NamedTuple):
    """A model: its area under the curve where it learned, the rate it learned, and from which odds on it says yes."""

    area: float
    rate: float
    cut: float

    def answers(self, generator: np.random.Generator, yes: Any, area: float) -> pd.DataFrame:
        """Probabilities and answers for rows that it tells apart as well as the area says."""
        learned, now = (np.sqrt(2) * NormalDist().inv_cdf(each) for each in (self.area, area))
        score = now * yes + generator.normal(size=len(yes))
        odds = learned * score - learned**2 / 2 + np.log(self.rate / (1 - self.rate))
        chance = 1 / (1 + np.exp(-odds))
        return pd.DataFrame(
            {
                "prediction": np.where(odds >= self.cut, "yes", "no"),
                "probability_no": 1 - chance,
                "probability_yes": chance,
            }
        )


def champion(
    generator: np.random.Generator, metric: str, area: float, rate: float
) -> tuple[Answering, Reference]:
    """A model with a hold-out as lucky as it comes, of at least two positives."""
    blank = Answering(area, rate, 0.0)
    many = blank.answers(generator, generator.random(10_000) < rate, area)["probability_yes"]
    cut = float(np.quantile(np.log(many / (1 - many)), 1 - rate))
    model = blank._replace(cut=cut)
    yes = np.zeros(HOLDOUT, dtype=bool)
    yes[: max(2, generator.binomial(HOLDOUT, rate))] = True
    y, answers = labels(yes), model.answers(generator, yes, area)
    rows = labelled(y, answers, "classification", "yes")
    losses = loss_summary(row_losses(y, answers, "classification"), loss_kind(answers, "classification"))
    kept = InMemory(pd.DataFrame(), Roles((), ()), losses=losses, holdout=(y, answers))
    return model, Reference(
        version=1,
        kept=kept,
        min_rows=Monitoring().min_rows,
        targets=("y",),
        task="classification",
        metric=metric,
        direction="maximize",
        positive="yes",
        classes={"y": ("no", "yes")},
        holdout=intervals(rows, [metric], 0)[metric],
        random_state=0,
    )


def followed(
    generator: np.random.Generator, metric: str, area: float, positives: int | None, batches: int
) -> Iterator[tuple[PerformanceReport, bool]]:
    """Report on each batch, and whether the policy asks for a training; without a number of positives all changes."""
    changed = positives is None
    rows = CHANGED_ROWS if positives is None else ROWS
    rate = CHANGED_RATE if positives is None else positives / rows
    model, known = champion(generator, metric, area, rate)
    reports: list[PerformanceReport] = []
    seen: dict[str, Scored] = {}
    for place in range(batches):
        label = f"{place:03}"
        yes = np.zeros(rows, dtype=bool)
        yes[: generator.binomial(rows, rate) if positives is None else positives] = True
        answers = model.answers(generator, yes, LUCK if changed else area)
        seen[label] = Scored(label, labels(yes), answers)
        pool = [seen[each] for each in waiting(reports, known.version, label)]
        reports.append(performance_report(label, known, seen[label], reports, pool))
        yield reports[-1], _asked(reports)


def _asked(reports: list[PerformanceReport]) -> bool:
    history = History(
        recipe="few",
        attempts=(),
        batches=tuple(
            BatchEvidence(batch=report.batch, index=index, performance=report)
            for index, report in enumerate(reports, start=1)
        )[-20:],
        champion=Champion(version=1, as_of_index=0, trained_at=""),
    )
    return decide_retrain("few", Retraining(max_age="off"), Monitoring(), Training(), history, "").retrain


def quiet(seed: int, streams: int, positives: int, metric: str) -> tuple[int, int, int]:
    """Batches, breaches and requests of streams in which nothing changes."""
    total = breaches = requests = 0
    for k in range(streams):
        generator = np.random.default_rng([seed, k])
        area = float(generator.choice(AREAS))
        for report, asked in followed(generator, metric, area, positives, BATCHES):
            total += 1
            breaches += performance_breach(report, Retraining())
            requests += asked
    return total, breaches, requests


def found_after(seed: int, streams: int, metric: str) -> list[int]:
    """Batches until a breach or the sequential test tells of a concept that has changed; 99 where none does."""
    waited = []
    for k in range(streams):
        stream = followed(np.random.default_rng([seed, k]), metric, CHANGED_AREA, None, WITHIN[metric])
        waited.append(
            next(
                (
                    place
                    for place, (report, _) in enumerate(stream, start=1)
                    if performance_breach(report, Retraining())
                    or (report.concept is not None and report.concept.alarm)
                ),
                99,
            )
        )
    return waited


def lines(pool: Workers, streams: int, seed: int) -> Iterator[Row]:
    """Every line about few positives; 40 streams of 25 batches are 1,000."""
    for positives in COUNTS:
        totals, texts, worst, asked = 0, [], 0.0, 0
        for metric in LIVE:
            calls = [(seed + k, streams // 10, positives, metric) for k in range(10)]
            parts = pool.each(quiet, calls)
            total, breaches, requests = (sum(part[place] for part in parts) for place in range(3))
            texts.append(
                f"{metric} {breaches / total:.2%} (≤ {wilson(breaches, total)[1]:.2%}), {requests} requests"
            )
            totals, worst, asked = total, max(worst, breaches / total), asked + requests
        yield Row(
            f"no change, {positives} positives in batches of {ROWS} rows: batches that breach, and requests",
            "≤ 1 %, 0",
            "; ".join(texts),
            worst <= 0.01 and not asked,
            totals,
        )
    for metric, within in WITHIN.items():
        calls = [(seed + k, streams // 10, metric) for k in range(10)]
        waited = [after for part in pool.each(found_after, calls) for after in part]
        share = sum(after <= within for after in waited) / len(waited)
        yield Row(
            f"concept changes, {CHANGED_RATE:.0%} positives in batches of {CHANGED_ROWS} rows, {metric} (pooled)",
            f"within {within} batches",
            f"median {median(waited):g}, {share:.0%} in time",
            median(waited) <= within,
            len(waited),
        )
