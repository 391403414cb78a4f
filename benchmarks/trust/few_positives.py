"""Few rows of the positive class: pairs of scores of known quality, by every metric that leans on them."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.trust.table import Row, Workers, wilson
from ml_assets.promotion.gate import decide_promotion
from ml_assets.promotion.judged import Judged, Measure
from ml_assets.promotion.probation import decide_probation
from ml_assets.recipe.schema import PromotionSection
from ml_assets.records import Direction, Evaluation
from ml_assets.tasks.intervals import intervals
from ml_assets.tasks.metrics import labelled, metric_named

METRICS = ("roc_auc", "pr_auc", "f1", "log_loss")
AREAS = (0.6, 0.7, 0.8, 0.9, 0.95)
RATES = (0.01, 0.03, 0.1, 0.3)
"""Positives among the rows; a pair has as many rows as that takes, so that each count meets every rate."""
POSITIVES = (3, 5, 10, 20)
FEWEST_ROWS, MOST_ROWS = 60, 1_000
AGREEMENT = 0.6
"""Correlation of two models' errors."""
EQUAL = 0.025


def answers(
    generator: np.random.Generator, yes: Any, area: float, shared: Any, agreement: float = AGREEMENT
) -> pd.DataFrame:
    """Scores of a model with a given area under the curve, as calibrated probabilities.

    As many rows are answered with yes as have it, on average.
    """
    distance = np.sqrt(2) * NormalDist().inv_cdf(area)
    own = generator.normal(size=len(yes))
    score = distance * yes + np.sqrt(agreement) * shared + np.sqrt(1 - agreement) * own
    rate = float(np.clip(np.mean(yes), 0.5 / len(yes), 1 - 0.5 / len(yes)))
    odds = distance * score - distance**2 / 2 + np.log(rate / (1 - rate))
    chance = 1 / (1 + np.exp(-odds))
    return pd.DataFrame(
        {
            "prediction": np.where(chance >= np.quantile(chance, 1 - rate), "yes", "no"),
            "probability_no": 1 - chance,
            "probability_yes": chance,
        }
    )


def labels(yes: Any) -> pd.Series[Any]:
    """Answers as the truth."""
    return pd.Series(np.where(yes, "yes", "no"), dtype=object)


def equal_pair(generator: np.random.Generator, positives: int) -> Judged:
    """Two models of one quality on rows with so many positives."""
    rate, area = generator.choice(RATES), float(generator.choice(AREAS))
    rows = int(np.clip(positives / rate, FEWEST_ROWS, MOST_ROWS))
    yes = generator.permutation(rows) < positives
    shared = generator.normal(size=rows)
    sides = [answers(generator, yes, area, shared) for _ in range(2)]
    return Judged(labels(yes), sides[0], sides[1])


def measure(metric: str) -> Measure:
    """What is compared."""
    return Measure(metric, metric_named(metric).direction, positive="yes")


def promoted(seed: int, count: int, positives: int) -> dict[str, int]:
    """How often equal models are promoted, by metric; and how often nothing is decided."""
    hits = dict.fromkeys((*METRICS, "inconclusive"), 0)
    for number in range(count):
        pair = equal_pair(np.random.default_rng([seed, number]), positives)
        for metric in METRICS:
            direction: Direction = metric_named(metric).direction
            blank = Evaluation(metric=metric, direction=direction, rows=len(pair.y), scores={}, baseline={})
            found = decide_promotion(pair, measure(metric), PromotionSection(), blank)
            hits[metric] += found.outcome == "promote"
            hits["inconclusive"] += found.outcome == "inconclusive"
    return hits


def rolled_back(seed: int, count: int) -> dict[str, int]:
    """How often an equal new champion goes within its probation of two batches, 3 to 20 positives each."""
    hits = dict.fromkeys(METRICS, 0)
    for number in range(count):
        generator = np.random.default_rng([seed, number])
        pair = equal_pair(generator, 2 * int(generator.choice(POSITIVES)))
        assert pair.champion is not None
        half = len(pair.y) // 2
        first = Judged(pair.y[:half], pair.champion[:half], pair.challenger[:half])
        for metric in METRICS:
            hits[metric] += any(
                decide_probation(part, measure(metric), PromotionSection(), batches, 2, 1).outcome
                == "rollback"
                for part, batches in ((first, ["a"]), (pair, ["a", "b"]))
            )
    return hits


FIRST = {"roc_auc": lambda rate: 0.5, "pr_auc": lambda rate: rate}
"""Metric → what a baseline that looks at no feature reaches, by the share of positives."""


def first_models(seed: int, count: int, positives: int, knows: bool = False) -> dict[str, int]:
    """How often a first model is put in charge that knows nothing, or one that knows (area .9), by metric."""
    hits = dict.fromkeys(FIRST, 0)
    for number in range(count):
        generator = np.random.default_rng([seed, number])
        pair = equal_pair(generator, positives)
        yes = (pair.y == "yes").to_numpy()
        answered = answers(generator, yes, 0.9, generator.normal(size=len(yes))) if knows else pair.challenger
        y = pair.y if knows else labels(generator.permutation(yes))
        rows = labelled(y, answered, "classification", "yes")
        for metric, baseline in FIRST.items():
            evaluation = Evaluation(
                metric=metric,
                direction="maximize",
                rows=len(y),
                scores=intervals(rows, [metric], random_state=number, resamples=200),
                baseline={metric: baseline(float(yes.mean()))},
            )
            found = decide_promotion(
                Judged(y, None, answered), measure(metric), PromotionSection(), evaluation
            )
            hits[metric] += found.outcome == "promote"
    return hits


def gate_lines(pool: Workers, pairs: int, seed: int) -> list[Row]:
    """Equal models with few positives: promoted, and rolled back."""
    return [
        *(
            _line(
                pool,
                f"promoted: equal, {positives} positives of {FEWEST_ROWS} to {MOST_ROWS:,} rows",
                promoted,
                seed,
                pairs,
                positives,
            )
            for positives in POSITIVES
        ),
        *(
            _line(
                pool,
                f"put in charge: a first model that knows nothing, {positives} positives",
                first_models,
                seed,
                pairs // 4,
                positives,
            )
            for positives in POSITIVES
        ),
        _line(pool, "rolled back in two batches of 3 to 20 positives: equal", rolled_back, seed, pairs),
    ]


def _line(pool: Workers, what: str, simulate: Any, seed: int, pairs: int, *rest: Any) -> Row:
    calls = [(seed + k, pairs // 10, *rest) for k in range(10)]
    count = 10 * (pairs // 10)
    parts = pool.each(simulate, calls)
    hits = {name: sum(part[name] for part in parts) for name in parts[0]}
    undecided = hits.pop("inconclusive", None)
    text = ", ".join(f"{name} {100 * number / count:.1f} %" for name, number in hits.items())
    worst = max(hits.values())
    text += f" (≤ {100 * wilson(worst, count)[1]:.1f} %)"
    if undecided is not None:
        text += f"; inconclusive {100 * undecided / count / len(hits):.0f} %"
    return pool.tell(Row(what, f"≤ {100 * EQUAL:g} %", text, worst / count <= EQUAL, count))
