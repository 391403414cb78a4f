"""Whether the inputs of a batch differ from the rows the champion was trained on.

A column has drifted when the difference is certain, large enough to matter, and more than usual: a test whose
p-value, corrected for all tests of the report (weighted Bonferroni), is below 0.01, an effect above a floor,
and above what the column did in its quiet batches before (`limit`). So batches that did not drift stay quiet,
at 200 rows as at a million. The tests assume rows that are independent within a batch; seasonal data break
that, and the column's own history and persistence (`retraining.breaches`) answer it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml_assets.features.columns import unfit
from ml_assets.monitoring import faults as faulty
from ml_assets.monitoring.calendars import calendar_columns
from ml_assets.monitoring.past import Past
from ml_assets.monitoring.pooling import of_batches, so_far
from ml_assets.monitoring.samples import NumberPair, Pair, sample
from ml_assets.monitoring.verdict import (
    JOINT,
    SHARES,
    facing,
    joint_verdict,
    pair_of,
    predictions_verdict,
    usual_of,
    verdict,
)
from ml_assets.monitoring.whole import too_few, whole_faults
from ml_assets.monitoring.wording import sentence
from ml_assets.names import BATCH
from ml_assets.records import ColumnDrift, DriftReport, Profile

if TYPE_CHECKING:
    from ml_assets.monitoring.reference import Reference

NEWEST_ROWS = 1_000  # of the newest training batches, from which a drifted column must differ, too
LEARNED = 0.5  # share of the effect; a column that is as much nearer to the newest training batches is known
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
        of them but not from the newest batches has been learned.
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
    blank = partial(DriftReport, batch=batch, rows=len(current), share=0.0)
    if champion is None:
        return blank(
            champion_version=None,
            status="no_champion",
            reference_rows=0,
            text="No champion yet, so nothing to compare with.",
        )
    reference, profile, random_state = champion.kept.rows, champion.kept.profile, champion.random_state
    numeric, categorical = champion.kept.roles.numeric, champion.kept.roles.categorical
    blank = partial(blank, champion_version=champion.version, set_aside=dict(champion.kept.roles.excluded))
    wanted = [name for name in (*numeric, *categorical) if name in reference.columns]
    times = {name: int(np.sum(current.columns == name)) for name in wanted}
    faults: dict[str, str] = {name: faulty.absent(name) for name in wanted if times[name] == 0}
    rows, reference_rows = len(current), len(reference)
    past = Past(reference.loc[:, ~reference.columns.duplicated()])
    few = too_few(batch, rows, _sound(volumes or {}, earlier, past))
    labels, own = [*(pool or {}), batch], rows
    whole_pool = rows + sum(map(len, (pool or {}).values()))
    if rows < champion.min_rows <= whole_pool and not faults and not few:
        current = pd.concat([*(pool or {}).values(), current], ignore_index=True)
        rows = whole_pool
    if min(rows, reference_rows) < champion.min_rows:
        which = f"{rows} rows" if rows < champion.min_rows else f"{reference_rows} reference rows"
        text = f"Insufficient data: {which}, fewer than min_rows {champion.min_rows}, prove nothing."
        text += so_far(whole_pool, len(labels), champion.min_rows) if rows < champion.min_rows else ""
        found = (*faults.values(), *([few] if few else []))
        if found:
            text = f"Fault: {'; '.join(found)}. {text}"
        status = "fault" if found else "insufficient_data"
        return blank(status=status, reference_rows=reference_rows, faults=found, text=text)

    faults |= {name: faulty.repeated(name, times[name]) for name in wanted if times[name] > 1}
    reference = past.rows
    current = current.loc[:, ~current.columns.duplicated()]
    names = [*numeric, *categorical]
    sides = (sample(reference, names, random_state), sample(current, names, random_state))
    pairs: dict[str, Pair] = {}
    set_aside: dict[str, str] = {}
    for name in dict.fromkeys(names):
        if name not in reference.columns:
            set_aside[name] = "not in the champion's training rows"
            continue
        reason = unfit(reference[name])
        pair = pair_of(sides[0][name], sides[1].get(name), len(sides[1]), name in numeric)
        if (
            not reason
            and pair.reference.nulls == pair.reference.rows
            and pair.current.nulls == pair.current.rows
        ):
            reason = "no value in the batch nor in the reference"
        if reason and (reason != "constant" or _same_constant(pair)):
            set_aside[name] = reason
            faults.pop(name, None)
        else:
            pairs[name] = pair
    told = calendar_columns(
        past, *([name for name in kind if name in pairs] for kind in (numeric, categorical))
    )
    for name, pair in pairs.items():
        fault = faults.get(name) or faulty.find_fault(name, pair, past, told.get(name, ""))
        if fault and name not in faults and (len(sides[0]), len(sides[1])) != (len(reference), rows):
            pair = pair_of(reference[name], current[name], rows, name in numeric)  # counts are of all rows
            fault = faulty.find_fault(name, pair, past, told.get(name, "")) or fault
        if fault:
            faults[name] = fault
    for name in told.keys() - faults.keys():
        set_aside[name] = f"tells the time of its batch ({told[name]})"
        del pairs[name]
    whole = [few] if few else []
    if rows == own:  # a pool holds the batches before it
        sound = [name for name in pairs if name not in faults]
        whole += whole_faults(batch, current, sound, past, trailing or {})
    for circle, fault in faulty.swapped(pairs):
        faults |= dict.fromkeys(circle, fault)

    usual = usual_of(profile, [report for report in earlier if report.champion_version == champion.version])
    judge = partial(verdict, corrections=len(pairs) / SHARES["columns"])
    columns = [judge(name, pair, faults.get(name, ""), usual.get(name, {})) for name, pair in pairs.items()]
    joint = joint_verdict(sides, pairs, faults, numeric, random_state, usual.get(JOINT, {}))
    newest = _newest(reference)
    if newest is not None:
        columns = [_learned(column, pairs[column.column], newest, faults, columns) for column in columns]
        if joint is not None and joint.drifted:
            now = joint_verdict((newest, sides[1]), pairs, faults, numeric, random_state, {})
            known = now is not None and not now.drifted and now.auc - 0.5 < LEARNED * (joint.auc - 0.5)
            joint = joint.model_copy(update={"drifted": not known, "learned": known})
    predicted = predictions_verdict(profile, predictions, usual)
    if profile is not None:
        columns = [_weighed(column, pairs[column.column], profile.importance) for column in columns]
    if trailing is not None:
        columns = [_trend(column, pairs, columns, trailing, earlier) for column in columns]
    columns = sorted(columns, key=_badness)
    sentences = (*whole, *sorted(set(faults.values())))
    report = DriftReport(
        batch=batch,
        champion_version=champion.version,
        status="ok",
        rows=own,
        reference_rows=reference_rows,
        share=0.0,
        columns=tuple(columns),
        set_aside={**champion.kept.roles.excluded, **dict(sorted(set_aside.items()))},
        faults=sentences,
        joint=joint,
        predictions=predicted,
        metric=profile.metric if profile else "",
    )
    report = _summed_up(report, profile)
    if rows != own:
        report = report.model_copy(
            update={
                "pooled": tuple(labels[:-1]),
                "text": f"{of_batches(labels)}, {rows:,} rows: {report.text}",
            }
        )
    return report


def _sound(volumes: Mapping[str, int], earlier: Sequence[DriftReport], past: Past) -> dict[str, int]:
    """Rows of the batches that were found sound, or have been learned all the same."""
    bad = {report.batch for report in earlier if report.status == "fault"} - set(past.batches)
    return {label: rows for label, rows in volumes.items() if label not in bad}


def _same_constant(pair: Pair) -> bool:
    """Whether the batch holds the reference's one value, and nothing else."""
    if pair.current.nulls:
        return False
    if isinstance(pair, NumberPair):
        if not len(pair.reference.values):
            return False
        return len({*pair.reference.values[[0, -1]], *pair.current.values[[0, -1]]}) == 1
    return pair.current.counts.keys() == pair.reference.counts.keys()


