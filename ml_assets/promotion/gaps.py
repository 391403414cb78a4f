"""No group of people may pay for a better average: gaps that a challenger surely widens.

For each pair of groups the challenger's difference of a figure is held against the champion's, on the same rows. A gap
has become worse where it is wider by more than the tolerance on these rows, and the pair that makes it is so surely
(Holm's correction over all pairs of all columns and measures). A first model has nobody to be held against: what keeps
it out is a limit that a gap of its hold-out surely passes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.evaluation.gaps import LEVEL, Mask, figures_of, per_row
from ml_assets.evaluation.segments import holm
from ml_assets.promotion.paired import compare, numbered
from ml_assets.quality.groups import edges_of, groups_of
from ml_assets.recipe.gaps import JUDGED, MEASURES, METRIC_GAP
from ml_assets.records import Evaluation, GateCheck
from ml_assets.shown import figure, shown
from ml_assets.tasks.influence import spread_of
from ml_assets.tasks.metrics import labelled, metric_named
from ml_assets.tasks.several import has_labels

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.promotion.judged import Judged, Measure
    from ml_assets.recipe.schema import Recipe

HARM = 0.2
"""Probability of "no wider" over all pairs together, as of segments: a veto in vain costs one retrain."""


@dataclass(frozen=True)
class Protected:
    """What gaps are judged by.

    Parameters
    ----------
    groups : mapping of str to mapping of str to array of bool of shape (n_rows,)
        Rows of each group, by protected column.
    measures : tuple of str
        Those that have a limit; all of the task where none has.
    tolerance : float
        By how much a gap may widen.
    min_rows : int
        Fewest rows of a group for a figure.
    """

    groups: Mapping[str, Mapping[str, Mask]]
    measures: tuple[str, ...]
    tolerance: float
    min_rows: int


def protected(rows: pd.DataFrame, recipe: Recipe) -> Protected | None:
    """Groups among some rows, of which numbers are cut by these rows; None where the recipe protects no column."""
    wanted = recipe.evaluation.fairness
    names = [name for name in recipe.protected if name in rows.columns]
    if not names or recipe.task not in JUDGED:
        return None
    allowed = tuple(name for name, tasks in MEASURES.items() if recipe.task in tasks)
    return Protected(
        groups={name: groups_of(rows[name], edges_of(rows[name], wanted.groups.get(name))) for name in names},
        measures=tuple(wanted.max_gap) or allowed,
        tolerance=wanted.tolerance,
        min_rows=wanted.min_rows,
    )


@dataclass(frozen=True)
class Change:
    """A figure of one group, by champion and challenger, and how surely they differ in it."""

    before: float
    after: float
    error: float
    freedom: float


@dataclass(frozen=True)
class Wider:
    """One pair of groups of one measure."""

    column: str
    measure: str
    more: str
    less: str
    before: float
    """The champion's gap: its largest difference of two groups."""
    after: float
    """The challenger's difference of this pair."""
    p: float


def gap_check(judged: Judged, measure: Measure) -> GateCheck | None:
    """Whether the challenger surely widens a gap by more than the tolerance; None where nothing is protected."""
    wanted = judged.protected
    if wanted is None or judged.champion is None:
        return None
    found = [
        each
        for column, groups in wanted.groups.items()
        for each in _pairs(column, _changes(groups, judged, measure, wanted), measure.metric, wanted)
    ]
    corrected = holm([each.p for each in found])
    wider = [
        (p, each)
        for p, each in zip(corrected, found, strict=True)
        if p < HARM and each.after > each.before + wanted.tolerance
    ]
    worst: dict[tuple[str, str], tuple[float, Wider]] = {}
    for p, each in sorted(wider, key=lambda pair: pair[0]):
        worst.setdefault((each.column, each.measure), (p, each))
    words = [
        f"it treats groups of '{shown(each.column, 60)}' more unequally: {each.measure} {figure(each.after, 3)}, the "
        f"champion's {figure(each.before, 3)}, between '{shown(each.more, 60)}' and '{shown(each.less, 60)}' "
        f"(evaluation.fairness.tolerance {wanted.tolerance:g})"
        for _, each in worst.values()
    ]
    return GateCheck(
        name="groups of people",
        passed=not words,
        text="; ".join(words) or f"no gap between groups of {', '.join(wanted.groups)} is surely wider",
    )


