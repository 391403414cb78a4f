"""Which batches are due, and which of those have not come."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe.durations import duration
from ml_assets.recipe.periods import PERIODS
from ml_assets.sources.calendar import batch_of, batch_range, batch_start, limits, next_batch

FAR_BACK = 1_000
"""Newest batches among which a missing one is told."""


def newest_due(state: ModelState, now: datetime) -> str:
    """Newest batch whose end and `batches.grace` are over.

    Parameters
    ----------
    state : ModelState
        A model with batches.
    now : datetime
        In UTC, without a zone.
    """
    batches = state.recipe.batches
    assert batches is not None
    running = batch_of(now - duration(batches.grace), batches.period)
    _, end = limits(batches)
    if end is not None and end <= batch_start(running, batches.period):
        running = batch_of(end, batches.period)
    return next_batch(running, batches.period, -1)


class Stretch(NamedTuple):
    """Batches one after the other that have not come."""

    first: str
    last: str


def missing(state: ModelState, there: Collection[str], since: str, last: str) -> list[Stretch]:
    """Stretches of batches after `since`, until `last`, that have not come.

    Without those in which nothing was expected: a batch is not where there was none at its place a week (or, of
    hours, a day) before.
    """
    assert state.recipe.batches is not None
    period, begin = state.recipe.batches.period, state.known_first_batch() or since
    # A shop that was shut a week ago may be shut today.
    seasons = PERIODS[period].seasons if PERIODS[period].holidays else ()
    newest = max(max(there, default=since), since)
    start = next_batch(since, period)
    cut = next_batch(newest, period, -FAR_BACK)
    stretches: list[list[str]] = [[]]
    for batch in batch_range(max(start, cut), min(newest, last), period):
        if batch in there:
            stretches.append([])
        else:
            stretches[-1].append(batch)
    if cut > start:
        stretches[0] = []  # it may have begun earlier, and was told then
    tail = next_batch(newest, period)
    stretches.append(batch_range(tail, min(last, next_batch(tail, period, max(seasons, default=0))), period))

    def expected(batch: str) -> bool:
        earlier = (next_batch(batch, period, -by) for by in seasons)
        return all(each in there for each in earlier if each >= begin)

    found = [Stretch(each[0], each[-1]) for each in stretches if any(expected(batch) for batch in each)]
    if found and found[-1].first == tail:
        found[-1] = Stretch(tail, last)
    return found
