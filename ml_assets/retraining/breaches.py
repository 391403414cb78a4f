"""When one report is a breach: inputs that moved too much, a live score that is too bad."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.records import DriftReport, PerformanceReport

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Retraining

SIGNIFICANCE = 0.01  # of "live is worse than on the hold-out", one-sided
LEAST_LOSS = {
    "maximize": 0.02,
    "minimize": 0.05,
}  # share of the hold-out's value; errors are noisier than scores
LEAST_WEIGHT = 0.05  # share of the champion's importance that must have drifted


def drift_breach(report: DriftReport, retraining: Retraining) -> bool:
    """Whether many columns drifted, or few that matter.

    Many: a larger share of them than `drift_threshold`, with more than 5 % of the champion's permutation importance,
    where that is known. Few that matter: they hold a larger share of the importance than `drift_importance`.
    """
    return report.status == "drift" and (many(report, retraining) or _matter(report, retraining))


def many(report: DriftReport, retraining: Retraining) -> bool:
    """Whether a breach is one by how many columns drifted."""
    weighs = report.weight is None or report.weight > LEAST_WEIGHT
    return report.share > retraining.drift_threshold and weighs


def _matter(report: DriftReport, retraining: Retraining) -> bool:
    return report.weight is not None and report.weight > retraining.drift_importance


def performance_breach(report: PerformanceReport, retraining: Retraining) -> bool:
    """Whether the live metric is bad enough to speak of a breach.

    With `performance_threshold`: the live value is worse than it, in the metric's direction. Without: worse
    than on the hold-out with one-sided p < 0.01, and by at least 2 % of the hold-out's value (errors: 5 %).
    """
    if report.status != "ok" or report.score is None:
        return False
    sign = 1 if report.direction == "maximize" else -1
    if retraining.performance_threshold is not None:
        return sign * (report.score.value - retraining.performance_threshold) < 0
    if report.holdout is None or report.p_value is None:
        return False
    usual = report.expected.value if report.expected is not None else report.holdout.value
    loss = sign * (usual - report.score.value)
    return report.p_value < SIGNIFICANCE and loss >= LEAST_LOSS[report.direction] * abs(report.holdout.value)
