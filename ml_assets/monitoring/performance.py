"""How good the champion is on live rows, once their labels are known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.monitoring.dependence import design_effect
from ml_assets.monitoring.pooling import of_batches, so_far, together
from ml_assets.monitoring.rare import as_expected, expected, too_few
from ml_assets.monitoring.reference import Scored
from ml_assets.monitoring.wording import beside_holdout
from ml_assets.names import Z_95
from ml_assets.records import Direction, PerformanceReport, Score, SequentialTest
from ml_assets.shown import figure
from ml_assets.tasks.all import TASKS
from ml_assets.tasks.influence import FEWEST
from ml_assets.tasks.intervals import in_range, intervals, widened
from ml_assets.tasks.metrics import labelled, metric_named, undefined
from ml_assets.tasks.several import has_labels

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.monitoring.reference import Reference


def performance_report(
    batch: str,
    champion: Reference | None,
    scored: Scored | None,
    earlier: Sequence[PerformanceReport] = (),
    pool: Sequence[Scored] = (),
) -> PerformanceReport:
    """Score the predictions of a batch whose labels have arrived.

    Parameters
    ----------
    batch : str
        The newest batch, at which the report is made.
    champion : Reference or None
        The champion that made the predictions; None while there is none.
    scored : Scored or None
        Answers and labels of the batch whose rows are scored; None while no batch has its labels.
    earlier : sequence of PerformanceReport
        Reports on earlier batches, for the sequential test.
    pool : sequence of Scored
        Batches that are `waiting` (`pooling`), oldest first: scored with this one where it has too few rows.

    Returns
    -------
    PerformanceReport
        `rows` that count, `coverage` the share of the batch's rows that is labelled, `p_value` from
        `worse_than`, from `rare.expected` where few rows of a class carry the score. With fewer than `min_rows`
        rows, or 10 of a class that the metric speaks of, the score is shown but proves nothing: no p-value.
    """
    if champion is None:
        return PerformanceReport(
            batch=batch,
            scored_batch=None,
            champion_version=None,
            status="no_champion",
            metric="",
            direction="maximize",
            rows=0,
            coverage=0.0,
            text="No champion yet, so nothing to score.",
        )
    metric, direction, holdout = champion.metric, champion.direction, champion.holdout
    # An interval by users knows already that rows of one count together.
    by_rows = TASKS[champion.task].blocked_by != "user"
    if holdout is not None and by_rows and champion.kept.losses is not None:
        holdout = widened(holdout, champion.kept.losses.design / champion.holdout_design)
    blank = partial(
        PerformanceReport,
        batch=batch,
        scored_batch=scored.batch if scored is not None else None,
        champion_version=champion.version,
        metric=metric,
        direction=direction,
        holdout=in_range(holdout, metric) if holdout is not None else None,
    )
    if scored is None or not has_labels(scored.y).any():
        late = f" of {scored.batch}" if scored is not None else ""
        return blank(status="waiting", rows=0, coverage=0.0, text=f"Waiting for the labels{late}.")
    labelled_rows = has_labels(scored.y)
    coverage = float(labelled_rows.mean())
    fresh = labelled_rows
    if scored.learned is not None:
        fresh = labelled_rows & ~np.asarray(scored.learned, dtype=bool)
    rows = int(fresh.sum())
    if rows == 0:
        text = f"All {int(labelled_rows.sum())} labelled rows of {scored.batch} are rows the champion was trained on."
        return blank(status="in_sample", rows=0, coverage=coverage, text=text)
    y, predictions = scored.y[fresh], scored.predictions[fresh]
    related = scored.related.of(fresh) if scored.related is not None else None
    now = Scored(scored.batch, y, predictions, related=related)
    blank = partial(blank, concept=_concept(champion, now, earlier))
    place, parts = scored.batch, [*pool, scored]
    few = too_few(y, predictions, champion)
    if pool and (rows < champion.min_rows or few):
        whole = together(parts)
        there = has_labels(whole.y)
        all_rows, still = int(there.sum()), too_few(whole.y[there], whole.predictions[there], champion)
        if all_rows >= champion.min_rows and not still:
            few = None
            place = of_batches([part.batch for part in parts])
            y, predictions, rows = whole.y[there], whole.predictions[there], all_rows
            related = whole.related.of(there) if whole.related is not None else None
            blank = partial(blank, pooled=tuple(part.batch for part in pool))
    score = _score(y, predictions, champion)
    if score is None:
        text = f"Insufficient data: {undefined(metric, f'the {rows} labelled rows of {place}')}."
        return blank(status="insufficient_data", rows=rows, coverage=coverage, text=text)
    design = design_effect(_losses(y, predictions, champion), related) if by_rows else 1.0
    wide = widened(score, design)
    score = in_range(wide, metric)
    interval = f"({figure(score.low)} to {figure(score.high)})"
    words = f"{metric} {figure(score.value)} {interval} on {rows:,} rows of {place}"
    if rows < champion.min_rows or few:
        why = few.words(rows) if few else f"fewer than min_rows {champion.min_rows}"
        text = f"Insufficient data: {words}, {why}, prove nothing."
        if pool:
            found = "" if still is None else f", {still.found:,} of {FEWEST} rows of the class {still.name!r}"
            text += so_far(all_rows, len(parts), champion.min_rows, found)
        return blank(status="insufficient_data", rows=rows, coverage=coverage, score=score, text=text)
    p_value, usual = None, expected(y, predictions, champion, design) if holdout is not None else None
    if usual is not None:
        p_value = usual.p_value
        words += f", {as_expected(usual)}"
    elif holdout is not None:
        p_value = worse_than(wide, holdout, direction)
        words += f", {beside_holdout(holdout.value, p_value)}"
    return blank(
        status="ok",
        rows=rows,
        coverage=coverage,
        score=score,
        p_value=p_value,
        expected=usual,
        text=f"Live {words}.",
    )


def worse_than(live: Score, holdout: Score, direction: Direction) -> float:
    """One-sided p-value of "live is no worse than the hold-out", both being uncertain.

    A normal approximation: each standard error is the width of the 95 % interval over 3.92.

    >>> worse_than(Score(value=0.7, low=0.66, high=0.74), Score(value=0.7, low=0.6, high=0.8), "maximize")
    0.5
    """
    from scipy.special import ndtr

    loss = (holdout.value - live.value) * (1 if direction == "maximize" else -1)
    errors = [(score.high - score.low) / (2 * Z_95) for score in (live, holdout)]
    error = float(np.hypot(errors[0], errors[1]))
    if error == 0:
        return 0.0 if loss > 0 else 1.0
    return float(ndtr(-loss / error))


def _losses(y: Any, predictions: pd.DataFrame, champion: Reference) -> Any:
    from ml_assets.monitoring.sequential import row_losses

    return row_losses(y, predictions, champion.task)


def _concept(
    champion: Reference, scored: Scored, earlier: Sequence[PerformanceReport]
) -> SequentialTest | None:
    """Judge the loss of each row; None where the hold-out's are not known."""
    from ml_assets.monitoring.sequential import sequential_test

    if champion.kept.losses is None:
        return None
    losses = _losses(scored.y, scored.predictions, champion)
    return sequential_test(
        losses, champion.kept.losses, scored.batch, champion.version, earlier, scored.related
    )


def _score(y: Any, predictions: pd.DataFrame, champion: Reference) -> Score | None:
    """Return the metric with its bootstrap 95 % interval; None where it is undefined."""
    rows = labelled(y, predictions, metric_named(champion.metric).task, champion.positive)
    return intervals(rows, [champion.metric], champion.random_state).get(champion.metric)
