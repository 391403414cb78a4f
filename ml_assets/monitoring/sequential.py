"""Whether the loss of each row has risen for good: a change of the concept, which no input shows.

A one-sided cumulative sum (Page 1954, Continuous inspection schemes) over the batches that one champion has
scored. Small losses that stay add up, where each batch alone proves nothing.

* A row's loss is standardised by mean and standard deviation of the same loss on the hold-out, by the model
  that had not seen it. Rows within a batch have no order that means anything, so the sum moves once per batch,
  by the whole batch: `statistic = max(0, statistic + total - allowance * rows)`.
* The mean of the hold-out is itself uncertain. The allowance is its upper confidence bound at 2.6 standard
  errors, corrected for skewness (Johnson 1978, Modified t tests), plus half the smallest loss that matters:
  a lucky hold-out gives no alarm, however many batches it makes look bad.
* The threshold follows from the average run length (Siegmund 1985, Sequential Analysis, II.2 and X.2): one false
  alarm in 1,000 batches where the hold-out is as lucky as the allowance absorbs, next to none elsewhere. It
  depends on the rows of the batch, so that a batch alarms about as seldom whatever its size.

Rows of one entity, and rows that follow one another in time, count as fewer (`dependence`), of the batch and of the
hold-out. Seasons of the loss are not known to it: what the alarm says for sure is that rows cost more than on the
hold-out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.monitoring.dependence import Related, design_effect
from ml_assets.records import LossSummary, PerformanceReport, SequentialTest
from ml_assets.shown import figure
from ml_assets.tasks.all import TASKS
from ml_assets.tasks.base import Floats
from ml_assets.tasks.classification import GREATEST_LOSSES
from ml_assets.tasks.metrics import labelled
from ml_assets.tasks.several import answers, parts_of

if TYPE_CHECKING:
    import pandas as pd

CAPPED_SHARE = 0.005  # of the hold-out's rows lie above the cap of the squared error
CAPPED_ROWS = 5  # at least: a cap set by the one largest error of a small hold-out is no cap
FEWEST_ROWS = 50  # of a hold-out: mean and standard deviation of fewer say little
SMALLEST_LOSS = 0.04  # standard deviations of a row's loss that matter: 1.6 points of an accuracy of 80 %
ERRORS = 2.6  # standard errors of the hold-out's mean that the allowance absorbs, 99.5 % one-sided
RUN_LENGTH = 1_000  # batches between false alarms
OVERSHOOT = 1.166  # standard deviations of a step, twice .583 (Siegmund 1985, X.2): steps jump over a bound


def loss_kind(predictions: pd.DataFrame, task: str) -> str:
    """Name the loss of a row: the best that task and estimator allow."""
    return TASKS[task].loss_kind(next(iter(answers(predictions).values())))


def row_losses(y: Any, predictions: pd.DataFrame, task: str) -> Floats:
    """Loss of each labelled row: log loss, 0 or 1 where there are no probabilities, squared error.

    Of several targets their mean.

    Parameters
    ----------
    y : Series of shape (n_rows,) or DataFrame of shape (n_rows, n_targets)
        True values; rows where one is missing are left out.
    predictions : DataFrame of shape (n_rows, 1 + n_classes)
        From `predict`. Probabilities are clipped to 0.01 … 0.99.
    task : {"classification", "regression"}

    Returns
    -------
    array of shape (n_labelled_rows,)

    >>> import pandas as pd
    >>> row_losses(pd.Series([1.0, None, 5.0]), pd.DataFrame({"prediction": [1.0, 2.0, 3.0]}), "regression")
    array([0., 4.])
    """
    rows = labelled(y, predictions, task, None)  # the same for all classes
    losses = [TASKS[task].row_losses(part) for part in parts_of(rows)]
    return np.asarray(np.mean(losses, axis=0))


def loss_summary(losses: Floats, kind: str, rows: Related | None = None) -> LossSummary | None:
    """Sum up the losses on the hold-out; None where they are too few or all the same.

    One row more is counted, at the greatest loss: a hold-out without a mistake does not prove that there are
    none (Laplace's rule). Squared errors are winsorised at their 99.5 % quantile, lower where fewer than five
    rows would lie above: their tail is too heavy for sums of some hundred rows to be near normal, and the bulk
    is where a change of the concept shows.

    Parameters
    ----------
    losses : array of shape (n_rows,)
        From `row_losses`, by a model that was not trained on these rows.
    kind : str
        From `loss_kind`.
    rows : Related, optional
        Which of the rows belong together.
    """
    known = losses[np.isfinite(losses)]
    if len(known) < FEWEST_ROWS:
        return None
    share = max(CAPPED_SHARE, CAPPED_ROWS / len(known))
    cap = GREATEST_LOSSES.get(kind, float(np.quantile(known, 1 - share)))
    kept = np.append(np.minimum(known, cap), cap)
    mean, std = float(kept.mean()), float(kept.std(ddof=1))
    if std <= 1e-12 * cap:
        return None
    skewness = float(np.mean(((kept - mean) / std) ** 3))
    return LossSummary(
        kind=kind,
        mean=mean,
        std=std,
        rows=len(known),
        cap=cap,
        skewness=max(skewness, 0.0),
        design=design_effect(np.minimum(known, cap), rows.of(np.isfinite(losses)) if rows else None),
    )


def sequential_test(
    losses: Floats,
    holdout: LossSummary | None,
    scored_batch: str,
    champion_version: int,
    earlier: Sequence[PerformanceReport] = (),
    rows: Related | None = None,
) -> SequentialTest | None:
    """Add a batch to the cumulative sum of its champion.

    Parameters
    ----------
    losses : array of shape (n_rows,)
        From `row_losses`: labelled rows that the champion was not trained on, however few.
    holdout : LossSummary or None
        The same loss on the hold-out.
    scored_batch : str
        Label of the batch.
    champion_version : int
        Version that made the predictions.
    earlier : sequence of PerformanceReport
        In any order. Those on other champions, on this batch and on later ones do not count; of several on one
        batch the last counts: late labels replace what was known before.
    rows : Related, optional
        Which of the rows belong together: they count as fewer.

    Returns
    -------
    SequentialTest or None
        None without a summary of the hold-out, or without rows.
    """
    known = losses[np.isfinite(losses)]
    if holdout is None or not len(known):
        return None
    capped = np.minimum(known, holdout.cap)
    count = max(1, round(len(known) / design_effect(capped, rows.of(np.isfinite(losses)) if rows else None)))
    total = count * float(((capped - holdout.mean) / holdout.std).mean())
    allowed = allowance(holdout)
    statistic, since = _carried(earlier, scored_batch, champion_version)
    risen = max(0.0, statistic + total - allowed * count)
    limit = threshold(holdout, count)
    alarm = risen > limit
    test = SequentialTest(
        loss=holdout.kind,
        rows=count,
        total=total,
        mean=float(capped.mean()),
        holdout_mean=holdout.mean,
        allowance=allowed,
        statistic=min(risen, _ceiling(limit, count)),
        threshold=limit,
        since=(since or scored_batch) if risen > 0 else None,
        alarm=alarm,
    )
    return test.model_copy(update={"text": _sentence(test, scored_batch)})


def allowance(holdout: LossSummary) -> float:
    """Rise of the mean loss that is not counted, in standard deviations of a row's loss.

    >>> plain = LossSummary(kind="error", mean=0.2, std=0.4, rows=676, cap=1.0)
    >>> round(allowance(plain), 3)  # 2.6 standard errors of 1/26, and half of .04
    0.12
    """
    rows = holdout.rows / holdout.design
    skewed = holdout.skewness * (1 + 2 * ERRORS**2) / (6 * rows)
    return ERRORS / math.sqrt(rows) + skewed + SMALLEST_LOSS / 2


def threshold(holdout: LossSummary, rows: int) -> float:
    """Value of the sum above which a batch of so many rows alarms, in standard deviations of a row's loss."""
    low, high = 0.0, 1e4 * (1 + holdout.skewness)
    for _ in range(50):
        middle = (low + high) / 2
        short = run_length(SMALLEST_LOSS / 2, middle, holdout.skewness) < RUN_LENGTH * rows
        low, high = (middle, high) if short else (low, middle)
    return max(0.0, high - OVERSHOOT * math.sqrt(rows))


def run_length(drift: float, bound: float, skewness: float = 0.0) -> float:
    """Rows until a sum that falls by `drift` a row, and starts again at 0, first rises to `bound`.

    Siegmund (1985), II.2: (exp(θb) - θb - 1) / (θδ) for drift -δ and unit variance, with θ = 2δ for normal
    rows. For skewed ones θ is the root of the cumulant function to third order, -δθ + θ²/2 + γθ³/6 = 0.

    >>> round(run_length(0.5, 4 + OVERSHOOT))  # tables of the normal CUSUM: 336 (k = .5, h = 4)
    338
    """
    theta = 2 * drift
    if skewness > 0:
        theta = 1.5 / skewness * (math.sqrt(1 + 8 * skewness * drift / 3) - 1)
    height = min(theta * bound, 500.0)
    return (math.expm1(height) - height) / (drift * theta)


def _ceiling(limit: float, rows: int) -> float:
    """Most that the sum may become: what one broken batch has heaped up must be forgotten some time."""
    return 2 * limit + OVERSHOOT * math.sqrt(rows)


def _carried(
    earlier: Sequence[PerformanceReport], scored_batch: str, champion_version: int
) -> tuple[float, str | None]:
    """Sum after the batch before this one, and the batch since which it is above 0."""
    tests = {
        report.scored_batch: report.concept
        for report in earlier
        if report.champion_version == champion_version
        and report.scored_batch is not None
        and report.scored_batch < scored_batch
        and report.concept is not None
    }
    statistic, since = 0.0, None
    for place, (batch, test) in enumerate(sorted(tests.items())):
        if place == 0:  # older reports than those at hand are in it
            statistic, since = test.statistic, test.since
            continue
        statistic = max(0.0, statistic + test.total - test.allowance * test.rows)
        statistic = min(statistic, _ceiling(test.threshold, test.rows))
        since = (since or batch) if statistic > 0 else None
    return statistic, since


def _sentence(test: SequentialTest, batch: str) -> str:
    found = f"sequential test {test.statistic:.0f}, alarm above {test.threshold:.0f}"
    if not test.alarm:
        return f"The {test.loss} of a row is not surely above the hold-out's ({found})."
    return (
        f"The {test.loss} of a row is surely above the hold-out's since {test.since}: {figure(test.mean, 3)} on "
        f"average in {batch}, {figure(test.holdout_mean, 3)} on the hold-out ({found}); if no input has drifted, what "
        "is predicted has changed."
    )
