"""Reports in words: what is certain is said without its p-value, which the tables have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ml_assets.records import ColumnDrift, DriftReport, PerformanceReport
from ml_assets.shown import figure, listed

MOST_FAULTS: Final = 3
"""Faults that a sentence names; the report has them all."""


ONE_TABLE = "one table: no batch comes that could drift"
"""What is said of a model without batches where nothing else is to be said."""


def faults_told(faults: Sequence[str]) -> str:
    """
    Say what is faulty: a few faults, and how many more there are.

    >>> faults_told(["'a' is empty", "'b' is empty", "'c' is empty", "'d' is empty"])
    "'a' is empty; 'b' is empty; 'c' is empty and 1 more"
    """
    return listed(faults, MOST_FAULTS, "; ")


def describe(column: ColumnDrift) -> str:
    """Effect and trend of one column in words.

    >>> describe(ColumnDrift(column="age", kind="numeric", test="KS", effect_name="Wasserstein",
    ...     effect=0.42, p_value=1e-30, drifted=True, trend="moved once"))
    '0.42 standard deviations away, moved once'
    """
    effect = {
        "Wasserstein": f"{column.effect:,.2f} standard deviations away",
        "KS distance": f"up to {100 * column.effect:.0f} points of its rows shifted",
        "total variation": f"{column.effect:.0%} of its rows in other categories",
        "null rate change": f"empty cells {100 * column.effect:+.1f} points",
        "out of range": f"{column.effect:.1%} of its rows out of range",
        "unseen levels": f"{column.effect:.1%} of its rows in new categories",
    }.get(column.effect_name, f"{column.effect_name} {column.effect:.2f}")
    return f"{effect}, {column.trend}" if column.trend else effect


def found(column: ColumnDrift) -> str:
    """Verdict, effect, certainty and what else is known of one column: a line of a table of few columns, which fits.

    >>> found(ColumnDrift(column="age", kind="numeric", test="KS", effect_name="Wasserstein",
    ...     effect=0.42, p_value=1e-30, drifted=True))
    'drifted: 0.42 standard deviations away (p < 0.0001)'
    """
    note = f"; {column.note}" if column.note else ""
    verdict = "drifted" if column.drifted else "quiet"
    return f"{verdict}: {describe(column)} (p {chance(column.p_value)}){note}"


def chance(p_value: float) -> str:
    """
    Write a p-value for a table; below one in ten thousand its size says nothing.

    >>> chance(3e-214), chance(0.0312)
    ('< 0.0001', '0.031')
    """
    return "< 0.0001" if p_value < 1e-4 else f"{p_value:.2g}"


def beside_holdout(holdout: float, p_value: float) -> str:
    """
    Say how a live score stands to the hold-out's, by the p-value of its being no worse.

    >>> beside_holdout(0.8267, 1e-9), beside_holdout(0.7435, 0.53)
    ("surely worse than the hold-out's 0.8267", "no worse than the hold-out's 0.7435")
    """
    return f"{worse(p_value)} than the hold-out's {figure(holdout)}"


def worse(p_value: float) -> str:
    """Say how sure it is that something is worse, by the p-value of its being no worse."""
    return "surely worse" if p_value < SURE else "not surely worse" if p_value < 0.5 else "no worse"


def sentence(report: DriftReport) -> str:
    """Faults first, then what drifted, and what it may cost."""
    drifted = [column for column in report.columns if column.drifted]
    learned = [column.column for column in report.columns if column.trend == "learned"]
    if not report.columns:
        summary = "No column to compare."
    elif not drifted:
        summary = f"None of {len(report.columns)} columns drifted."
    else:
        shown = [f"{column.column} ({describe(column)})" for column in drifted[:3]]
        more = f" and {len(drifted) - 3} more" if len(drifted) > 3 else ""
        summary = f"{len(drifted)} of {len(report.columns)} columns drifted: {', '.join(shown)}{more}."
    parts = [f"Fault: {faults_told(report.faults)}."] if report.faults else []
    parts.append(summary)
    if learned:
        parts.append(f"As in the champion's newest training batches, and so no drift: {listed(learned)}.")
    if accepted := [column.column for column in report.columns if column.trend == "accepted"]:
        parts.append(f"As in a batch confirmed as the new normal, and so no drift: {listed(accepted)}.")
    if report.joint is not None and report.joint.drifted:
        pairs = ", ".join(f"{a} with {b}" for a, b in report.joint.pairs)
        parts.append(f"Columns no longer go together as before: {pairs} (AUC {report.joint.auc:.2f}).")
    moved = [f"{entry.column} ({describe(entry)})" for entry in report.predictions if entry.drifted]
    if moved:
        parts.append(f"The champion's predictions moved: {', '.join(moved)}.")
    if drifted and report.weight is not None and report.estimated_loss is not None:
        parts.append(
            f"What drifted holds {report.weight:.0%} of the champion's importance; "
            f"estimated loss {figure(report.estimated_loss, 2)} {report.metric}."
        )
    return " ".join(parts)


def without_alarm(report: DriftReport) -> str:
    """Say what a report found that raises no alarm: drift below the limits, columns that differ by little."""
    begin = "Drift, but below the limits of an alarm." if report.status == "drift" else "No alarm."
    return _calm(f"{begin} {report.text}", [*report.columns, *report.predictions], "columns")


def labels_without_alarm(report: PerformanceReport) -> str:
    """Say what a performance report found that raises no alarm: also labels that differ for certain, but by little."""
    return _calm(f"No alarm. {report.text}", list(report.each_target), "labels")


SURE = 0.01
"""Share of false alarms that a report allows itself."""


def _calm(text: str, compared: Sequence[ColumnDrift], what: str) -> str:
    small = [column for column in compared if not column.drifted and column.p_value < SURE]
    if not small:
        return text
    shown = ", ".join(f"{column.column} ({describe(column)})" for column in small[:3])
    more = f" and {len(small) - 3} more" if len(small) > 3 else ""
    return (
        f"{text} For certain not as learned, but by no more than usual or than matters, are {what}: "
        f"{shown}{more}."
    )
