"""Is the challenger better than the champion? A paired test on rows that neither was trained on.

"Better is promoted" promotes one of two equal models half of the time. Here equal models are promoted in at
most 2.5 % of comparisons (with the default confidence).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.records import Direction, Evaluation, Promotion

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.recipe.schema import PromotionSection

RESAMPLES = 500  # the standard error of the gain is then known to 3 %
MEANINGFUL = (
    0.01  # share of the champion's score: a gain surely smaller than this is no reason to wait for rows
)
CELLS_AT_ONCE = 2_000_000  # rows times resamples in memory


def decide_promotion(
    y: pd.Series[Any],
    champion_predictions: pd.DataFrame | None,
    challenger_predictions: pd.DataFrame,
    metric: str,
    direction: Direction,
    promotion: PromotionSection,
    evaluation: Evaluation,
    random_state: int,
    blocks: Any | None = None,
    *,
    champion_version: int | None = None,
    positive: str | None = None,
) -> Promotion:
    """Promote, keep the champion, or say how many more rows it takes to tell.

    The gain's standard error comes from a paired bootstrap that draws whole blocks; its interval is
    gain ± t · error, with as many degrees of freedom as blocks in which the two models differ, less one
    (a percentile interval is too narrow where few rows differ; Efron & Tibshirani 1993, ch. 12).

    Parameters
    ----------
    y : Series of shape (n_rows,)
        True values; rows without one are left out.
    champion_predictions : DataFrame of shape (n_rows, 1 + n_classes) or None
        Same rows in the same order; None for the first model, which must beat the baseline instead.
    challenger_predictions : DataFrame of shape (n_rows, 1 + n_classes)
        As above.
    metric, direction : str
        What is compared, and which way is better.
    promotion : PromotionSection
        `min_gain`, `confidence` and `min_rows`.
    evaluation : Evaluation
        Of the challenger on its hold-out: baseline, intervals, targets missed.
    random_state : int
        Seed of the bootstrap.
    blocks : array of shape (n_rows,), optional
        Time block or entity of each row; rows of one block are drawn together. Default: each row by itself.
    champion_version : int, optional
        Written into the record.
    positive : str, optional
        Positive class of two.

    Raises
    ------
    ValueError
        If the metric is unknown, its direction is the other one, or the rows of the two models differ.
    """
    from ml_assets.evaluation.metrics import METRICS, metric_named

    if metric_named(metric).direction != direction:
        raise ValueError(f"direction: {metric} is to {METRICS[metric].direction}, not to {direction}.")
    known = y.notna().to_numpy()
    answer = partial(
        Promotion,
        metric=metric,
        direction=direction,
        rows=int(known.sum()),
        champion_version=champion_version,
    )
    if evaluation.targets_missed:
        return answer(outcome="keep", reason=f"targets missed: {'; '.join(evaluation.targets_missed)}")
    if _constant(challenger_predictions):
        return answer(outcome="keep", reason="the challenger gives the same answer for every row")
    if not _finite(challenger_predictions):
        return answer(outcome="keep", reason="the challenger's predictions are not all finite numbers")
    if champion_predictions is None:
        return _first(metric, direction, evaluation)
    if not champion_predictions.index.equals(challenger_predictions.index):
        raise ValueError("champion and challenger must predict the same rows in the same order.")
    rows = int(known.sum())
    if rows < promotion.min_rows:
        reason = f"{rows} labelled rows that neither model was trained on; min_rows is {promotion.min_rows}"
        return answer(outcome="inconclusive", reason=reason, rows_needed=promotion.min_rows)

    truth, champion, challenger = y[known], champion_predictions[known], challenger_predictions[known]
    groups = _codes(np.arange(len(y)) if blocks is None else np.asarray(blocks), known)
    one_block = groups.max() == 0
    groups = np.arange(rows) if one_block else groups
    measured = _gains(truth, champion, challenger, metric, groups, random_state, positive)
    if measured is None:
        return answer(outcome="inconclusive", reason=f"{metric} is undefined on these {rows} rows")
    champion_score, challenger_score, gain, error = measured
    differing = len(np.unique(groups[_differ(champion, challenger)]))
    if differing == 0:
        half = 0.0
    else:
        from scipy.stats import t

        half = float(t.ppf((1 + promotion.confidence) / 2, max(differing - 1, 1))) * error
    low, high = gain - half, gain + half
    answer = partial(
        answer,
        champion_score=champion_score,
        challenger_score=challenger_score,
        gain=gain,
        gain_low=low,
        gain_high=high,
    )
    words = (
        f"challenger {challenger_score:.4g}, champion {champion_score:.4g} {metric} on {rows:,} rows: "
        f"gain {gain:+.4f} ({low:+.4f} to {high:+.4f})"
    )
    if one_block:
        words += ", rows taken as independent"
    meaningful = max(promotion.min_gain, MEANINGFUL * abs(champion_score))
    if low > promotion.min_gain:
        return answer(outcome="promote", reason=f"{words}; surely more than {promotion.min_gain:g}")
    if differing == 0:
        return answer(outcome="keep", reason=f"{words}; the two models predict the same")
    if high < 0:
        return answer(outcome="keep", reason=f"{words}; the challenger is worse")
    if high < meaningful:
        return answer(outcome="keep", reason=f"{words}; a gain of {meaningful:.2g} is ruled out")
    # Half the interval shrinks with the square root of the rows; whichever answer is nearer ends the doubt.
    distance = max(gain - promotion.min_gain, meaningful - gain)
    needed = int(np.ceil(rows * (half / distance) ** 2)) if distance > 0 else 2 * rows
    needed = max(needed, rows + 1)
    reason = f"{words}; too few rows to tell, about {needed:,} would do"
    return answer(outcome="inconclusive", reason=reason, rows_needed=needed)


def _first(metric: str, direction: Direction, evaluation: Evaluation) -> Promotion:
    """The first model must beat the baseline that looks at no feature, with its whole interval."""
    score, baseline = evaluation.scores.get(metric), evaluation.baseline.get(metric)
    answer = partial(Promotion, metric=metric, direction=direction, rows=evaluation.rows)
    if score is None or baseline is None:
        reason = f"{metric} is undefined on the {evaluation.rows} rows of the hold-out"
        return answer(outcome="inconclusive", reason=reason)
    sign = 1 if direction == "maximize" else -1
    gain = sign * (score.value - baseline)
    low, high = sorted((sign * (score.low - baseline), sign * (score.high - baseline)))
    answer = partial(answer, challenger_score=score.value, gain=gain, gain_low=low, gain_high=high)
    words = (
        f"first model: {metric} {score.value:.4g} ({score.low:.4g} to {score.high:.4g}) on "
        f"{evaluation.rows:,} rows, {baseline:.4g} without looking at the features"
    )
    if low > 0:
        return answer(outcome="promote", reason=words)
    if gain <= 0:
        return answer(outcome="keep", reason=f"{words}; no better")
    needed = max(int(np.ceil(evaluation.rows * ((gain - low) / gain) ** 2)), evaluation.rows + 1)
    reason = f"{words}; too few rows to tell, about {needed:,} would do"
    return answer(outcome="inconclusive", reason=reason, rows_needed=needed)


def _gains(
    y: pd.Series[Any],
    champion: pd.DataFrame,
    challenger: pd.DataFrame,
    metric: str,
    groups: Any,
    random_state: int,
    positive: str | None,
) -> tuple[float, float, float, float] | None:
    """Both scores, the gain (positive is better) and its standard error; None where undefined."""
    from ml_assets.evaluation.metrics import METRICS, evaluate_counts, labelled

    chosen = METRICS[metric]
    sides = [labelled(y, predictions, chosen.tasks[0], positive) for predictions in (champion, challenger)]

    def scored(counts: Any) -> list[Any]:
        return [evaluate_counts(chosen, side, counts) for side in sides]

    n_rows, n_groups = len(groups), int(groups.max()) + 1
    sign = 1 if chosen.direction == "maximize" else -1
    champion_score, challenger_score = (float(values[0]) for values in scored(np.ones((1, n_rows))))
    generator = np.random.default_rng(random_state)
    at_once = max(1, CELLS_AT_ONCE // n_rows)
    drawn = []
    for first in range(0, RESAMPLES, at_once):
        size = (min(at_once, RESAMPLES - first), n_groups)
        picks = generator.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=size[0])
        before, after = scored(picks[:, groups].astype(float))
        drawn.append(after - before)  # its spread is the same in either direction
    gains = np.concatenate(drawn)
    gains = gains[np.isfinite(gains)]
    if not np.isfinite(champion_score - challenger_score) or len(gains) < RESAMPLES / 2:
        return None
    # A bootstrap of few blocks is too narrow by this factor.
    error = float(gains.std()) * np.sqrt(n_groups / (n_groups - 1))
    return champion_score, challenger_score, sign * (challenger_score - champion_score), float(error)


def _codes(blocks: Any, known: Any) -> Any:
    """Number the blocks of the labelled rows from 0."""
    if len(blocks) != len(known):
        raise ValueError(f"blocks: {len(blocks)} for {len(known)} rows.")
    return np.unique(blocks[known], return_inverse=True)[1]


def _differ(champion: pd.DataFrame, challenger: pd.DataFrame) -> Any:
    """Rows on which the two models answer differently."""
    different = np.zeros(len(champion), dtype=bool)
    for name in challenger.columns:
        if name in champion.columns:
            ours, theirs = challenger[name].to_numpy(), champion[name].to_numpy()
            different |= ours != theirs
        else:
            different[:] = True
    return different


def _constant(predictions: pd.DataFrame) -> bool:
    return len(predictions) > 1 and all(
        predictions[name].nunique(dropna=False) == 1 for name in predictions.columns
    )


def _finite(predictions: pd.DataFrame) -> bool:
    numbers = predictions.select_dtypes("number").to_numpy(dtype=float)
    return bool(np.isfinite(numbers).all()) and not bool(predictions.isna().to_numpy().any())
