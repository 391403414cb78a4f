"""Whether a new champion is worse on live labels than the one before would have been."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ml_assets.promotion.paired import compare
from ml_assets.records import Probation
from ml_assets.shown import figure
from ml_assets.tasks.metrics import undefined
from ml_assets.tasks.several import has_labels

if TYPE_CHECKING:
    from ml_assets.promotion.judged import Judged, Measure
    from ml_assets.recipe.schema import PromotionSection


def decide_probation(
    judged: Judged,
    measure: Measure,
    promotion: PromotionSection,
    batches: Sequence[str],
    champion_version: int,
    previous_version: int,
) -> Probation:
    """Roll the new champion back, let it pass, or watch on.

    It is asked once more with each labelled batch, on all rows so far; each time may err with an equal share
    of (1 - confidence) / 2, so that an equal model is rolled back with at most that probability.

    Parameters
    ----------
    judged : Judged
        Rows of the batches that the new champion served. It is the challenger of the one before, which would
        have answered what `champion` says.
    measure : Measure
        What is compared, and which way is better.
    promotion : PromotionSection
        `probation`, `confidence` and `min_rows`.
    batches : sequence of str
        The labelled batches so far, oldest first.
    champion_version, previous_version : int
        The new champion, and the one before.
    """
    assert judged.champion is not None
    metric, rows = measure.metric, int(has_labels(judged.y).sum())
    alpha = (1 - promotion.confidence) / 2 / max(promotion.probation, 1)
    last = len(batches) >= promotion.probation
    seen = f"{len(batches)} of {promotion.probation} labelled batches"

    def answer(outcome: Any, reason: str, **scores: Any) -> Probation:
        return Probation(
            outcome=outcome,
            reason=reason,
            metric=metric,
            direction=measure.direction,
            rows=rows,
            batches=tuple(batches),
            champion_version=champion_version,
            previous_version=previous_version,
            alpha=alpha,
            **scores,
        )

    if rows < promotion.min_rows:
        return answer("watching", f"{rows} labelled rows in {seen}; min_rows is {promotion.min_rows}")
    result = compare(
        judged.y,
        judged.champion,
        judged.challenger,
        metric,
        blocks=judged.blocks,
        positive=measure.positive,
        random_state=measure.random_state,
    )
    if result is None:
        return answer("watching", undefined(metric, f"the {rows} rows of {seen}"))
    if result.few:
        return answer("watching", f"{seen}: {result.few}")
    half = result.half(alpha)
    ended = judged.past.comparison(result, metric) if judged.past is not None else None
    scores = {
        "champion_score": result.second,
        "previous_score": result.first,
        "loss": -result.gain,
        "loss_low": -result.gain - half,
        "loss_high": -result.gain + half,
        "p_value": result.p_worse(),
    }
    words = (
        f"version {champion_version} has {figure(result.second)} {metric} on {rows:,} live rows of {seen}, "
        f"version {previous_version} would have had {figure(result.first)}: gain {result.gain:+.4f} "
        f"({result.gain - half:+.4f} to {result.gain + half:+.4f})"
    )
    if scores["loss_low"] > 0:
        return answer("rollback", f"{words}; surely worse", **scores, comparison=ended)
    if last:
        return answer("passed", f"{words}; not surely worse, probation is over", **scores, comparison=ended)
    return answer("watching", f"{words}; not surely worse so far", **scores)
