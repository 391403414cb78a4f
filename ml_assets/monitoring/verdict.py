"""What the tests of a column add up to: its verdict, above what its quiet batches did before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.monitoring.column_tests import FLOORS, effects, outcomes
from ml_assets.monitoring.dependence import Dependence, Sides
from ml_assets.monitoring.design import Effects
from ml_assets.monitoring.joint import FLOOR, joint_change
from ml_assets.monitoring.past import afresh
from ml_assets.monitoring.samples import LevelPair, Levels, NumberPair, Numbers, Pair, levels, numbers
from ml_assets.records import ColumnDrift, DriftReport, JointDrift, Profile
from ml_assets.tasks.base import PREDICTION, PROBABILITY, SCORES
from ml_assets.tasks.several import answers, column_of

if TYPE_CHECKING:
    from ml_assets.monitoring.compared import Compared

SIGNIFICANCE = 0.01  # of a whole report: all columns and tests together
SHARES = {"columns": 0.8, "joint": 0.1, "predictions": 0.1}  # of the significance
FEWEST_BATCHES = 8  # quiet earlier batches from which a column's own history counts
ROBUST_DEVIATIONS = 4.2  # above the median of the history; more where it is short
LARGEST = 1.25  # times the largest effect in a quiet batch, but for the newest
NEWEST = 2  # batches that count as they were: a slow climb must not raise its own limit
DEPENDENT = 1.5  # rows that count as one from which on they are not taken as independent in the joint test
BLOCK = 2  # times as many rows are one block of it
JOINT = "(joint)"
"""Name of the joint change in the history of effects; no column's."""


def side_of(column: pd.Series, numeric: bool) -> Numbers | Levels:
    """One side of a column, counted or sorted."""
    return numbers(column) if numeric else levels(column)


def pair_with(reference: Numbers | Levels, current: pd.Series | None, rows: int) -> Pair:
    """Both sides of a column, one of which is known; a batch without it has no value in any of its rows."""
    if isinstance(reference, Numbers):
        return NumberPair(reference, Numbers(np.empty(0), rows) if current is None else numbers(current))
    return LevelPair(reference, Levels({}, rows) if current is None else levels(current))


def pair_of(reference: pd.Series, current: pd.Series | None, rows: int, numeric: bool) -> Pair:
    """Both sides of a column; a batch without it has no value in any row."""
    return pair_with(side_of(reference, numeric), current, rows)


def facing(pair: Pair, past: pd.Series) -> Pair:
    """The batch's side of a pair, facing other rows."""
    if isinstance(pair, NumberPair):
        return NumberPair(numbers(past), pair.current, pair.design)
    return LevelPair(levels(past), pair.current, pair.design)


def usual_of(profile: Profile | None, earlier: Sequence[DriftReport]) -> dict[str, dict[str, list[float]]]:
    """Effects of batches in which a column was quiet, by column and name of the effect."""
    known: dict[str, dict[str, list[float]]] = {}

    def add(column: str, effect: str, value: float) -> None:
        known.setdefault(column, {}).setdefault(effect, []).append(abs(value))

    for column, by_effect in (profile.usual if profile else {}).items():
        known[column] = {effect: [abs(value) for value in values] for effect, values in by_effect.items()}
    for report in earlier:
        if report.status not in ("ok", "drift"):
            continue
        for entry in (*report.columns, *report.predictions):
            quiet = not entry.drifted and entry.trend not in ("learned", "accepted")
            for effect, value in entry.effects.items() if quiet else ():
                add(entry.column, effect, value)
        if report.joint is not None and not (report.joint.drifted or report.joint.learned):
            add(JOINT, "excess", report.joint.auc - 0.5)
    return known


def limit(values: Sequence[float]) -> float | None:
    """Most that the effects of earlier quiet batches lead to expect; None for fewer than 8 batches.

    The median plus 4.2 (1 + 12/n) robust deviations (1.4826 times the median absolute deviation), 1.25 times
    the largest but for the newest two, and those as they were. The factor is for few batches, and for batches
    that resemble the one before.

    Parameters
    ----------
    values : sequence of float
        Absolute effects, the newest last.

    >>> limit([0.1, 0.2, 0.3]) is None
    True
    >>> round(limit([0.1] * 8), 3), round(limit([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.15, 0.2]), 3)
    (0.125, 0.2)
    """
    if len(values) < FEWEST_BATCHES:
        return None
    middle = median(values)
    deviation = 1.4826 * median([abs(value - middle) for value in values])
    spread = ROBUST_DEVIATIONS * (1 + 12 / len(values)) * deviation
    return max(middle + spread, LARGEST * max(values[:-NEWEST]), max(values))


def verdict(
    name: str,
    pair: Pair,
    fault: str,
    usual: Mapping[str, Sequence[float]],
    corrections: float,
    designed: Callable[[], Pair] | None = None,
) -> ColumnDrift:
    """The worst test of a column; p-values are multiplied by `corrections` over the test's weight.

    What is certain of independent rows is tested again with as many as count: `designed` gives that pair.
    """
    judged = _verdict(name, pair, fault, usual, corrections)
    if designed is not None and judged.p_value < SIGNIFICANCE:
        judged = _verdict(name, designed(), fault, usual, corrections)
    return judged


