"""Whether the inputs of a batch differ from the rows the champion was trained on.

A column has drifted when the difference is certain, large enough to matter, and more than usual: a test whose
p-value, corrected for all tests of the report (weighted Bonferroni), is below 0.01, an effect above a floor,
and above what the column did in its quiet batches before (`limit`). So batches that did not drift stay quiet,
at 200 rows as at a million. Rows of one entity, and rows that follow one another in time, count as fewer
(`dependence`); seasons between batches are answered by the column's own history and persistence
(`retraining.breaches`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

import pandas as pd

from ml_assets.monitoring.accepted import confirmed, rows_of
from ml_assets.monitoring.compared import Compared, absent, compare, moved_round, whole_of
from ml_assets.monitoring.dependence import Dependence, related
from ml_assets.monitoring.known import Trend, known_columns, known_joint, newest_rows
from ml_assets.monitoring.matters import summed_up, weighed, with_trend
from ml_assets.monitoring.past import Past
from ml_assets.monitoring.pooling import of_batches, so_far
from ml_assets.monitoring.verdict import JOINT, SHARES, joint_verdict, predictions_verdict, usual_of, verdict
from ml_assets.monitoring.whole import too_few
from ml_assets.monitoring.wording import faults_told
from ml_assets.records import ColumnDrift, DriftReport, JointDrift

if TYPE_CHECKING:
    from ml_assets.monitoring.reference import Reference

REMEMBERED_REPORTS = 52  # earlier reports that a caller gives
TRAILING_BATCHES = 4  # batches before this one that a caller gives


def drift_report(
    batch: str,
    current: pd.DataFrame,
    champion: Reference | None,
    *,
    earlier: Sequence[DriftReport] = (),
    trailing: Mapping[str, pd.DataFrame] | None = None,
    predictions: pd.DataFrame | None = None,
    volumes: Mapping[str, int] | None = None,
    pool: Mapping[str, pd.DataFrame] | None = None,
) -> DriftReport:
    """Compare a batch with the rows that the champion was trained on.

    Numeric columns: Kolmogorov–Smirnov, normal-scores location and scale (van der Waerden, Klotz), values
    outside the reference's range, missingness. Categorical columns: homogeneity chi-squared on the pooled
    sample, unseen levels, missingness. All columns together: a domain classifier on pairs. Each side is
    sampled to at most 20,000 rows.

    Parameters
    ----------
    batch : str
        Label of the batch.
    current : DataFrame of shape (n_rows, n_columns)
        Rows of the batch.
    champion : Reference or None
        The champion with the rows it was trained on; None where there is none. A column that differs from all
        of them but not from the newest batches has been learned; what is as in a batch that was confirmed, this one
        perhaps, is normal (`accepted`).
    earlier : sequence of DriftReport
        Reports on earlier batches, oldest first; those about other champions are left out.
    trailing : mapping of str to DataFrame, optional
        The last few batches before this one, to tell a column that moved once from one that keeps moving.
    predictions : DataFrame of shape (n_predicted_rows, n_outputs), optional
        The champion's predictions for the batch's rows that it has not learned, compared with the profile's.
    volumes : mapping of str to int, optional
        Rows of the batches before this one; those of the reports with a fault are left out.
    pool : mapping of str to DataFrame, optional
        Batches that are `waiting` (`pooling`), oldest first: judged with this one where it has too few rows.

    Returns
    -------
    DriftReport
        `columns` worst first; `share` of the tested columns that drifted, faulty ones among them.
    """
    if champion is None:
        return DriftReport(
            batch=batch,
            champion_version=None,
            status="no_champion",
            rows=len(current),
            reference_rows=0,
            share=0.0,
            text="No champion yet, so nothing to compare with.",
        )
    past = champion.kept.past
    normal = rows_of(champion.accepted) if champion.accepted else None
    few = too_few(batch, len(current), _sound(volumes or {}, earlier, past, champion.accepted))
    few = "" if batch in champion.accepted else few
    labels, own = [*(pool or {}), batch], len(current)
    whole_pool = own + sum(map(len, (pool or {}).values()))
    gone = absent(current, champion)
    gone = {name: fault for name, fault in gone.items() if normal is None or name in normal.columns}
    if own < champion.min_rows <= whole_pool and not gone and not few:
        current = pd.concat([*(pool or {}).values(), current], ignore_index=True)
    blank = partial(
        DriftReport,
        batch=batch,
        champion_version=champion.version,
        rows=own,
        reference_rows=len(past.rows),
        share=0.0,
    )
    if min(len(current), len(past.rows)) < champion.min_rows:
        found = (*gone.values(), *([few] if few else []))
        text = _too_few_rows(len(current), len(past.rows), champion.min_rows)
        if len(current) < champion.min_rows:
            text += so_far(whole_pool, len(labels), champion.min_rows)
        if found:
            text = f"Fault: {faults_told(found)}. {text}"
        return blank(
            status="fault" if found else "insufficient_data",
            faults=found,
            text=text,
            set_aside=dict(champion.kept.roles.excluded),
        )
    pooled = len(current) != own
    found_ = compare(current, champion, past)
    whole = whole_of(batch, found_, trailing, pooled)
    moved_round(found_)
    if normal is not None and confirmed(batch, found_, champion, normal, pooled):
        whole = []
    faults = (*([few] if few else []), *whole, *sorted(set(found_.faults.values())))
    earlier_own = [report for report in earlier if report.champion_version == champion.version]
    usual = usual_of(champion.kept.profile, earlier_own)
    normal = normal.reindex(columns=past.rows.columns) if normal is not None else None
    columns, joint = _judged(found_, champion, usual, normal)
    profile = champion.kept.profile
    if profile is not None:
        columns = [weighed(column, found_.pairs[column.column], profile.importance) for column in columns]
    if trailing is not None:
        columns = [with_trend(column, found_.pairs, columns, trailing, earlier) for column in columns]
    report = blank(
        status="ok",
        columns=tuple(sorted(columns, key=_badness)),
        set_aside={**champion.kept.roles.excluded, **dict(sorted(found_.set_aside.items()))},
        faults=faults,
        joint=joint,
        predictions=_predictions(champion, predictions, usual),
        metric=profile.metric if profile else "",
    )
    report = summed_up(report, profile)
    if not pooled:
        return report
    text = f"{of_batches(labels)}, {len(current):,} rows: {report.text}"
    return report.model_copy(update={"pooled": tuple(labels[:-1]), "text": text})


def _too_few_rows(rows: int, reference_rows: int, min_rows: int) -> str:
    which = f"{rows} rows" if rows < min_rows else f"{reference_rows} reference rows"
    return f"Insufficient data: {which}, fewer than min_rows {min_rows}, prove nothing."


def _sound(
    volumes: Mapping[str, int], earlier: Sequence[DriftReport], past: Past, accepted: Collection[str]
) -> dict[str, int]:
    """Rows of the batches that were found sound, or have been learned or confirmed all the same."""
    bad = {report.batch for report in earlier if report.status == "fault"} - {*past.batches, *accepted}
    return {label: rows for label, rows in volumes.items() if label not in bad}


Usual = Mapping[str, Mapping[str, Sequence[float]]]


def _judged(
    found: Compared, champion: Reference, usual: Usual, normal: pd.DataFrame | None
) -> tuple[list[ColumnDrift], JointDrift | None]:
    """Judge each column and all together; what the newest training batches, or confirmed ones, have is no drift."""
    corrections = len(found.pairs) / SHARES["columns"]
    columns = [
        verdict(
            name,
            pair,
            found.faults.get(name, ""),
            usual.get(name, {}),
            corrections,
            partial(found.designed, name),
        )
        for name, pair in list(found.pairs.items())
    ]
    together = partial(joint_verdict, found, random_state=champion.random_state)
    joint = together(usual=usual.get(JOINT, {}))
    seen: list[tuple[pd.DataFrame | None, Trend]] = [
        (newest_rows(found.past.rows), "learned"),
        (normal, "accepted"),
    ]
    for rows, trend in seen:
        if rows is not None:
            columns = known_columns(columns, found, rows, trend)
            if joint is not None and joint.drifted:
                joint = known_joint(joint, together(usual={}, reference=rows))
    return columns, joint


def _predictions(
    champion: Reference, predictions: pd.DataFrame | None, usual: Usual
) -> tuple[ColumnDrift, ...]:
    """Judge what the champion answered; rows of one entity, or in order of time, count as fewer here, too."""
    if predictions is None:
        return ()

    @cache
    def rows() -> Dependence | None:
        found = related(predictions, champion.entities, champion.time)
        return Dependence.of(found) if found is not None else None

    return predictions_verdict(champion.kept.profile, predictions, usual, rows)


def _badness(column: ColumnDrift) -> tuple[bool, bool, float, float, str]:
    return not column.note, not column.drifted, column.p_value, -abs(column.effect), column.column
