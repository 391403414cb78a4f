"""What it matters that a column has drifted, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ml_assets.monitoring.samples import Pair
from ml_assets.monitoring.verdict import facing, verdict
from ml_assets.monitoring.wording import sentence
from ml_assets.records import ColumnDrift, DriftReport, Profile


def moved_share(column: ColumnDrift, pair: Pair) -> float:
    """Share of the batch's rows that would have to change for the column to look as before."""
    if pair.current.nulls == pair.current.rows:
        return 1.0
    return max(abs(value) for effect, value in column.effects.items() if effect != "Wasserstein")


def weighed(column: ColumnDrift, pair: Pair, importance: Mapping[str, float]) -> ColumnDrift:
    """Estimate the loss by a drifted column: what permuting it costs, for the share of rows that moved."""
    weight = importance.get(column.column)
    loss = weight * moved_share(column, pair) if weight is not None and column.drifted else None
    return column.model_copy(update={"importance": weight, "estimated_loss": loss})


def with_trend(
    column: ColumnDrift,
    pairs: Mapping[str, Pair],
    columns: Sequence[ColumnDrift],
    trailing: Mapping[str, pd.DataFrame],
    earlier: Sequence[DriftReport],
) -> ColumnDrift:
    """Compare a drifted column with the oldest of the trailing batches in which it had moved already."""
    name = column.column
    if not column.drifted or column.note:
        return column
    known = {report.batch: report for report in earlier}
    since = None
    for label in sorted(trailing, reverse=True):
        report = known.get(label)
        if report is None or not any(c.column == name and c.drifted for c in report.columns):
            break
        since = label
    if since is None or name not in trailing[since].columns:
        return column.model_copy(update={"trend": "moved now"})
    past = trailing[since].loc[:, ~trailing[since].columns.duplicated()]
    count = sum(each.drifted for each in columns)
    moving = verdict(name, facing(pairs[name], past[name]), "", {}, count).drifted
    return column.model_copy(update={"trend": "keeps moving" if moving else "moved once"})


def summed_up(report: DriftReport, profile: Profile | None) -> DriftReport:
    """Fill in status, share, weight, loss and words."""
    drifted = {column.column for column in report.columns if column.drifted}
    if report.joint is not None and report.joint.drifted:
        drifted |= {name for pair in report.joint.pairs for name in pair}
    moved = drifted or (report.joint and report.joint.drifted) or any(p.drifted for p in report.predictions)
    weight = loss = None
    if profile is not None and sum(profile.importance.values()) > 0:
        held = sum(profile.importance.get(name, 0.0) for name in drifted)
        weight = held / sum(profile.importance.values())
        loss = sum(column.estimated_loss or 0.0 for column in report.columns)
    report = report.model_copy(
        update={
            "status": "fault" if report.faults else "drift" if moved else "ok",
            "share": len(drifted) / len(report.columns) if report.columns else 0.0,
            "weight": weight,
            "estimated_loss": loss,
        }
    )
    return report.model_copy(update={"text": sentence(report)})
