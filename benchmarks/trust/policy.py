"""Policies on four real sets and on made streams: `python -m benchmarks.trust.policy [DATA [CACHE]]`.

Every fit is XGBoost (hist, one thread) with fixed parameters. The default policy is the `retraining` section
of a recipe that has none. What is shown is the second half of each set.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.trust.streams import (
    first_30_percent,
    fixed_fits,
    made_recipe,
    made_rows,
    real_stream,
)
from ml_assets.recipe.schema import Breaches, Monitoring, Retraining, Training
from ml_assets.records import Attempt, BatchEvidence, Champion, History, PerformanceReport, Score
from ml_assets.retraining.backtest import ENOUGH, Backtest, backtest
from ml_assets.retraining.fits import Fits
from ml_assets.retraining.policies import DEFAULTS, RECIPE, Policy, standard_policies
from ml_assets.retraining.policy import decide_retrain
from ml_assets.retraining.replay import Replay, Reports, replay
from ml_assets.retraining.stream import Stream

SETS = ("elec2", "bike_hour", "bank_marketing", "occupancy")
DATA = Path(os.environ.get("ML_ASSETS_BENCHMARK_DATA", "../shared/data"))
SEEDS = 6
BATCHES, CHANGE, FIRST = 100, 50, 12
DEFAULT = Policy(RECIPE, DEFAULTS)


def variants() -> list[Policy]:
    """More sections among which a set's own policy is recommended, on its first half."""
    made = [
        ("bolder: one breach is enough", {"breaches": Breaches(k=1, n=1)}),
        ("calmer: cooldown 2", {"cooldown": 2}),
        ("calm: cooldown 4", {"cooldown": 4}),
        ("any two drifted columns of ten", {"drift_threshold": 0.2}),
        ("half of the columns", {"drift_threshold": 0.5}),
    ]
    return [Policy(name, DEFAULTS.model_copy(update=update)) for name, update in made]


def real(name: str, data: Path, cache: Path | None, workers: int = 2) -> Backtest:
    """All policies on one set; the first 30 % of time trains the first model."""
    stream = real_stream(name, data)
    reports = Reports(fixed_fits(stream, cache / name if cache else None))
    policies = [*standard_policies(stream.recipe), *variants()]
    return backtest(reports, policies=policies, first=first_30_percent(stream), workers=workers)


def against_best_calendar(result: Backtest, policy: str) -> dict[str, Any]:
    """A policy's gain on the second half, as a share of the best calendar's there, and its retrains."""
    row = next(row for row in result.policies if row.policy == policy)
    best = max((r for r in result.policies if r.policy.startswith("every")), key=lambda r: r.second_half)
    share = row.second_half / best.second_half if best.second_half > 0 else float("nan")
    even = row.against_calendar
    return {
        "set": result.name,
        "metric": result.metric,
        "policy": policy,
        "gain": row.second_half,
        "retrains": row.retrains_by_half[1],
        "best_calendar": best.policy,
        "best_gain": best.second_half,
        "best_retrains": best.retrains_by_half[1],
        "share": share,
        "retrain_share": row.retrains_by_half[1] / best.retrains_by_half[1],
        "over_even_calendar": even.model_dump() if even else None,
        "below_even_calendar": even is not None and (even.high < 0),
        "reached": share >= ENOUGH and 2 * row.retrains_by_half[1] <= best.retrains_by_half[1],
    }


def made(seed: int, change_at: int | None = None, *, rows: int = 500, window: int | str = "auto") -> Stream:
    """A made stream of 100 batches."""
    return Stream(made_recipe(window, FIRST, 1), made_rows(BATCHES, rows, seed, change_at))


def walk(stream: Stream, policy: Policy = DEFAULT, **fitting: Any) -> Replay:
    """Replay the default policy."""
    reports = Reports(fixed_fits(stream, n_estimators=50, **fitting))
    return replay(policy, reports, stream.labels[FIRST], stream.recipe.training.window)


def broken_feed(seed: int) -> tuple[int, int]:
    """A column ×1000 for six batches: trainings at them, and trainings at any time that learned from them."""
    stream = made(seed, CHANGE, window=12)
    broken = stream.labels[CHANGE - 10 : CHANGE - 4]
    for batch in broken:
        stream.frames[batch]["b"] *= 1000
    run = walk(stream)
    learned = [s for s in run.served.values() if set(s.fit.record.batches) & set(broken)]
    return len(set(run.dates) & set(broken)), len({s.version for s in learned})


def failing_training(seed: int) -> tuple[int, int]:
    """Trainings that all fail after the first model: most in any stretch of the budget, champions."""
    stream = made(seed, CHANGE, window=12)
    fits = fixed_fits(stream, n_estimators=50)
    first, calls = fits.fit, []

    def fit(frame: pd.DataFrame) -> Any:
        calls.append(len(frame))
        if len(calls) > 2:  # the first model: without and with its hold-out
            raise ValueError("out of memory")
        return first(frame)

    run = replay(DEFAULT, Reports(Fits(stream, fit)), stream.labels[FIRST], 12)
    places = [stream.labels.index(date) for date in run.dates]
    return most_in_a_stretch(places), len({s.version for s in run.served.values()})


