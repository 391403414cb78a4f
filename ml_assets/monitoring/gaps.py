"""Whether a gap between groups is surely above its limit, over the batches that one champion has answered.

One batch may prove it alone, and small excesses that stay add up: a Shewhart limit and a cumulative sum together
(Lucas 1982, Combined Shewhart-CUSUM quality control schemes, Journal of Quality Technology 14), of each pair of groups.

* A step is the difference of a figure between two groups less the limit, in its standard errors: normal, with a mean of
  0 at most where the gap is within the limit. The sum falls by half a standard error a step, and starts again at 0.
* Both bounds know how many pairs of groups, of all columns and measures, are looked at. Where all gaps lie at their
  limits the sums give one false alarm in 1,000 batches (`sequential.run_length`), single batches one in 250; where they
  are smaller next to none.
* A group with too few rows in a batch is judged with those of the next batches, once they are enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Final

from ml_assets.evaluation.gaps import SHARES, Judge, difference, figures_of, share_error
from ml_assets.monitoring.sequential import OVERSHOOT, RUN_LENGTH, run_length
from ml_assets.records import GapTest, GroupFigure, PairSum, PerformanceReport, ProtectedGroups
from ml_assets.shown import figure, shown

ALLOWANCE: Final = 0.5
"""Standard errors by which a sum falls at each step."""
ALONE: Final = 0.004
"""Probability that a batch alone calls some pair surely above its limit where all of them lie at it."""

Figures = Mapping[str, Sequence[GroupFigure]]
Pair = tuple[str, str, str]
"""A figure, the group that is perhaps above the other, and the other."""


@dataclass
class Walk:
    """One pair on its way through the batches: its sum, and the rows that wait for more."""

    total: float = 0.0
    since: str | None = None
    waits: dict[str, list[GroupFigure]] = field(default_factory=dict)
    step: float = -math.inf
    """The last step, in standard errors above the limit; of an earlier batch none."""


def gap_tests(
    groups: Sequence[ProtectedGroups],
    scored_batch: str,
    champion_version: int,
    earlier: Sequence[PerformanceReport],
    judge: Judge,
) -> tuple[GapTest, ...]:
    """Test each measure that has a limit.

    Parameters
    ----------
    groups : sequence of ProtectedGroups
        Of the batch that is scored now.
    scored_batch : str
    champion_version : int
        Version that answered.
    earlier : sequence of PerformanceReport
        In any order. Those on other champions, on this batch and on later ones do not count; of several on one batch
        the last counts: late labels replace what was known before.
    judge : Judge
    """
    reports = {
        report.scored_batch: report
        for report in earlier
        if report.champion_version == champion_version
        and report.scored_batch is not None
        and report.scored_batch < scored_batch
        and report.protected
    }
    before = [reports[batch] for batch in sorted(reports)]
    walks = {
        (each.column, measure): _walked(each, measure, scored_batch, before, judge)
        for each in groups
        for measure in judge.limits
    }
    count = sum(map(len, walks.values()))
    if not count:
        return ()
    return tuple(
        _test(each, measure, scored_batch, walks[each.column, measure], count, judge)
        for each in groups
        for measure in judge.limits
        if walks[each.column, measure]
    )


def _walked(
    now: ProtectedGroups, measure: str, batch: str, before: Sequence[PerformanceReport], judge: Judge
) -> dict[Pair, Walk]:
    """Lead each pair of groups through the batches; the oldest that is at hand holds what was before it."""
    names, limit = figures_of(measure, judge.metric), judge.limits[measure]
    past = [(report, _of_column(report, now.column)) for report in before]
    walks: dict[Pair, Walk] = {}
    batches = [(str(report.scored_batch), report, figures) for report, figures in past]
    for place, (label, report, figures) in enumerate([*batches, (batch, None, now.figures)]):
        for pair in _pairs(names, figures):
            walks.setdefault(pair, Walk())
        for pair, walk in walks.items():
            walk.step = -math.inf
            name, *sides = pair
            for each in figures.get(name, ()):
                if each.group in sides:
                    walk.waits.setdefault(each.group, []).append(each)
            pooled = [_pooled(name, walk.waits.get(side, [])) for side in sides]
            if any(side is None or side.rows < judge.min_rows or side.error is None for side in pooled):
                continue
            more, less = pooled
            assert more is not None and less is not None
            away, error = difference(name, more, less)
            walk.step = (away - limit) / error if error > 0 else math.inf if away > limit else -math.inf
            walk.waits.clear()
            walk.total = min(max(0.0, walk.total + walk.step - ALLOWANCE), CEILING)
            walk.since = (walk.since or label) if walk.total > 0 else None
        if place == 0 and report is not None:  # older reports than those at hand are in it
            _begin(walks, report, now.column, measure)
    return walks


def _begin(walks: Mapping[Pair, Walk], report: PerformanceReport, column: str, measure: str) -> None:
    known = {
        (each.figure, each.more, each.less): each
        for test in report.gap_tests
        if (test.column, test.measure) == (column, measure)
        for each in test.sums
    }
    for pair, walk in walks.items():
        walk.total = known[pair].total if pair in known else 0.0
        walk.since = known[pair].since if pair in known else None


def _of_column(report: PerformanceReport, column: str) -> Figures:
    return next((each.figures for each in report.protected if each.column == column), {})


def _pairs(names: Sequence[str], figures: Figures) -> Iterator[Pair]:
    for name in names:
        for more, less in permutations(figures.get(name, ()), 2):
            yield name, more.group, less.group


def _pooled(name: str, parts: Sequence[GroupFigure]) -> GroupFigure | None:
    """A figure of one group in several batches, as that of all its rows."""
    known = [part for part in parts if name in SHARES or part.error is not None]
    rows = sum(part.rows for part in known)
    if not rows:
        return None
    if len(known) == 1:
        return known[0]
    value = sum(part.rows * part.value for part in known) / rows
    counted = sum(part.counted for part in known)
    error = (
        share_error(value, counted)
        if name in SHARES
        else math.sqrt(sum((part.rows * (part.error or 0.0)) ** 2 for part in known)) / rows
    )
    return known[-1].model_copy(update={"rows": rows, "counted": counted, "value": value, "error": error})


def sum_limit(count: int) -> float:
    """Value of a sum above which it alarms, of so many pairs that are looked at.

    >>> round(sum_limit(1), 2), round(sum_limit(6), 2)
    (5.06, 6.84)
    """
    low, high = 0.0, 60.0
    for _ in range(50):
        middle = (low + high) / 2
        short = run_length(ALLOWANCE, middle) < RUN_LENGTH * count
        low, high = (middle, high) if short else (low, middle)
    return high - OVERSHOOT


CEILING: Final = 2 * sum_limit(20)
"""Most that a sum may become: what one broken batch has heaped up must be forgotten some time."""


def step_limit(count: int) -> float:
    """Standard errors above which a step of a batch alone alarms, of so many pairs that are looked at."""
    from scipy.stats import norm

    return float(norm.isf(ALONE / count))


def _test(
    groups: ProtectedGroups,
    measure: str,
    batch: str,
    walks: Mapping[Pair, Walk],
    count: int,
    judge: Judge,
) -> GapTest:
    heap, alone = sum_limit(count), step_limit(count)
    (name, more, less), worst = max(
        walks.items(), key=lambda item: max(item[1].total / heap, item[1].step / alone)
    )
    by_sum, by_batch = worst.total > heap, worst.step > alone
    test = GapTest(
        column=groups.column,
        measure=measure,
        limit=judge.limits[measure],
        figure=name,
        more=more,
        less=less,
        statistic=worst.total,
        threshold=heap,
        step=worst.step if math.isfinite(worst.step) else None,
        step_limit=alone,
        since=worst.since,
        alarm=by_sum or by_batch,
        sums=tuple(
            PairSum(figure=pair[0], more=pair[1], less=pair[2], total=walk.total, since=walk.since)
            for pair, walk in walks.items()
            if walk.total > 0
        ),
    )
    return test.model_copy(update={"text": _sentence(test, groups, batch)})


def _sentence(test: GapTest, groups: ProtectedGroups, batch: str) -> str:
    if not test.alarm:
        return ""
    now = {each.group: each for each in groups.figures.get(test.figure, ())}
    told = " and ".join(
        f"{figure(now[group].value, 3)} ({figure(now[group].low, 3)} to {figure(now[group].high, 3)}) of "
        f"'{shown(group, 60)}'"
        for group in (test.more, test.less)
        if group in now
    )
    since = f" since {test.since}" if test.since not in (None, batch) else ""
    return (
        f"{test.measure} of '{shown(test.column, 60)}' is surely above its limit {figure(test.limit)}{since}: "
        f"{shown(test.figure, 60)} {told or 'of too few rows'} in {batch} (sum {test.statistic:.1f}, alarm above "
        f"{test.threshold:.1f}). Nothing is trained for it."
    )