def _verdict(
    name: str, pair: Pair, fault: str, usual: Mapping[str, Sequence[float]], corrections: float
) -> ColumnDrift:
    found = effects(pair)
    limits = {effect: limit(usual.get(effect, ())) for effect in found}
    tests = outcomes(pair)
    whole = sum(outcome.weight for outcome in tests)
    corrected = []
    for outcome in tests:
        p_value = min(1.0, outcome.p_value * corrections * whole / outcome.weight)
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


def joint_verdict(
    found: Compared,
    usual: Mapping[str, Sequence[float]],
    random_state: int,
    reference: pd.DataFrame | None = None,
) -> JointDrift | None:
    """Test the sound columns together, against the training rows or some of them."""
    sound = [name for name in found.sound if found.pairs[name].enough]
    numbers_, others = [n for n in sound if n in found.numeric], [n for n in sound if n not in found.numeric]
    sides = (found.sides[0] if reference is None else reference, found.sides[1])
    once = found.past.once if reference is None else afresh
    joint = joint_change(*sides, numbers_, others, random_state, once=once)
    if joint is not None and joint.p_value < SHARES["joint"] * SIGNIFICANCE:
        blocks = _both_blocks(found, sound, reference is None)
        if any(side is not None for side in blocks):
            joint = joint_change(*sides, numbers_, others, random_state, blocks, once)
    if joint is None:
        return None
    p_value = min(1.0, joint.p_value / SHARES["joint"])
    large = joint.auc - 0.5 >= FLOOR and joint.auc - 0.5 > (limit(usual.get("excess", ())) or 0.0)
    return joint.model_copy(update={"p_value": p_value, "drifted": large and p_value < SIGNIFICANCE})


def _both_blocks(found: Compared, sound: Sequence[str], whole: bool) -> tuple[Any | None, Any | None]:
    """Blocks of both sides; of the reference only where it is the whole one."""
    if found.together == Sides():
        return None, None
    designs = [found.designed(name).design.both for name in sound]
    ours, theirs = ([side[k] for side in designs] for k in (0, 1))
    return (
        _blocks(found.together.reference, ours) if whole else None,
        _blocks(found.together.current, theirs),
    )


def _blocks(rows: Dependence | None, effects: Sequence[float]) -> Any:
    """Blocks of one side, in time long enough that one hardly tells of the next; None where rows are independent."""
    if rows is None or not effects or (rows.group is None and max(effects) < DEPENDENT):
        return None
    return rows.blocks(BLOCK * max(effects))


def predictions_verdict(
    profile: Profile | None,
    predictions: pd.DataFrame | None,
    usual: Mapping[str, Mapping[str, Sequence[float]]],
    rows: Callable[[], Dependence | None] = lambda: None,
) -> tuple[ColumnDrift, ...]:
    """Compare the champion's outputs with those on its hold-out: rows it has not learned, as these are.

    Parameters
    ----------
    profile : Profile or None
        With the outputs on the hold-out.
    predictions : DataFrame of shape (n_rows, n_outputs) or None
        Those for the batch.
    usual : mapping
        Effects of quiet batches, by output.
    rows : callable
        Tells which of the batch's rows belong together; asked only where independent rows would alarm.
    """
    if profile is None or predictions is None:
        return ()
    names = [name for name in profile.predictions if name in predictions.columns]
    entries = []
    for name in names:
        values = pd.Series(list(profile.predictions[name]))
        numeric = pd.api.types.is_numeric_dtype(values.dtype)
        pair = pair_of(values, predictions[name], len(predictions), numeric)
        ours = profile.design.get(name, (1.0, 1.0))
        designed = partial(_of_outputs, rows, pair, (values, predictions[name]), ours)
        corrections = len(names) / SHARES["predictions"]
        entries.append(verdict(name, pair, "", usual.get(name, {}), corrections, designed))
    return tuple(entries)


def _of_outputs(
    rows: Callable[[], Dependence | None], pair: Pair, sides: tuple[pd.Series, pd.Series], known: Effects
) -> Pair:
    return Sides(None, rows()).designed(pair, *sides, known)


def outputs(predictions: pd.DataFrame) -> list[str]:
    """Columns of predictions that say all: probabilities (of two classes the last), else the prediction.

    None of a recommendation: another fit gives each user another list, of the same worth perhaps.

    >>> outputs(pd.DataFrame({"prediction": ["a"], "probability_a": [0.9], "probability_b": [0.1]}))
    ['probability_b']
    """
    if SCORES in predictions:
        return []
    found = []
    for target, part in answers(predictions).items():
        shares = [str(name) for name in part.columns if str(name).startswith(PROBABILITY)]
        telling = shares[-1:] if len(shares) == 2 else shares or [PREDICTION]
        found += [column_of(name, target) if target else name for name in telling]
    return found
