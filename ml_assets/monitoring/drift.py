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

from ml_assets.evaluation.metrics import PROBABILITY
from ml_assets.features.columns import BATCH, unfit
from ml_assets.monitoring import faults as faulty
from ml_assets.monitoring.column_tests import FLOORS, WEIGHTS, Outcome, effects, outcomes
from ml_assets.monitoring.joint import FLOOR, joint_change
from ml_assets.monitoring.samples import (
    LevelPair,
    Levels,
    NumberPair,
    Numbers,
    Pair,
    levels,
    numbers,
    sample,
)
from ml_assets.records import ColumnDrift, DriftReport, JointDrift, Profile

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Monitoring

SIGNIFICANCE = 0.01  # of a whole report: all columns and tests together
SHARES = {"columns": 0.8, "joint": 0.1, "predictions": 0.1}  # of the significance
FEWEST_BATCHES = 8  # quiet earlier batches from which a column's own history counts
ROBUST_DEVIATIONS = 4.2  # above the median of the history; more where it is short
LARGEST = 1.25  # times the largest effect in a quiet batch
NEWEST_ROWS = 1_000  # of the newest training batches, from which a drifted column must differ, too
LEARNED = 0.5  # share of the effect; a column that is as much nearer to the newest training batches is known
REMEMBERED_REPORTS = 52  # earlier reports that a caller gives
TRAILING_BATCHES = 4  # batches before this one that a caller gives
JOINT = "(joint)"
"""Name of the joint change in the history of effects; no column's."""


