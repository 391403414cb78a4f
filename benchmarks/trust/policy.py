"""Policies on real sets and on made streams: `python -m benchmarks.trust policy`.

Every fit is XGBoost (hist, one thread) with fixed parameters. The default policy is the `retraining` section
of a recipe that has none; what it earns is told by `ageing.py`. What is recommended is shown on the second half of
each set, beside calendars that promote whatever comes out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.trust import helpful
from benchmarks.trust.streams import (
    first_30_percent,
    fixed_fits,
    made_recipe,
    made_rows,
    real_stream,
)
from benchmarks.trust.table import Row, workers
from ml_assets.backtest.backtest import Backtest, backtest, recommend
from ml_assets.backtest.fits import Fits
from ml_assets.backtest.policies import DEFAULTS, Policy, own_policies, standard_policies
from ml_assets.backtest.replay import Replay, Reports, replay
from ml_assets.backtest.stream import Stream
from ml_assets.recipe.schema import Monitoring, Retraining, Training
from ml_assets.records import Attempt, BatchEvidence, Champion, History, PerformanceReport, Score
from ml_assets.records.policies import RECIPE
from ml_assets.retraining.policy import decide_retrain

SETS = ("elec2", "bike_hour", "bank_marketing", "occupancy")
DATA = Path(os.environ.get("ML_ASSETS_BENCHMARK_DATA", "../shared/data"))
ENOUGH = 0.9  # share of the best calendar's gain
SEEDS = 6  # made streams at scale 1
BATCHES, CHANGE, FIRST = 100, 50, 12
DEFAULT = Policy(RECIPE, DEFAULTS)
ALARMS = Policy("alarms alone", DEFAULTS.model_copy(update={"max_age": "off", "growth": None}), when="better")


def real(name: str, data: Path, cache: Path | None) -> tuple[Backtest, Backtest]:
    """All policies on one set, as the product tries them and alone; the first 30 % of time trains the first model.

    Alone, every challenger is promoted, so that nothing is compared but when to train.
    """
    stream = real_stream(name, data)
    reports = Reports(fixed_fits(stream, cache / name if cache else None))
    first = first_30_percent(stream)
    return backtest(reports, first=first), alone(reports, first)


def alone(reports: Reports, first: str) -> Backtest:
    """Policies without gate and probation, and what would be recommended of them."""
    recipe = reports.stream.recipe
    own = [replace(policy, when=None) for policy in own_policies(recipe.retraining)]
    others = [policy for policy in standard_policies(recipe) if policy.when is None]
    result = backtest(reports, policies=[*others, *own], first=first)
    names = {policy.name for policy in own}
    rows_ = [
        row.model_copy(update={"section": ""}) if row.policy in names else row for row in result.policies
    ]
    recommended, reason = recommend(rows_, result.batches // 2)
    return result.model_copy(update={"recommended": recommended, "reason": reason})


def against_best_calendar(result: Backtest, policy: str) -> dict[str, Any]:
    """A policy's gain on the second half, as a share of the best calendar's there, and its retrains."""
    row = next(row for row in result.policies if row.policy == policy)
    best = max((r for r in result.policies if r.policy.startswith("every")), key=lambda r: r.second_half)
    share = row.second_half / best.second_half if best.second_half > 0 else float("nan")
    even = row.against_calendar
    return {
        "set": result.name,
        "batches": result.batches,
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
    first = fits.fit

    def fit(frame: pd.DataFrame) -> Any:
        if frame["batch__"].max() > stream.labels[FIRST - 1]:  # the first model's newest labelled batch
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
        if decide_retrain(
            "flapping", Retraining(max_age="off"), Monitoring(), Training(), history, ""
        ).retrain:
            attempts.append(Attempt(batch_index=index, outcome="inconclusive", at=""))
    return most_in_a_stretch([attempt.batch_index for attempt in attempts])


def most_in_a_stretch(places: list[int]) -> int:
    """The most trainings in as many batches as the budget speaks of."""
    stretch = DEFAULTS.budget.batches
    return max((sum(0 <= later - place < stretch for later in places) for place in places), default=0)


def rows(scale: float, seed: int, jobs: int) -> list[Row]:
    """Every line about policies; the real sets are used whole at any scale, and left out where they are not.

    `ML_ASSETS_BENCHMARK_DATA` is their folder; `ML_ASSETS_BENCHMARK_CACHE`, if given, keeps the fits.
    """
    streams = max(3, round(SEEDS * scale))
    seeds = range(seed, seed + streams)
    cache = os.environ.get("ML_ASSETS_BENCHMARK_CACHE")
    sets = SETS if DATA.is_dir() else ()
    with workers(jobs) as pool:
        results = pool.each(real, [(name, DATA, Path(cache) if cache else None) for name in sets])
        lines = [line for choice in CHOICES for line in _on_sets(choice, results)]
        quiet, changed = (pool.each(retrains, [(each, at) for each in seeds]) for at in (None, CHANGE))
        feeds = pool.each(broken_feed, [(each,) for each in seeds][:3])
        failing = pool.each(failing_training, [(each,) for each in seeds][:3])
        helping = helpful.lines(pool, seeds)
    flapping, budget = flapping_metric(), DEFAULTS.budget
    broken = sum(a for a, _ in feeds), sum(b for _, b in feeds)
    most, champions = max(a for a, _ in failing), max(b for _, b in failing)
    lines += [
        Row(
            "stationary stream, 100 batches: trainings that an alarm asks for",
            "0",
            _counts(quiet),
            max(quiet) == 0,
            streams,
        ),
        Row(
            "abrupt change at batch 50: trainings that an alarm asks for",
            "1",
            _counts(changed),
            {*changed} == {1},
            streams,
        ),
        Row(
            f"flapping metric: most retrains in any {budget.batches} batches",
            f"≤ {budget.retrains}, the budget",
            str(flapping),
            flapping <= budget.retrains,
            1,
        ),
        Row(
            "broken feed: trained at it, learned from it",
            "0, 0",
            "{}, {}".format(*broken),
            not any(broken),
            3,
        ),
        Row(
            f"training that fails: most runs in any {budget.batches} batches, champions",
            f"≤ {budget.retrains}, 1",
            f"{most}, {champions}",
            most <= budget.retrains and champions == 1,
            3,
        ),
        *helping,
    ]
    return [pool.tell(line) for line in lines]


CHOICES: dict[str, tuple[int, Callable[[Backtest], str]]] = {
    "policy alone, recommended by the first half": (1, lambda result: result.recommended),
    "with gate and probation, recommended by the first half": (0, lambda result: result.recommended),
}
"""Which of the two backtests of `real`, and which policy of it."""


def _on_sets(choice: str, results: Sequence[tuple[Backtest, Backtest]]) -> Iterator[Row]:
    """One line a set, the number of sets that reach the goal, and those below an even calendar."""
    place, chosen_of = CHOICES[choice]
    compared = [against_best_calendar(both[place], chosen_of(both[place])) for both in results]
    for row in compared:
        chosen = f" ({row['policy']})" if row["policy"] != RECIPE else ""
        measured = (
            f"{row['share']:.0%} of {row['best_gain']:.4f} {row['metric']}, {row['retrains']} of "
            f"{row['best_retrains']} ({row['best_calendar']})"
        )
        goal = "≥ 90 % of the best calendar's gain, ≤ 50 % of its retrains"
        yield Row(f"{choice}: {row['set']}{chosen}", goal, measured, row["reached"], row["batches"])
    reached = sum(row["reached"] for row in compared)
    below = sum(row["below_even_calendar"] for row in compared)
    if compared:
        yield Row(f"{choice}: sets that reach both", "≥ 3 of 4", str(reached), reached >= 3, len(compared))
        name = f"{choice}: surely below an even calendar with as many retrains"
        yield Row(name, "0", str(below), not below, len(compared))


def retrains(seed: int, change_at: int | None) -> int:
    """Retrains that alarms alone ask for on a made stream."""
    return len(walk(made(seed, change_at), ALARMS).dates)


def _counts(numbers: list[int]) -> str:
    """How often each number occurred.

    >>> _counts([0, 0, 1])
    '0 in 2, 1 in 1'
    """
    return ", ".join(f"{number} in {numbers.count(number)}" for number in sorted(set(numbers)))
