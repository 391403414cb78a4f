"""Arms of an experiment on their own labelled rows: who is surely better, at whatever look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ml_assets.promotion.anytime import bound, p_value
from ml_assets.promotion.paired import compare, numbered, too_few
from ml_assets.records.experiments import ArmResult, Look, Outcome, Verdict
from ml_assets.shown import figure
from ml_assets.tasks.influence import spread
from ml_assets.tasks.metrics import evaluate_counts, labelled, metric_named, undefined
from ml_assets.tasks.several import has_labels

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.promotion.judged import Measure

FEWEST_ROWS: Final = 50
"""Labelled rows of an arm, counted as independent ones, below which nothing is said."""
MISMATCH: Final = 0.001
"""Shares of the arms less likely than this are a fault, and no result can be trusted."""


@dataclass(frozen=True)
class Answers:
    """The labelled rows of one arm.

    Parameters
    ----------
    name : str
    version : int
    y : Series of shape (n_rows,) or DataFrame of shape (n_rows, n_targets)
        True values; rows without one are left out.
    predictions : DataFrame of shape (n_rows, 1 + n_classes)
        What the arm answered.
    blocks : array of shape (n_rows,), optional
        Entity of each row.
    rows : int
        Rows that it answered, labelled or not.
    beside : DataFrame of shape (n_rows, 1 + n_classes), optional
        Of a shadow: what the champion answered for the very same rows.
    """

    name: str
    version: int
    y: Any
    predictions: pd.DataFrame
    blocks: Any | None = None
    rows: int = 0
    beside: pd.DataFrame | None = None


@dataclass(frozen=True)
class _Known:
    """A score, or the gain of one over another: `counted` rows as independent ones."""

    value: float
    error: float
    freedom: float
    counted: float
    note: str = ""


def judge(
    champion: Answers,
    challengers: Sequence[Answers],
    measure: Measure,
    planned: int,
    alpha: float = 0.05,
    ratio: float = 1.0,
) -> Look:
    """Look at an experiment: may it end, and how.

    The first challenger that is surely better wins; where all are surely worse, the champion does. Each of several has
    its part of the error (Bonferroni). It ends undecided once all have as many rows as were planned.

    Parameters
    ----------
    champion : Answers
    challengers : sequence of Answers
    measure : Measure
    planned : int
        Labelled rows of each arm, counted as independent ones, at the end.
    alpha : float
        How often any of equal challengers may win or lose, all looks together.
    ratio : float
        From `anytime.ratio_p`; below `MISMATCH` nobody wins.
    """
    each = alpha / max(len(challengers), 1)
    own = _alone(champion, measure)
    found = [_result(champion, own, arm, measure, planned, each) for arm in challengers]
    results = [_arm(champion, own), *found]
    outcome, winner, reason = _ends(results, planned, ratio, measure.metric)
    return Look(
        outcome=outcome,
        reason=reason,
        metric=measure.metric,
        direction=measure.direction,
        arms=tuple(results),
        winner=winner,
        ratio_p=ratio,
    )


def _ends(
    results: Sequence[ArmResult], planned: int, ratio: float, metric: str
) -> tuple[Outcome, int | None, str]:
    challengers = results[1:]
    told = "; ".join(_words(arm, results[0], metric) for arm in challengers) or "no version is compared"
    if ratio < MISMATCH:
        return (
            "mismatch",
            None,
            f"the arms do not have the shares that they were to have (p = {ratio:.1g}): rows are lost on the way, or "
            f"not dealt out by their key, and no result can be trusted; {told}",
        )
    better = [arm for arm in challengers if arm.verdict == "better"]
    if better:
        first = max(better, key=lambda arm: arm.gain or 0.0)
        return "winner", first.version, f"version {first.version} is surely better: {told}"
    if challengers and all(arm.verdict == "worse" for arm in challengers):
        return "worse", None, f"surely worse than the champion: {told}"
    if challengers and all(arm.counted >= planned for arm in challengers):
        return "undecided", None, f"{planned:,} labelled rows an arm, and none is surely better: {told}"
    return "running", None, told


def _words(arm: ArmResult, champion: ArmResult, metric: str) -> str:
    if arm.gain is None or arm.low is None or arm.high is None or arm.score is None or champion.score is None:
        return f"version {arm.version}: {arm.note}"
    return (
        f"version {arm.version} {figure(arm.score)}, champion {figure(champion.score)} {metric} on "
        f"{arm.labelled:,} and {champion.labelled:,} labelled rows: gain {arm.gain:+.4f} ({arm.low:+.4f} to "
        f"{arm.high:+.4f} at all looks together), "
        f"{'not sure yet' if arm.verdict == 'open' else f'surely {arm.verdict}'}"
    )


def _arm(arm: Answers, known: _Known, **more: Any) -> ArmResult:
    plain = {
        "name": arm.name,
        "version": arm.version,
        "rows": arm.rows,
        "labelled": int(has_labels(arm.y).sum()),
        "counted": known.counted,
        "score": None if math.isnan(known.value) else known.value,
        "note": known.note,
    }
    return ArmResult(**{**plain, **more})


def _result(
    champion: Answers, own: _Known, arm: Answers, measure: Measure, planned: int, alpha: float
) -> ArmResult:
    """One challenger beside the champion."""
    alone = _alone(arm, measure)
    gain = _gain(own, alone, measure) if arm.beside is None else _paired(arm, measure, alone)
    if gain.note or not gain.error > 0:
        same = "no row tells the two apart yet"
        return _arm(arm, alone, counted=gain.counted, note=gain.note or same)
    from scipy.stats import norm, t

    information = gain.counted / planned
    z = float(norm.isf(t.sf(abs(gain.value) / gain.error, gain.freedom)))
    half = float(t.isf(norm.sf(bound(information, alpha)), gain.freedom)) * gain.error
    if not math.isfinite(half):
        few = f"too few labelled rows yet to say anything of {planned:,} planned"
        return _arm(arm, alone, counted=gain.counted, note=few)
    verdict: Verdict = "open"
    if abs(gain.value) > half:
        verdict = "better" if gain.value > 0 else "worse"
    return _arm(
        arm,
        alone,
        counted=gain.counted,
        gain=gain.value,
        low=gain.value - half,
        high=gain.value + half,
        p_value=float(p_value(min(z, 37.0), information, alpha)),
        verdict=verdict,
    )


def _alone(arm: Answers, measure: Measure) -> _Known:
    """Score of one arm on its labelled rows, and how surely it is known."""
    chosen = metric_named(measure.metric)
    there = has_labels(arm.y)
    rows = int(there.sum())
    nothing = _Known(math.nan, math.nan, 1.0, 0.0, f"{rows:,} of its rows have labels")
    if not rows:
        return nothing
    side = labelled(arm.y[there], arm.predictions[there], chosen.task, measure.positive)
    value = float(evaluate_counts(chosen, side, np.ones((1, rows)))[0])
    groups, every = numbered(arm.blocks, there), np.ones(rows, dtype=np.bool_)
    found = spread(chosen, [side], groups, every, measure.random_state)
    apart = spread(chosen, [side], np.arange(rows), every, measure.random_state)
    if found is None or apart is None or not math.isfinite(value):
        return _Known(value, math.nan, 1.0, 0.0, undefined(measure.metric, f"these {rows} rows"))
    few, _ = too_few(side) if chosen.by_class else ("", None)
    counted = float(len(np.unique(groups)))
    if found.error > 0:
        counted = max(1.0, min(rows, rows * (apart.error / found.error) ** 2))
    return _Known(value, found.error, found.freedom, counted, few)


def _gain(champion: _Known, arm: _Known, measure: Measure) -> _Known:
    """Gain of rows over other rows; the degrees of freedom are Welch's."""
    counted = 0.0 if not min(champion.counted, arm.counted) else 2 / (1 / champion.counted + 1 / arm.counted)
    note = arm.note or (f"the champion's arm: {champion.note}" if champion.note else "")
    if not note and min(champion.counted, arm.counted) < FEWEST_ROWS:
        note = f"too few labelled rows to say anything, {FEWEST_ROWS} of each arm are wanted"
    if note:
        return _Known(math.nan, math.nan, 1.0, counted, note)
    sign = 1 if measure.direction == "maximize" else -1
    squares = champion.error**2, arm.error**2
    total = sum(squares)
    parts = squares[0] ** 2 / champion.freedom + squares[1] ** 2 / arm.freedom
    return _Known(
        sign * (arm.value - champion.value),
        math.sqrt(total),
        total**2 / parts if parts > 0 else 1.0,
        counted,
    )


def _paired(arm: Answers, measure: Measure, alone: _Known) -> _Known:
    """Gain of a shadow over the champion on the very same rows."""
    if alone.note or alone.counted < FEWEST_ROWS:
        note = alone.note or f"too few labelled rows to say anything, {FEWEST_ROWS} are wanted"
        return _Known(math.nan, math.nan, 1.0, alone.counted, note)
    assert arm.beside is not None
    found = compare(
        arm.y,
        arm.beside,
        arm.predictions,
        measure.metric,
        positive=measure.positive,
        blocks=arm.blocks,
        random_state=measure.random_state,
    )
    if found is None or found.few:
        words = undefined(measure.metric, "these rows") if found is None else found.few
        return _Known(math.nan, math.nan, 1.0, alone.counted, words)
    error = found.error if found.differing else 0.0
    return _Known(found.gain, error, found.freedom, alone.counted)
