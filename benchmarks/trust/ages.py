"""Age and burden of proof where the true loss by age is known: answers are drawn around it, no model is fitted.

So many streams cost little, and what is chance on a handful of them is seen as chance. Decision, refits on history,
paired test and burden of proof are the product's; segments, calibration and probation are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from benchmarks.trust.table import Row, Workers
from ml_assets.backtest.policies import same_number
from ml_assets.promotion.ageing import learned_part
from ml_assets.promotion.burden import burden
from ml_assets.promotion.judged import Judged, Measure, Past
from ml_assets.promotion.paired import Paired, compare
from ml_assets.recipe.schema import Monitoring, PromotionSection, Retraining, Training
from ml_assets.records import Attempt, BatchEvidence, Champion, Comparison, History
from ml_assets.retraining.ageing import newest_judge, refit_comparisons
from ml_assets.retraining.policy import decide_retrain

BATCHES, FIRST, WINDOW = 100, 12, 12
METRIC = "mae"  # of a model that is as fresh as can be it is 1
MEASURE = Measure(METRIC, "minimize", None)
NOISE = 0.2  # standard deviation of what a model's answer to a row is off by its own luck
LUCK = 1 / 6  # of a whole model, in errors of a comparison on one batch
STREAMS = 40

Loss = Callable[[float], float]
"""From the age of a model in batches to what it loses."""


def none(age: float) -> float:
    """Nothing is lost."""
    return 0.0


def line(age: float) -> float:
    """As much with each batch: worth a training every third batch."""
    return 0.0008 * age


def square(age: float) -> float:
    """Hardly anything at first."""
    return min(0.00004 * age**2, 0.25)


LOSSES: dict[str, Loss] = {"nothing": none, ".0008 of its score a batch": line, "a square of its age": square}


@dataclass
class Drawn:
    """Answers of models that differ in nothing but age and luck; the truth of each row is 0."""

    loss: Loss
    rows: int
    random: np.random.Generator
    _luck: dict[int, float] = field(default_factory=dict)
    _said: dict[tuple[int, int], pd.DataFrame] = field(default_factory=dict)

    def luck(self, end: int) -> float:
        """What a model is better or worse by, that has learned all batches before one."""
        if end not in self._luck:
            error = NOISE * math.sqrt(2 / self.rows)
            self._luck[end] = self.random.normal(0, LUCK * error)
        return self._luck[end]

    def live(self, batch: int, end: int) -> float:
        """Score on a batch of a model that has learned all before another."""
        return 1 + self.loss(batch - end) + self.luck(end)

    def says(self, mean: float, rows: int) -> pd.DataFrame:
        """Answers whose mean absolute error is about that."""
        return pd.DataFrame({"prediction": self.random.normal(mean, NOISE, rows)})

    def judge(self, older: Sequence[str], newer: Sequence[str], batch: str) -> Paired | None:
        """Compare two refits; what one model answers to one batch is the same in every pair."""
        place = int(batch)
        for end in (int(each[-1]) + 1 for each in (older, newer)):
            if (end, place) not in self._said:
                self._said[end, place] = self.says(self.live(place, end), self.rows)
        before, after = (self._said[int(each[-1]) + 1, place] for each in (older, newer))
        return MEASURE.compare(pd.Series(np.zeros(self.rows)), before, after)


@dataclass(frozen=True)
class Lived:
    """Trainings, promotions, mean scores of the default policy, an even calendar, every batch and never."""

    trainings: int
    promoted: int
    ours: float
    even: float
    every: float
    never: float


def lived(what: str, rows: int, seed: int) -> Lived:
    """Let a stream pass under the default policy; a model trained at a batch has learned all before it."""
    drawn = Drawn(LOSSES[what], rows, np.random.default_rng([seed, rows]))
    labels = [f"{place:03}" for place in range(BATCHES)]
    known = refit_comparisons(labels[:FIRST], WINDOW, int, METRIC, drawn.judge)
    refits, comparisons = list(known), list(known)
    end, looks, attempts, ours = FIRST, 0, list[Attempt](), list[float]()
    for now in range(FIRST + 1, BATCHES):
        ours.append(drawn.live(now, end))
        history = History(
            recipe="ages",
            batches=(BatchEvidence(batch=labels[now], index=now),),
            attempts=tuple(attempts),
            champion=Champion(version=1, as_of_index=end, trained_at=""),
            comparisons=tuple(comparisons),
            metric=METRIC,
        )
        if not decide_retrain("ages", Retraining(), Monitoring(), Training(), history, "").retrain:
            continue
        found = refit_comparisons(labels[:now], WINDOW, int, METRIC, drawn.judge, newest_judge(refits))
        refits += found
        comparisons += found
        passed, told = challenged(drawn, end, now, looks, comparisons)
        comparisons.append(told)
        outcome = "promote" if passed else "inconclusive"
        attempts.append(Attempt.model_validate({"batch_index": now, "outcome": outcome, "at": ""}))
        end, looks = (now, 0) if passed else (end, looks + 1)
    after = range(FIRST + 1, BATCHES)
    dates = {int(date) for date in same_number("", len(attempts), labels[FIRST + 1 :]).dates or ()}
    return Lived(
        trainings=len(attempts),
        promoted=sum(attempt.outcome == "promote" for attempt in attempts),
        ours=float(np.mean(ours)),
        even=calendar(drawn, dates),
        every=calendar(drawn, set(after)),
        never=calendar(drawn, set()),
    )


def calendar(drawn: Drawn, dates: set[int]) -> float:
    """Mean score of a calendar that promotes whatever comes out."""
    end, scores = FIRST, list[float]()
    for now in range(FIRST + 1, BATCHES):
        scores.append(drawn.live(now, end))
        end = now if now in dates else end
    return float(np.mean(scores))


def challenged(
    drawn: Drawn, end: int, now: int, looks: int, comparisons: Sequence[Comparison]
) -> tuple[bool, Comparison]:
    """Whether a challenger passes that has learned two thirds of what is new, and is judged by the last third."""
    new = (now - end) * drawn.rows
    judging = max(1, round(new / 3))
    learned = now - judging / drawn.rows  # batches before that
    middle = (learned + now) / 2
    before = drawn.says(1 + drawn.loss(middle - end) + drawn.luck(end), judging)
    own = drawn.random.normal(0, LUCK * NOISE * math.sqrt(2 / drawn.rows))
    after = drawn.says(1 + drawn.loss(middle - learned) + own, judging)
    y = pd.Series(np.zeros(judging))
    result = compare(y, before, after, METRIC, positive=None)
    assert result is not None
    age = learned_part(new, judging) * (now - end)
    judged = Judged(y, before, after, looks=looks, past=Past(tuple(comparisons), now, age))
    told = Comparison(
        index=now, age=age, metric=METRIC, gain=result.gain, error=result.error, score=result.first
    )
    return burden(result, judged, METRIC, PromotionSection()).passed, told


def lines(pool: Workers, scale: float, seed: int) -> Iterator[Row]:
    """A line for no ageing at three sizes of batches, and one for each loss at two."""
    streams = max(2, round(STREAMS * scale))
    for what in LOSSES:
        for rows in (150, 300, 500) if what == "nothing" else (150, 500):
            found = pool.each(lived, [(what, rows, seed + k) for k in range(streams)])
            yield row(what, rows, found)


def row(what: str, rows: int, found: Sequence[Lived]) -> Row:
    """What the streams of one kind came to."""
    name = f"drawn streams, a model loses {what}, {rows} rows a batch"
    trainings, promoted = [one.trainings for one in found], [one.promoted for one in found]
    if what == "nothing":
        few = sum(t <= 6 and p <= 3 for t, p in zip(trainings, promoted, strict=True))
        text = f"in {few} of {len(found)}; at most {max(trainings)} trainings, {max(promoted)} promoted"
        return Row(name, "≤ 6 trainings, ≤ 3 promoted", text, few == len(found), len(found))
    ours, even, every, never = (
        float(np.mean([getattr(one, each) for one in found])) for each in ("ours", "even", "every", "never")
    )
    share, theirs = ((never - each) / (never - every) for each in (ours, even))
    text = f"{share:.0%}, {np.mean(trainings):.0f} trainings, {np.mean(promoted):.0f} promoted"
    text += f"; an even calendar {theirs:.0%}"
    return Row(name, "≥ 70 % of what every batch gains", text, share >= 0.7, len(found))