def limit_check(evaluation: Evaluation) -> GateCheck | None:
    """Whether no gap on the hold-out is surely above its limit; None where no gap has one."""
    limited = [
        (groups.column, gap)
        for groups in evaluation.protected
        for gap in groups.gaps
        if gap.limit is not None
    ]
    if not limited:
        return None
    words = [
        f"it treats groups of '{shown(column, 60)}' too unequally: {gap.measure} {figure(gap.value, 3)} between "
        f"'{shown(gap.most, 60)}' and '{shown(gap.least, 60)}', surely above evaluation.fairness.max_gap {gap.limit:g}"
        for column, gap in limited
        if gap.p < LEVEL
    ]
    return GateCheck(
        name="groups of people",
        passed=not words,
        text="; ".join(words) or "no gap between groups is surely above its limit",
    )


def _changes(
    groups: Mapping[str, Mask], judged: Judged, measure: Measure, wanted: Protected
) -> dict[str, dict[str, Change]]:
    """Each figure of each group with enough rows, by both models."""
    assert judged.champion is not None
    there = has_labels(judged.y)
    y = judged.y[there]
    sides = [
        per_row(labelled(y, answers[there], metric_named(measure.metric).task, measure.positive))
        for answers in (judged.champion, judged.challenger)
    ]
    blocks = numbered(judged.blocks, there)
    found: dict[str, dict[str, Change]] = {}
    for group, rows in groups.items():
        mask = np.asarray(rows)[there]
        for name in sides[0]:
            among = mask & sides[0][name][1] & sides[1][name][1]
            if among.sum() >= wanted.min_rows:
                first, second = (side[name][0][among] for side in sides)
                found.setdefault(name, {})[group] = _change(first, second, blocks[among])
        if METRIC_GAP in wanted.measures and mask.sum() >= wanted.min_rows:
            scored = _scored(judged, there, mask, measure)
            if scored is not None:
                found.setdefault(measure.metric, {})[group] = scored
    return found


def _change(first: NDArray[Any], second: NDArray[Any], blocks: NDArray[np.intp]) -> Change:
    groups = numbered(blocks, np.ones(len(blocks), dtype=bool))
    one_class = np.zeros(len(first), dtype=np.intp)
    spread = spread_of(second - first, groups, one_class, first != second)
    return Change(float(first.mean()), float(second.mean()), spread.error, spread.freedom)


def _scored(judged: Judged, there: Mask, mask: Mask, measure: Measure) -> Change | None:
    assert judged.champion is not None
    rows = np.flatnonzero(there)[mask]
    result = compare(
        judged.y.iloc[rows],
        judged.champion.iloc[rows],
        judged.challenger.iloc[rows],
        measure.metric,
        positive=measure.positive,
        blocks=None if judged.blocks is None else np.asarray(judged.blocks)[rows],
        random_state=measure.random_state,
    )
    if result is None or result.few:
        return None
    return Change(result.first, result.second, result.error, result.freedom)


def _pairs(
    column: str, changes: Mapping[str, Mapping[str, Change]], metric: str, wanted: Protected
) -> Iterator[Wider]:
    """Each pair of groups of each measure, with the probability of so much wider a difference by chance."""
    from scipy.stats import t

    for name in wanted.measures:
        figures = [changes[each] for each in figures_of(name, metric) if len(changes.get(each, ())) > 1]
        before = max(
            (max(c.before for c in each.values()) - min(c.before for c in each.values()) for each in figures),
            default=0.0,
        )
        for each in figures:
            for (more, up), (less, down) in permutations(each.items(), 2):
                change = (up.after - down.after) - (up.before - down.before) - wanted.tolerance
                error, freedom = math.hypot(up.error, down.error), min(up.freedom, down.freedom)
                p = float(t.sf(change / error, freedom)) if error > 0 else float(change <= 0)
                yield Wider(column, name, more, less, before, up.after - down.after, p)
