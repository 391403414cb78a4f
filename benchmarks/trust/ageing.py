"""The default recipe beside the best calendar, on real sets and made streams: `python -m benchmarks.trust ageing`.

Every fit is XGBoost with fixed parameters; the first 30 % of time trains the first model, everything after it is
scored. A calendar promotes whatever comes out; the default policy asks gate and probation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.trust import ages
from benchmarks.trust.policy import DATA
from benchmarks.trust.policy import SETS as FOUR
from benchmarks.trust.streams import aged_rows, first_30_percent, fixed_fits, made_recipe, real_stream
from benchmarks.trust.table import Row, workers
from ml_assets.backtest.policies import CALENDARS, Policy, calendar, same_number, standard_policies
from ml_assets.backtest.replay import Replay, Reports, pooled, replay
from ml_assets.backtest.scale import Scale, interval_of
from ml_assets.backtest.stream import Stream
from ml_assets.records.policies import NEVER, RECIPE

MEAN, LEAST, TRAININGS = 0.85, 0.70, 0.5
"""Shares of the best calendar's gain, on average and on each stream, and of its trainings."""
SETS = (*FOUR, "noaa_weather", "metro_traffic")
MADE = ("fast", "slow", "none")
BATCHES, FIRST = 100, 12


@dataclass(frozen=True)
class Earned:
    """What the default policy earned of the best calendar's gain over never; `below` an even calendar: surely."""

    name: str
    batches: int
    metric: str
    best: str
    best_gain: float
    sure: bool
    best_trainings: int
    share: float
    trainings: int
    promoted: int
    below: bool

    @property
    def words(self) -> str:
        """The line's measured column."""
        sure = "" if self.sure else ", nothing sure"
        return (
            f"{self.share:.0%} of {self.best_gain:.4g} {self.metric} ({self.best}{sure}), {self.trainings} of "
            f"{self.best_trainings} trainings, {self.promoted} promoted"
        )


def real_set(name: str, data: Path, cache: Path | None) -> Earned:
    """Replay the default policy on a real set."""
    stream = real_stream(name, data)
    reports = Reports(fixed_fits(stream, cache / name if cache else None))
    return earned(name, reports, first_30_percent(stream))


def made_stream(kind: str, seed: int) -> Earned:
    """Replay it on a made stream of 100 daily batches whose meaning turns fast, slowly or not at all."""
    stream = Stream(made_recipe(12, FIRST, 1), aged_rows(BATCHES, 500, seed, kind))
    return earned(kind, Reports(fixed_fits(stream, n_estimators=50)), stream.labels[FIRST])


def earned(name: str, reports: Reports, first: str) -> Earned:
    """Compare the default policy with never and with calendars that promote blindly."""
    stream, window = reports.stream, reports.stream.recipe.training.window
    after = stream.labels[stream.labels.index(first) + 1 :]
    scale = Scale(stream, reports.fits.metric, after, reports.fits.positive)

    def run(policy: Policy) -> tuple[Replay, np.ndarray]:
        made = replay(policy, reports, first, window)
        return made, scale.draws(pooled(stream, made.served))

    never = next(policy for policy in standard_policies(stream.recipe) if policy.name == NEVER)
    base = run(never)[1]
    calendars = [run(calendar(every)) for every in CALENDARS]
    gains = [scale.gain(drawn, base) for _, drawn in calendars]
    best = max(range(len(gains)), key=lambda place: gains[place].value)
    ours, drawn = run(Policy(RECIPE))
    even = run(same_number(RECIPE, len(ours.dates), after))[1] if ours.dates else base
    return Earned(
        name=name,
        batches=len(after),
        metric=scale.metric,
        best=calendars[best][0].policy.name,
        best_gain=gains[best].value,
        sure=gains[best].low > 0,
        best_trainings=len(calendars[best][0].dates),
        share=scale.gain(drawn, base).value / gains[best].value,
        trainings=len(ours.dates),
        promoted=sum(promotion.outcome == "promote" for promotion in ours.promotions),
        below=interval_of(scale.sign * (drawn - even)).high < 0,
    )


def rows(scale: float, seed: int, jobs: int) -> list[Row]:
    """Every line about what the default recipe earns, at any scale; real sets are left out where they are not.

    `ML_ASSETS_BENCHMARK_DATA` is their folder; `ML_ASSETS_BENCHMARK_CACHE`, if given, keeps the fits.
    """
    cache = os.environ.get("ML_ASSETS_BENCHMARK_CACHE")
    sets = SETS if DATA.is_dir() else ()
    with workers(jobs) as pool:
        made = pool.each(made_stream, [(kind, seed) for kind in MADE])
        real = pool.each(real_set, [(name, DATA, Path(cache) if cache else None) for name in sets])
        return [pool.tell(line) for line in (*lines(real, made), *ages.lines(pool, scale, seed))]


def lines(real: Sequence[Earned], made: Sequence[Earned]) -> Iterator[Row]:
    """One line a stream, the mean where a calendar's gain is sure, and those below an even calendar."""
    ageing = [one for one in (*real, *made) if one.name != "none"]
    for one in ageing:
        met = None
        if one.sure:
            met = one.share >= LEAST and one.trainings <= TRAININGS * one.best_trainings
        goal = f"≥ {LEAST:.0%} of the best calendar's gain, ≤ {TRAININGS:.0%} of its trainings"
        yield Row(f"default recipe: {one.name}", goal if one.sure else "–", one.words, met, one.batches)
    sure = [one.share for one in ageing if one.sure]
    if sure:
        mean = float(np.mean(sure))
        name = "default recipe: mean where a calendar's gain is sure"
        yield Row(name, f"≥ {MEAN:.0%}", f"{mean:.0%}", mean >= MEAN, len(sure))
    below = [one.name for one in ageing if one.below]
    name = "default recipe: surely below an even calendar with as many trainings"
    measured = f"{len(below)} ({', '.join(below)})" if below else "0"
    yield Row(name, "0", measured, not below, len(ageing))
    for one in made:
        if one.name == "none":
            met = one.trainings <= 6 and one.promoted <= 3
            words = f"{one.trainings} trainings, {one.promoted} promoted"
            yield Row(
                "default recipe: no ageing, 100 batches",
                "≤ 6 trainings, ≤ 3 promoted",
                words,
                met,
                one.batches,
            )
