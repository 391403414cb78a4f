"""How sure several live scores of one champion are together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from ml_assets.names import Z_95
from ml_assets.records import PerformanceReport


def pooled_p_value(reports: Sequence[PerformanceReport]) -> float:
    """One-sided p-value of "live is no worse than the hold-out" over several batches of one champion.

    The error of the hold-out's score is the same for all of them, so batches one by one are no independent
    witnesses: a lucky hold-out makes every batch look bad. A normal approximation; 1 without a hold-out.
    """
    if any(report.expected is not None for report in reports):
        return _together(reports)
    scored = [report.score for report in reports if report.score is not None]
    holdout = reports[-1].holdout if reports else None
    if holdout is None or not scored:
        return 1.0
    sign = 1 if reports[-1].direction == "maximize" else -1
    loss = sign * (holdout.value - sum(score.value for score in scored) / len(scored))
    error, *errors = ((score.high - score.low) / (2 * Z_95) for score in (holdout, *scored))
    variance = error**2 + sum(each**2 for each in errors) / len(errors) ** 2
    if variance == 0:
        return 0.0 if loss > 0 else 1.0
    return NormalDist().cdf(-loss / math.sqrt(variance))


def _together(reports: Sequence[PerformanceReport]) -> float:
    """P-value of several: the sum of normal scores (Stouffer 1949), correlated by the hold-out in all of them.

    Where few rows of a class carry the scores, their distribution is in the p-values, and in no interval.
    """
    normal = NormalDist()
    total = variance = common = 0.0
    for report in reports:
        if report.p_value is None or report.score is None or report.holdout is None:
            continue
        errors = [score.high - score.low for score in (report.holdout, report.score)]
        whole = errors[0] ** 2 + errors[1] ** 2
        shared = report.expected.shared if report.expected else errors[0] ** 2 / whole if whole else 0.0
        total += normal.inv_cdf(min(max(report.p_value, 1e-12), 1 - 1e-12))
        common += math.sqrt(shared)
        variance += 1 - shared
    variance += common**2
    return normal.cdf(total / math.sqrt(variance)) if variance else 1.0
