"""How good the champion is on live rows, once their labels are known."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.names import Z_95
from ml_assets.records import Direction, PerformanceReport, Score

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.recipe.schema import Monitoring


def performance_report(
    batch: str,
    scored_batch: str | None,
    y: pd.Series[Any] | None,
    predictions: pd.DataFrame | None,
    trained: Any | None,
    champion_version: int | None,
    holdout: Score | None,
    metric: str,
    direction: Direction,
    monitoring: Monitoring,
    *,
    positive: str | None = None,
    random_state: int = 0,
) -> PerformanceReport:
    """Score the predictions of a batch whose labels have arrived.

    Parameters
    ----------
    batch : str
        The newest batch, at which the report is made.
    scored_batch : str or None
        The batch whose rows are scored; None while no batch has its labels.
    y : Series of shape (n_rows,) or None
        Its labels, missing where not yet known.
    predictions : DataFrame of shape (n_rows, 1 + n_classes) or None
        The champion's predictions, in the order of `y`.
    trained : array of bool of shape (n_rows,) or None
        Rows the champion was trained on: they flatter it and are left out.
    champion_version : int or None
        Version of the champion that made the predictions.
    holdout : Score or None
        Its score on the hold-out.
    metric, direction : str
        What is measured, and which way is better.
    monitoring : Monitoring
        `min_rows` is read.
    positive : str, optional
        Positive class of two.
    random_state : int
        Seed of the bootstrap.

    Returns
    -------
    PerformanceReport
        `rows` that count, `coverage` the share of the batch's rows that is labelled, `p_value` from
        `worse_than`. With fewer than `min_rows` rows the score is shown but proves nothing: no p-value.
    """
    blank = partial(
        PerformanceReport,
        batch=batch,
        scored_batch=scored_batch,
        champion_version=champion_version,
        metric=metric,
        direction=direction,
        holdout=holdout,
    )
    if champion_version is None:
        return blank(status="no_champion", rows=0, coverage=0.0, text="No champion yet, so nothing to score.")
    known = np.zeros(0, dtype=bool) if y is None else y.notna().to_numpy()
    if scored_batch is None or y is None or predictions is None or not known.any():
        late = f" of {scored_batch}" if scored_batch else ""
        return blank(status="waiting", rows=0, coverage=0.0, text=f"Waiting for the labels{late}.")
    coverage = float(known.mean())
    fresh = known if trained is None else known & ~np.asarray(trained, dtype=bool)
    rows = int(fresh.sum())
    if rows == 0:
        text = f"All {int(known.sum())} labelled rows of {scored_batch} are rows the champion was trained on."
        return blank(status="in_sample", rows=0, coverage=coverage, text=text)
    score = _score(y[fresh], predictions[fresh], metric, positive, random_state)
    if score is None:
        text = f"Insufficient data: {metric} is undefined on the {rows} labelled rows of {scored_batch}."
        return blank(status="insufficient_data", rows=rows, coverage=coverage, text=text)
    words = (
        f"{metric} {score.value:.4g} ({score.low:.4g} to {score.high:.4g}) on {rows:,} rows of {scored_batch}"
    )
    if rows < monitoring.min_rows:
        text = f"Insufficient data: {words}, fewer than min_rows {monitoring.min_rows}, prove nothing."
        return blank(status="insufficient_data", rows=rows, coverage=coverage, score=score, text=text)
    p_value = None
    if holdout is not None:
        p_value = worse_than(score, holdout, direction)
        certainty = "p < 0.0001" if p_value < 1e-4 else f"p = {p_value:.2g}"
        words += f"; {holdout.value:.4g} on the hold-out ({certainty} that live is no worse)"
    return blank(
        status="ok", rows=rows, coverage=coverage, score=score, p_value=p_value, text=f"Live {words}."
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


def _score(
    y: pd.Series[Any], predictions: pd.DataFrame, metric: str, positive: str | None, random_state: int
) -> Score | None:
    """Return the metric with its bootstrap 95 % interval; None where it is undefined."""
    from ml_assets.tasks.intervals import intervals
    from ml_assets.tasks.metrics import labelled, metric_named

    rows = labelled(y, predictions, metric_named(metric).task, positive)
    return intervals(rows, [metric], random_state).get(metric)
