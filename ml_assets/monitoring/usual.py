"""A batch beside the batches before it, without any model: volume, what is missing, repeated rows, classes, arrival.

Every limit is learned from the batches' own history: a batch is told of where it lies beyond all of them by more than
they differ among themselves. It is a word to a person, and blocks nothing: `faults` are what retraining waits for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml_assets.monitoring.whole import FURTHER, HALF, too_few
from ml_assets.recipe.periods import PERIODS, Period
from ml_assets.records import BatchFacts
from ml_assets.shown import counted
from ml_assets.tasks.all import task_of
from ml_assets.tasks.several import has_labels

if TYPE_CHECKING:
    from ml_assets.recipe.schema import Recipe

FEWEST = 5
"""Batches without which nothing is usual."""
REMEMBERED = 30
"""Newest batches that say what is usual."""
SHARE = 0.05
"""A share must lie so far beyond all earlier ones."""
ERRORS = 4.0
"""And so many standard errors of a share of so many rows."""
LASTING = 3
"""Batches in a row that are told of the same thing are the new normal for the next."""
LATE = 0.05
"""Part of the period that a batch must be later than the latest before, and a minute at least."""


MOST_CLASSES = 20
"""Classes of which each one's share is looked at."""
MOST_ROWS = 200_000
"""Rows among which repeated ones are counted."""


def facts_of(frame: pd.DataFrame, recipe: Recipe, batch: str) -> BatchFacts:
    """What is remembered of a batch.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Its rows as they came, without those in quarantine.
    """
    there = [name for name in recipe.targets if name in frame]
    classes: dict[str, float] = {}
    for name in there if task_of(recipe).classes else ():
        of = f"{name}=" if len(recipe.targets) > 1 else ""
        if 0 < frame[name].nunique() <= MOST_CLASSES:
            shares = frame[name].value_counts(normalize=True)
            classes |= {f"{of}{label}": float(share) for label, share in shares.items()}
    some = frame.head(MOST_ROWS)
    try:
        repeated = float(some.duplicated().mean()) if len(some) else 0.0
    except TypeError:  # lists in cells, of a column that no one learns: the other columns tell
        repeated = float(some.select_dtypes(exclude="object").duplicated().mean())
    return BatchFacts(
        batch=batch,
        rows=len(frame),
        missing={
            str(name): float(share)
            for name, share in frame.isna().mean().items()
            if name not in recipe.targets
        },
        repeated=repeated,
        labelled=int(has_labels(frame[there]).sum()) if len(there) == len(recipe.targets) else 0,
        classes=classes,
    )


def unusual(facts: BatchFacts, earlier: Sequence[BatchFacts], period: Period) -> dict[str, str]:
    """Tell in which ways a batch is unlike all before it; by a short name of each way.

    Parameters
    ----------
    facts : BatchFacts
        The batch.
    earlier : sequence of BatchFacts
        Those before it, oldest first; each knows what was told of it, and then does not count for that, unless the
        newest `LASTING` of them were all told of it.
    period : str
        Of the batches.
    """
    newest = [each for each in earlier if each.batch < facts.batch and each.rows][-REMEMBERED:]
    return dict(_found(facts, newest, period))


def _found(facts: BatchFacts, earlier: Sequence[BatchFacts], period: Period) -> Iterator[tuple[str, str]]:
    volumes = {each.batch: each.rows for each in _counting(earlier, "rows")}
    if words := too_few(facts.batch, facts.rows, volumes) or too_many(facts, volumes):
        yield "rows", words
    for name, share in facts.missing.items():
        way = f"missing {name}"
        before = [each.missing[name] for each in _counting(earlier, way) if name in each.missing]
        if words := _beyond(share, before, facts.rows, lower=False):
            yield way, f"column '{name}' is empty in {share:.1%} of the rows, {words}"
    way = "repeated"
    before = [each.repeated for each in _counting(earlier, way)]
    if words := _beyond(facts.repeated, before, facts.rows, lower=False):
        yield way, f"{facts.repeated:.1%} of the rows are there before in the batch, value for value, {words}"
    yield from _classes(facts, [each for each in earlier if each.labelled])
    if facts.late_seconds is not None:
        before = [each.late_seconds for each in _counting(earlier, "late") if each.late_seconds is not None]
        limit = latest(before, period)
        if limit is not None and facts.late_seconds > limit:
            yield (
                "late",
                f"it came {after_end(facts.late_seconds)}, the others {after_end(max(before))} at the latest",
            )