# What the champion has learned already.


def _newest(reference: pd.DataFrame) -> pd.DataFrame | None:
    """Rows of the newest training batches, 1,000 or more; None where that is all, or batches are unknown."""
    if BATCH not in reference.columns:
        return None
    sizes = reference[BATCH].value_counts().sort_index(ascending=False).cumsum()
    enough = sizes[sizes >= NEWEST_ROWS]
    if enough.empty or enough.index[0] == sizes.index[-1]:
        return None
    newest: pd.DataFrame = reference[reference[BATCH] >= enough.index[0]]
    return newest


def _learned(
    column: ColumnDrift,
    pair: Pair,
    newest: pd.DataFrame,
    faults: Mapping[str, str],
    columns: Sequence[ColumnDrift],
) -> ColumnDrift:
    """Take a column back that differs from all training rows together, but hardly from the newest of them.

    After a change the training rows are a mixture of before and after, from which every batch differs for as
    long as the window reaches back; the champion has seen the new state all the same.
    """
    name = column.column
    if not column.drifted or name in faults:
        return column
    now = verdict(name, facing(pair, newest[name]), "", {}, sum(each.drifted for each in columns))
    close = abs(now.effects.get(column.effect_name, 0.0)) < LEARNED * abs(column.effect)
    if now.drifted or not close:
        return column
    return column.model_copy(update={"drifted": False, "trend": "learned"})


# What it matters, and where it goes.


def moved_share(column: ColumnDrift, pair: Pair) -> float:
    """Share of the batch's rows that would have to change for the column to look as before."""
    if pair.current.nulls == pair.current.rows:
        return 1.0
    return max(abs(value) for effect, value in column.effects.items() if effect != "Wasserstein")


def _weighed(column: ColumnDrift, pair: Pair, importance: Mapping[str, float]) -> ColumnDrift:
    """Estimate the loss by a drifted column: what permuting it costs, for the share of rows that moved."""
    weight = importance.get(column.column)
    loss = weight * moved_share(column, pair) if weight is not None and column.drifted else None
    return column.model_copy(update={"importance": weight, "estimated_loss": loss})


def _trend(
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


def _summed_up(report: DriftReport, profile: Profile | None) -> DriftReport:
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


def _badness(column: ColumnDrift) -> tuple[bool, bool, float, float, str]:
    return not column.note, not column.drifted, column.p_value, -abs(column.effect), column.column
