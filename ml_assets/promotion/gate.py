"""Is the challenger better than the champion? A paired test on rows that neither was trained on.

"Better is promoted" promotes one of two equal models half of the time. Here one champion is replaced by an
equal model with a probability of at most 2.5 % (with the default confidence), however many challengers try:
each look at the same champion has a smaller share of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.evaluation.segments import holm
from ml_assets.promotion.burden import burden
from ml_assets.promotion.calibration import calibration_checks
from ml_assets.promotion.defects import defects
from ml_assets.promotion.gaps import gap_check, limit_check
from ml_assets.promotion.paired import Paired, compare, differ
from ml_assets.promotion.skill import ByChance, by_chance
from ml_assets.records import Costs, Direction, Evaluation, GateCheck, Promotion, SegmentGain
from ml_assets.shown import counted, figure
from ml_assets.tasks.metrics import metric_named, undefined
from ml_assets.tasks.several import has_labels

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.promotion.judged import Judged, Measure
    from ml_assets.recipe.schema import PromotionSection

MEANINGFUL = (
    0.01  # share of the champion's score: a gain surely smaller than this is no reason to wait for rows
)
HARM = 0.2  # p-value of "no worse", over all segments together: a veto in vain costs one retrain, harm costs people
FIRST_ROWS = 20  # of the hold-out: a bootstrap of fewer rows is surer of itself than it may be
BY_CHANCE = (
    0.0125  # how often a first model that knows nothing may look as if it knew something, as at a first look
)
UNNOTICED_SECONDS = 0.02  # a prediction of one row faster than this is fast, whatever the champion needs


def decide_promotion(
    judged: Judged,
    measure: Measure,
    promotion: PromotionSection,
    evaluation: Evaluation,
    costs: Costs | None = None,
    suspicions: Sequence[GateCheck] = (),
) -> Promotion:
    """Promote, keep the champion, or say how many more rows it takes to tell.

    The gain must be what `promotion.when` asks (`burden.burden`); then nothing else may have become worse: no
    segment and no gap between groups of people (Holm's correction), the calibration, the time of a prediction,
    the size.

    Parameters
    ----------
    judged : Judged
        Rows that neither model was trained on, and their answers; without a champion the challenger must beat
        the baseline instead.
    measure : Measure
        What is compared, and which way is better.
    promotion : PromotionSection
        The limits.
    evaluation : Evaluation
        Of the challenger on its hold-out: baseline, intervals, targets missed; a window of two units, which keeps
        it out.
    costs : Costs, optional
        Seconds and bytes, measured by the caller.
    suspicions : sequence of GateCheck
        Of the challenger's features, from `leaks.leak_checks`: told whatever is decided; one that is not passed
        keeps it out.

    Raises
    ------
    ValueError
        If the metric is unknown, its direction is the other one, or the rows of the two models differ.
    """
    answer = _decide(judged, measure, promotion, evaluation, costs)
    suspicions = (*suspicions, *_unit_checks(evaluation))
    if not suspicions:
        return answer
    held = answer.outcome == "promote" and not all(check.passed for check in suspicions)
    words = "; ".join(check.text for check in suspicions)
    return answer.model_copy(
        update={
            "outcome": "keep" if held else answer.outcome,
            "reason": f"{answer.reason}{', but' if held else ';'} {words}",
            "checks": (*answer.checks, *suspicions),
        }
    )


def _unit_checks(evaluation: Evaluation) -> list[GateCheck]:
    """A window of two units keeps its model out, whatever it scores: half of its rows are wrong."""
    if not evaluation.mixed:
        return []
    text = (
        f"the training window mixes two units: {'; '.join(evaluation.mixed)} Mend these batches at the source, or "
        "learn from the batches of one unit alone (training.window)"
    )
    return [GateCheck(name="units", passed=False, text=text)]


def _decide(
    judged: Judged,
    measure: Measure,
    promotion: PromotionSection,
    evaluation: Evaluation,
    costs: Costs | None,
) -> Promotion:
    metric, direction = measure.metric, measure.direction
    expected = metric_named(metric).direction
    if expected != direction:
        raise ValueError(f"direction: {metric} is to {expected}, not to {direction}.")
    champion, challenger, looks = judged.champion, judged.challenger, judged.looks
    labelled = has_labels(judged.y)
    rows = int(labelled.sum())
    answer = partial(
        Promotion,
        metric=metric,
        direction=direction,
        rows=rows,
        champion_version=judged.champion_version,
        looks=looks,
    )
    found = defects(challenger, champion, evaluation)
    if found:
        return answer(outcome="keep", reason="; ".join(found))
    if champion is None:
        fewest = min(FIRST_ROWS, promotion.min_rows)
        chance = by_chance(judged, measure)
        limits = limit_check(evaluation)
        checks = [*([limits] if limits is not None else []), *_cost_checks(costs, promotion)]
        return _first(metric, direction, evaluation, checks, fewest, chance)
    if not champion.index.equals(challenger.index):
        raise ValueError("champion and challenger must predict the same rows in the same order.")
    if rows < promotion.min_rows:
        reason = f"{rows} labelled rows that neither model was trained on; min_rows is {promotion.min_rows}"
        return answer(outcome="inconclusive", reason=reason, rows_needed=promotion.min_rows)
    test = partial(compare, metric=metric, positive=measure.positive, random_state=measure.random_state)
    result = test(judged.y, champion, challenger, blocks=judged.blocks)
    if result is None:
        return answer(outcome="inconclusive", reason=undefined(metric, f"these {rows} rows"))

    asked = burden(result, judged, metric, promotion)
    half = result.half(asked.alpha)
    low, high = result.gain - half, result.gain + half
    answer = partial(
        answer,
        champion_score=result.first,
        challenger_score=result.second,
        gain=result.gain,
        gain_low=low,
        gain_high=high,
        alpha=asked.alpha,
        comparison=judged.past.comparison(result, metric) if judged.past is not None else None,
    )
    words = _words(result, metric, low, high, looks)
    if judged.blocks is not None and len(np.unique(np.asarray(judged.blocks)[labelled])) == 1:
        words += ", rows taken as independent"
    meaningful = max(promotion.min_gain, MEANINGFUL * abs(result.first))
    if result.differing == 0:
        return answer(outcome="keep", reason=f"{words}; the two models predict the same")
    if result.few:
        return answer(outcome="inconclusive", reason=f"{words}; {result.few}", rows_needed=result.rows_needed)
    if asked.passed:
        words += f"; {asked.words}"
        parts = _segment_gains(test, judged, champion, promotion)
        unequal = gap_check(judged, measure)
        checks = [
            _segment_check(parts),
            *([unequal] if unequal is not None else []),
            *calibration_checks(judged, champion, measure),
            *_cost_checks(costs, promotion),
        ]
        failed = [check.text for check in checks if not check.passed]
        return answer(
            outcome="keep" if failed else "promote",
            reason=f"{words}, but {'; '.join(failed)}" if failed else words,
            segments=tuple(parts),
            checks=tuple(checks),
        )
    if asked.learned:
        words += f"; {asked.words}"
    if high < 0:
        return answer(outcome="keep", reason=f"{words}; the challenger is worse")
    if high < meaningful:
        return answer(outcome="keep", reason=f"{words}; a gain of {figure(meaningful, 2)} is ruled out")
    # Half the interval shrinks with the square root of the rows; whichever answer is nearer ends the doubt.
    distance = max(result.gain - promotion.min_gain, meaningful - result.gain)
    needed = int(np.ceil(rows * (half / distance) ** 2)) if distance > 0 else 2 * rows
    needed = max(needed, rows + 1)
    reason = f"{words}; too few rows to tell, about {needed:,} would do"
    return answer(outcome="inconclusive", reason=reason, rows_needed=needed)


def _words(result: Paired, metric: str, low: float, high: float, looks: int) -> str:
    words = (
        f"challenger {figure(result.second)}, champion {figure(result.first)} {metric} on {result.rows:,} rows: "
        f"gain {result.gain:+.4f} ({low:+.4f} to {high:+.4f})"
    )
    return f"{words}, at look {looks + 1} at this champion" if looks else words


def _segment_gains(
    test: Any, judged: Judged, champion: pd.DataFrame, promotion: PromotionSection
) -> list[SegmentGain]:
    """The gain in each segment with enough labelled rows, of each class, the worst first."""
    y, challenger, blocks = judged.y, judged.challenger, judged.blocks
    labelled = has_labels(y)
    different = differ(champion, challenger) & labelled
    found: list[tuple[str, Paired]] = []
    for name, mask in (judged.segments or {}).items():
        rows = np.asarray(mask, dtype=bool)
        if (rows & labelled).sum() < promotion.min_rows or not (rows & different).any():
            continue
        part = None if blocks is None else np.asarray(blocks)[rows]
        result = test(y[rows], champion[rows], challenger[rows], blocks=part)
        if result is not None and not result.few:
            found.append((name, result))
    corrected = holm([result.p_worse() for _, result in found])
    gains = [
        SegmentGain(
            segment=name,
            rows=result.rows,
            champion_score=result.first,
            challenger_score=result.second,
            gain=result.gain,
            p_value=p_value,
            worse=p_value < HARM,
        )
        for (name, result), p_value in zip(found, corrected, strict=True)
    ]
    return sorted(gains, key=lambda part: (part.p_value, part.gain))


def _segment_check(parts: list[SegmentGain]) -> GateCheck:
    worse = [
        f"surely worse where {part.segment}: {figure(part.challenger_score)} against "
        f"{figure(part.champion_score)} on {part.rows:,} rows"
        for part in parts
        if part.worse
    ]
    text = "; ".join(worse) or f"none of {counted(len(parts), 'segment')} surely worse"
    return GateCheck(name="segments", passed=not worse, text=text)


def _cost_checks(costs: Costs | None, promotion: PromotionSection) -> list[GateCheck]:
    """Seconds of one prediction against the champion's, and size against the limit."""
    if costs is None:
        return []
    checks = []
    ours, theirs, ratio = costs.challenger_seconds, costs.champion_seconds, promotion.max_latency_ratio
    if ours is not None and theirs is not None and ratio is not None:
        passed = ours <= max(ratio * theirs, UNNOTICED_SECONDS)
        text = (
            f"one prediction takes {figure(1000 * ours, 3)} ms, the champion's {figure(1000 * theirs, 3)} ms"
        )
        worse = f"{text}: more than {ratio:g} times as long (promotion.max_latency_ratio)"
        checks.append(GateCheck(name="latency", passed=passed, text=text if passed else worse))
    size = costs.challenger_bytes / 1e6
    passed = size <= promotion.max_size_mb
    text = f"the model has {figure(size, 3)} MB"
    worse = f"{text}: more than {promotion.max_size_mb:g} (promotion.max_size_mb)"
    checks.append(GateCheck(name="size", passed=passed, text=text if passed else worse))
    return checks


def _first(
    metric: str,
    direction: Direction,
    evaluation: Evaluation,
    checks: list[GateCheck],
    fewest: int,
    chance: ByChance | None,
) -> Promotion:
    """The first model must beat the baseline that looks at no feature, with its whole interval.

    Where few rows of a class make that interval too narrow, it must also beat chance.
    """
    score, baseline = evaluation.scores.get(metric), evaluation.baseline.get(metric)
    answer = partial(
        Promotion, metric=metric, direction=direction, rows=evaluation.rows, checks=tuple(checks)
    )
    if score is None or baseline is None:
        reason = undefined(metric, f"the {evaluation.rows} rows of the hold-out")
        return answer(outcome="inconclusive", reason=reason)
    if evaluation.rows < fewest:
        reason = (
            f"first model: the hold-out has {evaluation.rows} labelled rows, too few to judge it by: {fewest} "
            "are needed, so collect more rows or hold more of them out (evaluation.validation.test_size)"
        )
        return answer(outcome="inconclusive", reason=reason, challenger_score=score.value, rows_needed=fewest)
    sign = 1 if direction == "maximize" else -1
    gain = sign * (score.value - baseline)
    low, high = sorted((sign * (score.low - baseline), sign * (score.high - baseline)))
    answer = partial(answer, challenger_score=score.value, gain=gain, gain_low=low, gain_high=high)
    words = (
        f"first model: {metric} {figure(score.value)} ({figure(score.low)} to {figure(score.high)}) on "
        f"{evaluation.rows:,} rows, {figure(baseline)} {evaluation.baseline_is}"
    )
    failed = [check.text for check in checks if not check.passed]
    if low > 0 and chance is not None and chance.p_value >= BY_CHANCE:
        return answer(
            outcome="inconclusive", reason=f"{words}; {chance.words}", rows_needed=2 * evaluation.rows
        )
    if low > 0:
        reason = f"{words}, but {'; '.join(failed)}" if failed else words
        return answer(outcome="keep" if failed else "promote", reason=reason)
    if gain <= 0:
        return answer(outcome="keep", reason=f"{words}; no better")
    needed = max(int(np.ceil(evaluation.rows * ((gain - low) / gain) ** 2)), evaluation.rows + 1)
    reason = f"{words}; too few rows to tell, about {needed:,} would do"
    return answer(outcome="inconclusive", reason=reason, rows_needed=needed)