def drift_report(
    batch: str,
    current: pd.DataFrame,
    reference: pd.DataFrame | None,
    numeric: Sequence[str],
    categorical: Sequence[str],
    champion_version: int | None,
    monitoring: Monitoring,
    *,
    random_state: int = 0,
    profile: Profile | None = None,
    earlier: Sequence[DriftReport] = (),
    trailing: Mapping[str, pd.DataFrame] | None = None,
    predictions: pd.DataFrame | None = None,
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
    reference : DataFrame of shape (n_reference_rows, n_columns) or None
        Rows the champion was trained on, with `batch__` where there are batches; None where there is no
        champion. A column that differs from all of them but not from the newest batches has been learned.
    numeric, categorical : sequence of str
        The champion's features by kind.
    champion_version : int or None
        Version of the champion.
    monitoring : Monitoring
        `min_rows` is read.
    random_state : int
        Seed of the sample.
    profile : Profile, optional
        What is known about the champion: importance of columns, usual effects, predictions on the hold-out.
    earlier : sequence of DriftReport
        Reports on earlier batches, oldest first; those about other champions are left out.
    trailing : mapping of str to DataFrame, optional
        The last few batches before this one, to tell a column that moved once from one that keeps moving.
    predictions : DataFrame of shape (n_predicted_rows, n_outputs), optional
        The champion's predictions for the batch's rows that it has not learned, compared with the profile's.

    Returns
    -------
    DriftReport
        `columns` worst first; `share` of the tested columns that drifted, faulty ones among them.
    """
    blank = partial(DriftReport, batch=batch, champion_version=champion_version, rows=len(current), share=0.0)
    if reference is None or champion_version is None:
        return blank(
            status="no_champion", reference_rows=0, text="No champion yet, so nothing to compare with."
        )
    wanted = [name for name in (*numeric, *categorical) if name in reference.columns]
    times = {name: int(np.sum(current.columns == name)) for name in wanted}
    faults: dict[str, str] = {name: faulty.absent(name) for name in wanted if times[name] == 0}
    rows, reference_rows = len(current), len(reference)
    if min(rows, reference_rows) < monitoring.min_rows:
        which = f"{rows} rows" if rows < monitoring.min_rows else f"{reference_rows} reference rows"
        text = f"Insufficient data: {which}, fewer than min_rows {monitoring.min_rows}, prove nothing."
        found = tuple(faults.values())
        if found:
            text = f"Fault: {'; '.join(found)}. {text}"
        status = "fault" if found else "insufficient_data"
        return blank(status=status, reference_rows=reference_rows, faults=found, text=text)

    faults |= {name: faulty.repeated(name, times[name]) for name in wanted if times[name] > 1}
    reference = reference.loc[:, ~reference.columns.duplicated()]
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
        pair = _pair(sides[0][name], sides[1].get(name), len(sides[1]), name in numeric)
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
    calendar = faulty.calendar_columns((trailing or {}).values(), categorical)
    for name, pair in pairs.items():
        fault = faults.get(name) or faulty.find_fault(name, pair, name in calendar)
        if fault:
            faults[name] = fault
    for circle, fault in faulty.swapped(pairs):
        faults |= dict.fromkeys(circle, fault)

    usual = _usual(profile, [report for report in earlier if report.champion_version == champion_version])
    judge = partial(_verdict, corrections=len(pairs) / SHARES["columns"])
    columns = [judge(name, pair, faults.get(name, ""), usual.get(name, {})) for name, pair in pairs.items()]
    joint = _joint(sides, pairs, faults, numeric, random_state, usual.get(JOINT, {}))
    newest = _newest(reference)
    if newest is not None:
        columns = [_learned(column, pairs[column.column], newest, faults, columns) for column in columns]
        if joint is not None and joint.drifted:
            now = _joint((newest, sides[1]), pairs, faults, numeric, random_state, {})
            known = now is not None and not now.drifted and now.auc - 0.5 < LEARNED * (joint.auc - 0.5)
            joint = joint.model_copy(update={"drifted": not known, "learned": known})
    predicted = _predictions(profile, predictions, usual)
    if profile is not None:
        columns = [_weighed(column, pairs[column.column], profile.importance) for column in columns]
    if trailing is not None:
        columns = [_trend(column, pairs, columns, trailing, earlier) for column in columns]
    columns = sorted(columns, key=_badness)
    sentences = tuple(sorted(set(faults.values())))
    report = DriftReport(
        batch=batch,
        champion_version=champion_version,
        status="ok",
        rows=rows,
        reference_rows=reference_rows,
        share=0.0,
        columns=tuple(columns),
        set_aside=dict(sorted(set_aside.items())),
        faults=sentences,
        joint=joint,
        predictions=predicted,
        metric=profile.metric if profile else "",
    )
    return _summed_up(report, profile)


def _pair(reference: pd.Series, current: pd.Series | None, rows: int, numeric: bool) -> Pair:
    if numeric:
        theirs = Numbers(np.empty(0), rows) if current is None else numbers(current)
        return NumberPair(numbers(reference), theirs)
    return LevelPair(levels(reference), Levels({}, rows) if current is None else levels(current))


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
    now = _verdict(name, _facing(pair, newest[name]), "", {}, sum(each.drifted for each in columns))
    close = abs(now.effects.get(column.effect_name, 0.0)) < LEARNED * abs(column.effect)
    if now.drifted or not close:
        return column
    return column.model_copy(update={"drifted": False, "trend": "learned"})


# What was usual, and the verdict.


def _usual(profile: Profile | None, earlier: Sequence[DriftReport]) -> dict[str, dict[str, list[float]]]:
    """Effects of batches in which a column was quiet, by column and name of the effect."""
    known: dict[str, dict[str, list[float]]] = {}

    def add(column: str, effect: str, values: Sequence[float]) -> None:
        known.setdefault(column, {}).setdefault(effect, []).extend(abs(value) for value in values)

    for column, by_effect in (profile.usual if profile else {}).items():
        for effect, values in by_effect.items():
            add(column, effect, values)
    for report in earlier:
        if report.status not in ("ok", "drift"):
            continue
        for entry in (*report.columns, *report.predictions):
            quiet = not entry.drifted and entry.trend != "learned"
            for effect, value in entry.effects.items() if quiet else ():
                add(entry.column, effect, [value])
        if report.joint is not None and not (report.joint.drifted or report.joint.learned):
            add(JOINT, "excess", [report.joint.auc - 0.5])
    return known


def limit(values: Sequence[float]) -> float | None:
    """Most that the effects of earlier quiet batches lead to expect; None for fewer than 8 batches.

    The median plus 4.2 (1 + 12/n) robust deviations (1.4826 times the median absolute deviation), and 1.25
    times the largest. The factor is for few batches, and for batches that resemble the one before.

    >>> limit([0.1, 0.2, 0.3]) is None
    True
    >>> round(limit([0.1] * 8), 3)
    0.125
    """
    if len(values) < FEWEST_BATCHES:
        return None
    middle = float(np.median(values))
    deviation = 1.4826 * float(np.median(np.abs(np.asarray(values) - middle)))
    spread = ROBUST_DEVIATIONS * (1 + 12 / len(values)) * deviation
    return max(middle + spread, LARGEST * max(values))


def _verdict(
    name: str,
    pair: Pair,
    fault: str,
    usual: Mapping[str, Sequence[float]],
    corrections: float,
) -> ColumnDrift:
    """The worst test of a column; p-values are multiplied by `corrections` over the test's weight."""
    found = effects(pair)
    limits = {effect: limit(usual.get(effect, ())) for effect in found}
    tests = outcomes(pair) or [Outcome("none", 1.0, tuple(found)[:1])]
    whole = sum(WEIGHTS.get(outcome.test, 1.0) for outcome in tests)
    corrected = []
    for outcome in tests:
        p_value = min(1.0, outcome.p_value * corrections * whole / WEIGHTS.get(outcome.test, 1.0))
        proven = [effect for effect in outcome.proves if abs(found[effect]) >= FLOORS[effect]]
        unusual = all(abs(found[effect]) > (limits[effect] or 0.0) for effect in outcome.proves)
        alarm = p_value < SIGNIFICANCE and bool(proven) and unusual
        corrected.append((not alarm, p_value, outcome, (proven or outcome.proves)[0]))
    quiet, p_value, worst, effect = min(corrected, key=lambda entry: entry[:2])
    return ColumnDrift(
        column=name,
        kind="numeric" if isinstance(pair, NumberPair) else "categorical",
        test=worst.test,
        effect_name=effect,
        effect=found[effect],
        p_value=p_value,
        drifted=not quiet or bool(fault),
        note=fault,
        effects={each: round(value, 5) for each, value in found.items()},
        usual=limits[effect],
    )


def _joint(
    sides: tuple[pd.DataFrame, pd.DataFrame],
    pairs: Mapping[str, Pair],
    faults: Mapping[str, str],
    numeric: Sequence[str],
    random_state: int,
    usual: Mapping[str, Sequence[float]],
) -> JointDrift | None:
    """Test the sound columns together."""
    sound = [name for name, pair in pairs.items() if pair.enough and name not in faults]
    numbers_, others = [n for n in sound if n in numeric], [n for n in sound if n not in numeric]
    found = joint_change(*sides, numbers_, others, random_state)
    if found is None:
        return None
    p_value = min(1.0, found.p_value / SHARES["joint"])
    large = found.auc - 0.5 >= FLOOR and found.auc - 0.5 > (limit(usual.get("excess", ())) or 0.0)
    return found.model_copy(update={"p_value": p_value, "drifted": large and p_value < SIGNIFICANCE})


def _predictions(
    profile: Profile | None,
    predictions: pd.DataFrame | None,
    usual: Mapping[str, Mapping[str, Sequence[float]]],
) -> tuple[ColumnDrift, ...]:
    """Compare the champion's outputs with those on its hold-out: rows it has not learned, as these are."""
    if profile is None or predictions is None:
        return ()
    names = [name for name in profile.predictions if name in predictions.columns]
    entries = []
    for name in names:
        values = pd.Series(list(profile.predictions[name]))
        pair = _pair(values, predictions[name], len(predictions), pd.api.types.is_numeric_dtype(values.dtype))
        corrections = len(names) / SHARES["predictions"]
        entries.append(_verdict(name, pair, "", usual.get(name, {}), corrections))
    return tuple(entries)


def outputs(predictions: pd.DataFrame) -> list[str]:
    """Columns of predictions that say all: probabilities (of two classes the last), else the prediction.

    >>> outputs(pd.DataFrame({"prediction": ["a"], "probability_a": [0.9], "probability_b": [0.1]}))
    ['probability_b']
    """
    shares = [str(name) for name in predictions.columns if str(name).startswith(PROBABILITY)]
    return shares[-1:] if len(shares) == 2 else shares or ["prediction"]


# What it matters, where it goes, and the words.


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
    moving = _verdict(name, _facing(pairs[name], past[name]), "", {}, count).drifted
    return column.model_copy(update={"trend": "keeps moving" if moving else "moved once"})


def _facing(pair: Pair, past: pd.Series) -> Pair:
    """The batch's side of a pair, facing other rows."""
    if isinstance(pair, NumberPair):
        return NumberPair(numbers(past), pair.current)
    return LevelPair(levels(past), pair.current)


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
    return report.model_copy(update={"text": _sentence(report)})


def _badness(column: ColumnDrift) -> tuple[bool, bool, float, float, str]:
    return not column.note, not column.drifted, column.p_value, -abs(column.effect), column.column


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


def _sentence(report: DriftReport) -> str:
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
