"""What each policy would have done on history: the quality gained, the retrains and the seconds it took.

Every policy serves the same rows and shares the same fits. Intervals draw whole batches. The recommended
policy is chosen on the first half of the batches and scored on the second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ml_assets.backtest.errors import TooShortError
from ml_assets.backtest.policies import Policy, same_number, section_of, standard_policies
from ml_assets.backtest.replay import (
    Replay,
    Reports,
    newest_labelled,
    pooled,
    replay,
    trained,
)
from ml_assets.backtest.scale import Interval, Scale, interval_of
from ml_assets.backtest.stream import Stream, Window
from ml_assets.backtest.succession import Serving, served_rows
from ml_assets.records import Direction, Record
from ml_assets.records.policies import NEVER, ORACLE, RECIPE
from ml_assets.shown import counted
from ml_assets.tasks.base import Floats
from ml_assets.tasks.metrics import metric_named

MOST_RETRAINS = 0.4  # share of the batches at which a recommended policy may train
FIRST_SHARE = 0.3  # of the batches trains the first model, where the recipe does not say

Progress = Callable[[str, int, int], None]


class PolicyScore(Record):
    """One policy: its live metric over all rows served, beside never; retrains, seconds and dates.

    `promoted` of its challengers went into charge, and `undone` of these were rolled back on probation.

    `gain` is positive where better than `never`, whatever the metric's direction. `against_calendar` is the
    gain over a calendar with as many retrains, `second_half` the gain over `never` on the second half only,
    `first_half_low` the lower end of the interval of that on the first.
    """

    policy: str
    score: float
    interval: tuple[float, float]
    gain: Interval
    retrains: int
    promoted: int
    undone: int = 0
    seconds: float
    dates: tuple[str, ...]
    failed: tuple[str, ...] = ()
    first_half: float
    first_half_low: float
    second_half: float
    retrains_by_half: tuple[int, int]
    against_calendar: Interval | None = None
    section: str | None = None


class Backtest(Record):
    """All policies on one history; `section` is the recommended one as sections of a recipe, in YAML."""

    name: str
    metric: str
    direction: Direction
    first: str
    batches: int
    rows: int
    halves: tuple[str, str]
    window: int | str
    policies: tuple[PolicyScore, ...]
    recommended: str
    section: str | None = None
    reason: str
    note: str


NOTE = (
    "Each training is a refit with fixed parameters, not a new search. Challengers meet the gate and its "
    "probation, but for the limits to time and size; by the calendar all are promoted."
)
FROM_SCRATCH = (
    " Each begins from scratch, not from the version that start_from names, which knows later rows than a refit may: "
    "what learning on saves or gains is not in these numbers."
)


def first_batch(stream: Stream) -> str:
    """Batch at which the first model is trained: the recipe's `training.first`, else 30 % of the batches."""
    wanted = stream.recipe.training.first
    if wanted == 1:
        wanted = max(1, math.ceil(FIRST_SHARE * len(stream.labels)))
    known = [
        batch for batch in stream.labels if len(stream.window(stream.labelled_until(batch), "all")) >= wanted
    ]
    if not known or len(stream.labels) - stream.labels.index(known[0]) < 3:
        raise TooShortError(
            f"{stream.recipe.name}: {counted(len(stream.labels), 'batch')}, too few to try policies on, "
            f"with {wanted} for the first model and labels {stream.recipe.monitoring.label_delay} late"
        )
    return known[0]


def backtest(
    reports: Reports,
    *,
    policies: Sequence[Policy] | None = None,
    first: str | None = None,
    workers: int = 1,
    progress: Progress = lambda what, done, total: None,
) -> Backtest:
    """Replay policies on history and compare them on the same rows.

    Parameters
    ----------
    reports : Reports
        With the stream and its fits.
    policies : sequence of Policy, optional
        Default: `standard_policies`. The oracle, and a calendar with the retrains of each policy that
        watches evidence, are added.
    first : str, optional
        The batch at which the first model is trained.
    workers : int
        Fits at the same time.
    progress : callable
        Called with what is done, how much of it, and of how much.

    Raises
    ------
    TooShortError
        If there are too few batches.
    ValueError
        If there can be no first model.
    """
    fits, stream = reports.fits, reports.stream
    window: Window = stream.recipe.training.window
    start = first or first_batch(stream)
    after = stream.labels[stream.labels.index(start) + 1 :]
    ends = [newest_labelled(stream, batch) for batch in (start, *after)]
    fits.prepare([(end, window) for end in ends], workers, lambda done, total: progress("fits", done, total))
    chosen = list(policies or standard_policies(stream.recipe))
    if chosen[0].name != NEVER:
        chosen.insert(0, standard_policies(stream.recipe)[0])
    replays = []
    for done, policy in enumerate(chosen, start=1):
        replays.append(replay(policy, reports, start, window))
        progress("policies", done, len(chosen))
    scale = Scale(stream, fits.metric, after, fits.positive)
    replays.append(oracle(reports, scale, start, window))
    return _compare(reports, scale, replays, start, window)