def _classes(facts: BatchFacts, earlier: Sequence[BatchFacts]) -> Iterator[tuple[str, str]]:
    """Classes with another share of the labels; of two, which say the same, one."""
    names = sorted({name for each in (facts, *earlier) for name in each.classes})
    for name in names[1:] if len(names) == 2 else names:
        way = f"class {name}"
        before = [each.classes.get(name, 0.0) for each in _counting(earlier, way)]
        share = facts.classes.get(name, 0.0)
        if facts.classes and (words := _beyond(share, before, facts.labelled, lower=True)):
            yield way, f"class '{name}' has {share:.1%} of the labels, {words}"


def _counting(earlier: Sequence[BatchFacts], way: str) -> list[BatchFacts]:
    """Batches that say what is usual: those that were not told of it, unless the newest all were."""
    lasting = len(earlier) >= LASTING and all(way in each.told for each in earlier[-LASTING:])
    return [
        each
        for place, each in enumerate(earlier, LASTING - len(earlier))
        if way not in each.told or (lasting and place >= 0)
    ]


def _beyond(share: float, before: Sequence[float], rows: int, *, lower: bool) -> str:
    """Say what is usual of a share that lies beyond all earlier ones; empty where it does not."""
    if len(before) < FEWEST or not rows:
        return ""
    low, high = min(before), max(before)
    near = high if share > high else low
    noise = ERRORS * math.sqrt(max(near * (1 - near), 1 / rows) / rows)
    margin = max(SHARE, high - low, noise)
    if share > high + margin or (lower and share < low - margin):
        span = f"{low:.1%}" if f"{low:.1%}" == f"{high:.1%}" else f"{low:.1%} to {high:.1%}"
        return f"{span} in the {counted(len(before), 'batch')} before"
    return ""


def too_many(facts: BatchFacts, volumes: Mapping[str, int]) -> str:
    """Say that a batch has far more rows than any before; empty where it has not.

    The mirror of `whole.too_few`: so many times the most rows, and by more than batches differ among themselves.

    >>> many = BatchFacts(batch="2024-01-07", rows=230)
    >>> too_many(many, {f"2024-01-0{day}": 100 + day for day in range(1, 7)})
    'there are 230 rows, where 106 were the most in the 6 batches before: was it sent or joined twice?'
    """
    known = [rows for rows in volumes.values() if rows]
    if len(known) < FEWEST:
        return ""
    middle, most = float(np.median(known)), max(known)
    rise = math.log(max(facts.rows, 1) / middle)
    if facts.rows <= most / HALF or rise <= FURTHER * math.log(most / middle):
        return ""
    return (
        f"there are {counted(facts.rows, 'row')}, where {most:,} were the most in the "
        f"{counted(len(known), 'batch')} before: was it sent or joined twice?"
    )


def latest(before: Sequence[float], period: Period) -> float | None:
    """Seconds after its end from which a batch is later than any; None while too few arrivals were seen.

    Parameters
    ----------
    before : sequence of float
        Seconds after their end at which earlier batches came; negative where they came before it.
    """
    if len(before) < FEWEST:
        return None
    step = PERIODS[period].step
    length = step.total_seconds() if isinstance(step, timedelta) else step * 30 * 86400.0
    return max(before) + max(max(before) - min(before), LATE * length, 60.0)


def after_end(seconds: float) -> str:
    """
    How long after its end a batch came.

    >>> after_end(7500), after_end(-90000)
    ('2 h 5 min after its end', '25 h before its end')
    """
    minutes = round(abs(seconds) / 60)
    hours, rest = divmod(minutes, 60)
    told = " ".join([f"{hours} h"] * (hours > 0) + [f"{rest} min"] * (rest > 0 or not hours))
    return f"{told} {'after' if seconds >= 0 else 'before'} its end"
