"""Whether the challenger's probabilities are as true as the champion's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.promotion.paired import Paired, compare, differ, numbered
from ml_assets.records import GateCheck
from ml_assets.shown import figure
from ml_assets.tasks.all import TASKS
from ml_assets.tasks.base import PROBABILITY, Effects, Labels, Numbers, Points, Rankings
from ml_assets.tasks.influence import classes_of, distinct, spread_of
from ml_assets.tasks.metrics import labelled, metric_named
from ml_assets.tasks.several import has_labels, parts_of

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.promotion.judged import Judged, Measure
    from ml_assets.records import Positive

BINS = 10
HARM = 0.1  # p-value of "no worse" of each figure: a veto in vain costs one retrain
LOG_LOSS_TOLERANCE = 0.05  # share of the champion's log loss
ERROR_TOLERANCE = 0.02  # expected calibration error, in probability


def calibration_checks(judged: Judged, champion: pd.DataFrame, measure: Measure) -> list[GateCheck]:
    """Log loss and calibration error may not become surely worse by more than their tolerance.

    A calibration error that grows is no harm where log loss became better, which counts it together with how much the
    probabilities tell apart (DeGroot & Fienberg 1983): the base rate, said of each row, is calibrated best.
    """
    if not TASKS[metric_named(measure.metric).task].classes:
        return []
    checks = []
    found = calibration(
        judged.y, champion, judged.challenger, blocks=judged.blocks, positive=measure.positive
    )
    for name, result in found.items():
        if name == measure.metric:
            continue
        tolerance = LOG_LOSS_TOLERANCE * result.first if name == "log_loss" else ERROR_TOLERANCE
        passed = result.gain >= -tolerance or result.p_worse() >= HARM
        text = f"{name.replace('_', ' ')} {figure(result.second)} against {figure(result.first)}"
        worse = f"{text}: worse by more than {figure(tolerance, 2)}"
        if not passed and name == "calibration_error" and "log_loss" in found and found["log_loss"].gain > 0:
            passed, text = True, f"{text}, while log loss, which counts it, is better"
        checks.append(GateCheck(name=name, passed=passed, text=text if passed else worse))
    return checks


def calibration(
    y: Any,
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    positive: Positive,
    blocks: Any | None = None,
) -> dict[str, Paired]:
    """Compare two classifiers' probabilities by log loss and by expected calibration error.

    Returns
    -------
    dict of str to Paired
        `log_loss` and `calibration_error`, lower is better; empty where a model gives no probabilities.
    """
    if not all(any(str(c).startswith(PROBABILITY) for c in frame.columns) for frame in (first, second)):
        return {}
    there = has_labels(y)
    loss = compare(y, first, second, "log_loss", blocks=blocks, positive=positive)
    rows = [labelled(y, side, "classification", positive) for side in (first, second)]
    terms = [np.mean([calibration_terms(part) for part in parts_of(side)], axis=0) for side in rows]
    scores = [float(part.mean()) for part in terms]
    groups, tells = numbered(blocks, there), differ(first[there], second[there])
    found = spread_of(terms[1] - terms[0], groups, classes_of(rows[0]), tells)
    error = Paired(
        first=scores[0],
        second=scores[1],
        gain=scores[0] - scores[1],
        error=found.error,
        rows=len(groups),
        differing=distinct(groups[tells]),
        freedom=found.freedom,
    )
    return {"log_loss": loss, "calibration_error": error} if loss else {"calibration_error": error}


def calibration_terms(rows: Labels | Numbers | Effects | Points | Rankings) -> NDArray[np.float64]:
    """Terms whose mean is the expected calibration error (Guo et al. 2017), shape (n_rows,).

    Rows are put into ten bins of equal size by the probability of the positive class, of more than two classes of the
    likeliest, those of one probability together, so that the order of rows is no matter; in each, the share that is
    right is compared with the mean probability. The sign of a bin's difference makes each row's term. Of two classes
    the likeliest would not do: rows that are too surely yes and rows that are not surely enough no would share a bin,
    and cancel out.
    """
    assert isinstance(rows, Labels) and rows.probability is not None
    if rows.probability.shape[1] == 2:
        sure, right = rows.probability[:, 1], rows.truth == 1
    else:
        sure = rows.probability.max(axis=1)
        right = rows.probability.argmax(axis=1) == rows.truth
    ranked = np.sort(sure)
    first, last = (np.searchsorted(ranked, sure, side) for side in ("left", "right"))
    bins = (first + last - 1) * BINS // max(2 * len(sure), 1)
    off = right - sure
    return np.asarray(np.sign(np.bincount(bins, weights=off, minlength=BINS))[bins] * off)