def flapping_metric(batches: int = 200) -> int:
    """The live metric far below and above the hold-out in turns, every challenger inconclusive."""
    holdout = Score(value=0.9, low=0.89, high=0.91)
    evidence: list[BatchEvidence] = []
    attempts: list[Attempt] = []
    for index in range(batches):
        bad = index % 3 != 2  # two of three batches are bad: the worst case for "2 of 3"
        value = 0.6 if bad else 0.95
        report = PerformanceReport(
            batch=f"b{index:03}",
            scored_batch=f"b{index:03}",
            champion_version=1,
            status="ok",
            metric="roc_auc",
            direction="maximize",
            rows=500,
            coverage=1.0,
            score=Score(value=value, low=value - 0.02, high=value + 0.02),
            holdout=holdout,
            p_value=1e-9 if bad else 1.0,
        )
        evidence.append(BatchEvidence(batch=f"b{index:03}", index=index, performance=report))
        history = History(
            recipe="flapping",
            batches=tuple(evidence[-20:]),
            attempts=tuple(attempts),
            champion=Champion(version=1, as_of_index=-20, trained_at=""),
        )
        if decide_retrain("flapping", Retraining(), Monitoring(), Training(), history, "").retrain:
            attempts.append(Attempt(batch_index=index, outcome="inconclusive", at=""))
    return most_in_a_stretch([attempt.batch_index for attempt in attempts])


def most_in_a_stretch(places: list[int]) -> int:
    """The most trainings in as many batches as the budget speaks of."""
    stretch = DEFAULTS.budget.batches
    return max((sum(0 <= later - place < stretch for later in places) for place in places), default=0)


def measure(data: Path = DATA, cache: Path | None = None, seeds: int = SEEDS) -> tuple[str, dict[str, Any]]:
    """Measure every row of the table; Markdown and figures."""
    rows: list[tuple[str, str, str]] = []
    figures: dict[str, Any] = {}
    results = {name: real(name, data, cache) for name in SETS} if data.is_dir() else {}
    choices: dict[str, Callable[[Backtest], str]] = {
        "default policy": lambda result: RECIPE,
        "recommended on the first half": lambda result: result.recommended,
    }
    for label, choose in choices.items():
        compared = [against_best_calendar(result, choose(result)) for result in results.values()]
        figures[label] = compared
        for row in compared:
            rows.append(
                (
                    f"{label}: {row['set']}" + (f" ({row['policy']})" if row["policy"] != RECIPE else ""),
                    "≥ 90 % of the best calendar's gain, ≤ 50 % of its retrains",
                    f"{row['share']:.0%} of {row['best_gain']:.4g} {row['metric']} with {row['retrains']} of "
                    f"{row['best_retrains']} retrains ({row['best_calendar']})"
                    + ("" if row["reached"] else " ✗"),
                )
            )
        reached = sum(row["reached"] for row in compared)
        below = sum(row["below_even_calendar"] for row in compared)
        rows.append((f"{label}: sets", "≥ 3 of 4", f"{reached} of {len(compared)}"))
        rows.append((f"{label}: surely below the calendar with as many retrains", "0", str(below)))
    quiet = [len(walk(made(seed)).dates) for seed in range(seeds)]
    changed = [len(walk(made(seed, CHANGE)).dates) for seed in range(seeds)]
    feeds = [broken_feed(seed) for seed in range(3)]
    failing = [failing_training(seed) for seed in range(3)]
    flapping = flapping_metric()
    budget = DEFAULTS.budget
    figures |= {
        "stationary_retrains": quiet,
        "abrupt_retrains": changed,
        "broken_feed": feeds,
        "failing_training": failing,
        "flapping_metric": flapping,
    }
    rows += [
        ("stationary stream, 100 batches", "0 retrains", f"{_counts(quiet)} retrains in {seeds} streams"),
        ("abrupt change at batch 50", "1 retrain", f"{_counts(changed)} retrains in {seeds} streams"),
        (
            f"flapping metric: retrains in any {budget.batches} batches",
            f"≤ {budget.retrains}, the budget",
            str(flapping),
        ),
        (
            "broken feed: trained at it, learned from it later",
            "0, 0",
            f"{sum(a for a, _ in feeds)}, {sum(b for _, b in feeds)}",
        ),
        (
            f"training that fails: runs in any {budget.batches} batches, champions",
            f"≤ {budget.retrains}, 1",
            f"{max(a for a, _ in failing)}, {max(b for _, b in failing)}",
        ),
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in [("what", "goal", "measured"), ("---",) * 3, *rows])
    return table, figures


def _counts(numbers: list[int]) -> str:
    """How often each number occurred.

    >>> _counts([0, 0, 1])
    '0 (2×), 1 (1×)'
    """
    return ", ".join(f"{number} ({numbers.count(number)}×)" for number in sorted(set(numbers)))


if __name__ == "__main__":
    places = [Path(argument) for argument in sys.argv[1:]]
    text, measured = measure(*places)
    print(text)
    print(json.dumps(measured))
