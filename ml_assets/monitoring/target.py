"""Whether the labels of a batch differ from those the champion learned, by the tests of the columns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_assets.monitoring.column_tests import effects
from ml_assets.monitoring.dependence import Related, Sides, related
from ml_assets.monitoring.samples import LevelPair, NumberPair, Pair, levels, numbers
from ml_assets.monitoring.verdict import verdict
from ml_assets.monitoring.wording import describe
from ml_assets.names import BATCH
from ml_assets.records import ColumnDrift, PerformanceReport
from ml_assets.tasks.all import TASKS

if TYPE_CHECKING:
    from ml_assets.monitoring.reference import Reference

USUAL_BATCHES = 24
MOST_NAMED = 3


def target_drift(
    y: pd.Series[Any],
    champion: Reference,
    earlier: Sequence[PerformanceReport] = (),
    rows: Related | None = None,
) -> ColumnDrift | None:
    """Compare the labels of a batch with the labels of the champion's training rows.

    Parameters
    ----------
    y : Series of shape (n_rows,)
        Labels of one target of the scored batch, by its name; missing ones are left out.
    champion : Reference
        The champion, with the labels of the rows it was trained on.
    earlier : sequence of PerformanceReport
        Their labels, where they had not drifted, are usual too.
    rows : Related, optional
        Which of the rows belong together.

    Returns
    -------
    ColumnDrift or None
        `note` names classes that the champion has never seen: it can never predict them.
    """
    rows = rows.of(y.notna().to_numpy()) if rows is not None else None
    column = str(y.name)
    known = champion.kept.rows[champion.kept.rows[column].notna()]
    y, learned = y.dropna(), known[column]
    if min(len(y), len(learned)) < champion.min_rows:
        return None
    together = Sides.of(related(known, champion.entities, champion.time), rows)
    pair = _pair(y, learned, champion.task)
    sides = (learned, y) if isinstance(pair, NumberPair) else (learned.astype(str), y.astype(str))
    designed = partial(together.designed, pair, *sides)
    usual = champion.kept.profile.usual.get(column, {}) if champion.kept.profile is not None else {}
    history = {name: [abs(value) for value in values] for name, values in usual.items()}
    for report in earlier:
        entry = next((each for each in report.each_target if each.column == column), None)
        if report.champion_version == champion.version and entry is not None and not entry.drifted:
            for name, value in entry.effects.items():
                history.setdefault(name, []).append(abs(value))
    unseen = _unseen(pair, champion.classes.get(column, ()))
    return verdict(column, pair, unseen, history, float(len(champion.targets)), designed)


def usual_effects(frame: pd.DataFrame, target: str, task: str) -> dict[str, tuple[float, ...]]:
    """Effects of up to 24 training batches on the labels, each against the others; empty without batches."""
    if BATCH not in frame.columns:
        return {}
    known = frame[[BATCH, target]].dropna()
    labels = sorted(known[BATCH].unique())
    if len(labels) < 2:
        return {}
    places = np.unique(np.linspace(0, len(labels) - 1, USUAL_BATCHES).astype(int))
    found: dict[str, list[float]] = {}
    for label in (labels[place] for place in places):
        inside = known[BATCH] == label
        for name, value in effects(_pair(known[target][inside], known[target][~inside], task)).items():
            found.setdefault(name, []).append(round(abs(value), 5))
    return {name: tuple(values) for name, values in found.items()}


def sentence(entry: ColumnDrift, batch: str) -> str:
    """Say what became of the labels; nothing where they are as they were.

    >>> same = ColumnDrift(column="y", kind="numeric", test="KS", effect_name="Wasserstein", effect=0.0,
    ...     p_value=1.0, drifted=False)
    >>> sentence(same, "2024-01-01")
    ''
    """
    if not entry.drifted:
        return ""
    if entry.note:
        return (
            f"The labels of {batch} hold {entry.note}; ask whether {entry.column} is still coded as before."
        )
    return f"The labels of {batch} are not those the champion learned: {entry.column} {describe(entry)}."


def _pair(y: pd.Series[Any], learned: pd.Series[Any], task: str) -> Pair:
    kind = TASKS[task].target_pair
    assert kind is not None, f"{task} has no labels"
    return PAIRS[kind](y, learned)


def _levels(y: pd.Series[Any], learned: pd.Series[Any]) -> Pair:
    return LevelPair(levels(learned.astype(str)), levels(y.astype(str)))


def _numbers(y: pd.Series[Any], learned: pd.Series[Any]) -> Pair:
    return NumberPair(numbers(learned), numbers(y))


PAIRS = {"levels": _levels, "numbers": _numbers}


def _unseen(pair: Pair, classes: Sequence[str]) -> str:
    if not isinstance(pair, LevelPair):
        return ""
    new = {
        name: rows
        for name, rows in pair.current.counts.items()
        if name not in pair.reference.counts and name not in classes
    }
    if not new:
        return ""
    commonest = sorted(new, key=lambda name: (-new[name], name))
    shown = ", ".join(f"{name!r} ({new[name]:,} rows)" for name in commonest[:MOST_NAMED])
    more = f" and {len(new) - MOST_NAMED} more" if len(new) > MOST_NAMED else ""
    return f"classes the champion has never seen: {shown}{more}"