def oracle(reports: Reports, scale: Scale, start: str, window: Window) -> Replay:
    """Serve each batch with the best of the fits available, chosen in hindsight.

    Where the metric is undefined on a batch (roc_auc of one class), the model stays.
    """
    fits, stream = reports.fits, reports.stream
    current = Serving(trained(fits, newest_labelled(stream, start), window)[0], start, 1)
    available = [current]
    served: dict[str, Serving] = {}
    dates, seconds, previous = [], 0.0, start
    for batch in scale.batches:
        scored = [
            (scale.sign * scale.half(served_rows(stream, each.fit, batch), [batch]), place)
            for place, each in enumerate(available)
        ]
        usable = [(value, place) for value, place in scored if np.isfinite(value)]
        best = available[max(usable)[1]] if usable else current
        if best is not current:
            dates.append(previous)
            seconds += best.fit.record.seconds
            current = best
        served[batch] = current
        fit, _ = trained(fits, newest_labelled(stream, batch), window)
        if fit.record.failed is None:
            available.append(Serving(fit, batch, len(available) + 1))
        previous = batch
    return Replay(Policy(ORACLE, dates=tuple(dates)), served, tuple(dates), seconds)


@dataclass
class Draws:
    """Draws of what was served, made once: many policies train at the same batches and serve the same fits."""

    stream: Stream
    _made: dict[object, Floats] = field(default_factory=dict)

    def of(self, scale: Scale, served: dict[str, Serving]) -> Floats:
        """Score each draw of the batches of a scale."""
        key = scale.batches, tuple((batch, serving.fit.record.batches) for batch, serving in served.items())
        if key not in self._made:
            self._made[key] = scale.draws(pooled(self.stream, served))
        return self._made[key]


def _compare(
    reports: Reports, scale: Scale, replays: Sequence[Replay], start: str, window: Window
) -> Backtest:
    stream = reports.stream
    middle = len(scale.batches) // 2
    halves = scale.batches[:middle], scale.batches[middle:]
    by_half = [replace(scale, batches=half) for half in halves]
    known = Draws(stream)
    untouched = next(run.served for run in replays if run.policy.name == NEVER)
    never, *never_by_half = (known.of(part, untouched) for part in (scale, *by_half))
    rows = []
    for run in replays:
        name = run.policy.name
        drawn = known.of(scale, run.served)
        score = interval_of(drawn)
        early, late = (
            half.gain(known.of(half, run.served), base)
            for half, base in zip(by_half, never_by_half, strict=True)
        )
        rows.append(
            PolicyScore(
                policy=name,
                score=score.value,
                interval=(score.low, score.high),
                gain=scale.gain(drawn, never),
                retrains=len(run.dates),
                promoted=len(run.dates)
                - sum(attempt.outcome != "promote" for attempt in run.attempts)
                + run.undone,
                undone=run.undone,
                seconds=run.seconds,
                dates=run.dates,
                failed=run.failed,
                first_half=early.value,
                first_half_low=early.low,
                second_half=late.value,
                retrains_by_half=(
                    sum(date in halves[0] for date in run.dates),
                    sum(date in halves[1] for date in run.dates),
                ),
                against_calendar=_against_calendar(reports, scale, run, start, window, known),
                section=section_of(run.policy, stream.recipe.promotion) if name != ORACLE else None,
            )
        )
    recommended, reason = recommend(rows, len(halves[0]))
    return Backtest(
        name=stream.recipe.name,
        metric=scale.metric,
        direction=metric_named(scale.metric).direction,
        first=start,
        batches=len(scale.batches),
        rows=len(pooled(stream, untouched)),
        halves=(halves[0][0], halves[1][0]),
        window=window,
        policies=tuple(rows),
        recommended=recommended,
        section=next(row.section for row in rows if row.policy == recommended),
        reason=reason,
        note=NOTE + (FROM_SCRATCH if stream.recipe.model.start_from is not None else ""),
    )


def _against_calendar(
    reports: Reports, scale: Scale, run: Replay, start: str, window: Window, known: Draws
) -> Interval | None:
    """The honest baseline: a calendar with as many retrains, evenly spaced."""
    if not run.policy.sees or run.policy.dates is not None or not run.dates:
        return None
    even = replay(same_number(run.policy.name, len(run.dates), scale.batches), reports, start, window)
    return scale.gain(known.of(scale, run.served), known.of(scale, even.served))


def recommend(rows: Sequence[PolicyScore], batches: int) -> tuple[str, str]:
    """Choose, on the first half alone, the largest gain over never with few retrains.

    The recipe's own policy stays where no gain is sure: a policy that trains for nothing is no advice.

    Parameters
    ----------
    rows : sequence of PolicyScore
        Those that no section of a recipe says do not count: calendars, one kind of evidence, the oracle.
    batches : int
        Batches of the first half; policies that train at more than 40 % of them do not count.

    Returns
    -------
    policy, reason
        The reason tells the score of the chosen one on the second half, which the choice did not see.
    """
    known = [row for row in rows if row.section is not None and math.isfinite(row.first_half)]
    cheap = [row for row in known if row.retrains_by_half[0] <= MOST_RETRAINS * batches]
    best = max(cheap, key=lambda row: (row.first_half, -row.retrains_by_half[0]), default=None)
    if best is None or best.first_half_low <= 0:
        own = next((row.policy for row in known if row.policy == RECIPE), NEVER)
        return own, (
            "no policy that trains seldom surely gained over never on the first half of the batches: nothing is to be"
            " changed"
        )
    return best.policy, (
        f"largest gain on the first half ({best.first_half:+.4g} with "
        f"{counted(best.retrains_by_half[0], 'retrain')}) of those that train at {MOST_RETRAINS:.0%} of the "
        f"batches at most; on the second half, which the choice did not "
        f"see, {best.second_half:+.4g} with {best.retrains_by_half[1]}"
    )
