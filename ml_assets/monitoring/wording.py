"""A drift report in words."""

from __future__ import annotations

from ml_assets.records import ColumnDrift, DriftReport


def describe(column: ColumnDrift) -> str:
    """Effect and certainty of one column in words.

    >>> describe(ColumnDrift(column="age", kind="numeric", test="KS", effect_name="Wasserstein",
    ...     effect=0.42, p_value=1e-30, drifted=True))
    'Wasserstein 0.42 sd, p < 1e-20'
    """
    effect = {
        "Wasserstein": f"Wasserstein {column.effect:.2f} sd",
        "null rate change": f"nulls {100 * column.effect:+.1f} points",
        "out of range": f"{column.effect:.1%} out of range",
        "unseen levels": f"{column.effect:.1%} unseen levels",
    }.get(column.effect_name, f"{column.effect_name} {column.effect:.2f}")
    certainty = "p < 1e-20" if column.p_value < 1e-20 else f"p = {column.p_value:.1g}"
    trend = f", {column.trend}" if column.trend else ""
    return f"{effect}, {certainty}{trend}"


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
    parts = [f"Fault: {'; '.join(report.faults)}."] if report.faults else []
    parts.append(summary)
    if learned:
        parts.append(f"As in the champion's newest training batches, and so no drift: {', '.join(learned)}.")
    if report.joint is not None and report.joint.drifted:
        pairs = ", ".join(f"{a} with {b}" for a, b in report.joint.pairs)
        parts.append(f"Columns no longer go together as before: {pairs} (AUC {report.joint.auc:.2f}).")
    moved = [f"{entry.column} ({describe(entry)})" for entry in report.predictions if entry.drifted]
    if moved:
        parts.append(f"The champion's predictions moved: {', '.join(moved)}.")
    if drifted and report.weight is not None and report.estimated_loss is not None:
        parts.append(
            f"What drifted holds {report.weight:.0%} of the champion's importance; "
            f"estimated loss {report.estimated_loss:.2g} {report.metric}."
        )
    return " ".join(parts)
