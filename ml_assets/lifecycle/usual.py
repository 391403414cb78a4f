"""What batches of a model were like, and when they came: remembered, so that a batch unlike all before it is told."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets.lifecycle.due import missing
from ml_assets.records import BatchFacts
from ml_assets.shown import counted
from ml_assets.sources.calendar import batch_start, next_batch
from ml_assets.store.json_file import DamagedError, read_json, write_json
from ml_assets.store.snapshots import StoreError

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.lifecycle.state import ModelState

ASSET = "batch_facts"
WITNESSED = timedelta(minutes=10)
"""A batch that was not there so long ago has just come; after a longer absence nobody knows when it came."""
REMEMBERED = 30
"""Newest batches that are read."""
KEPT = 200
"""Newest arrivals that are kept."""


def remember(state: ModelState, batch: str, frame: pd.DataFrame) -> list[str]:
    """Remember what a batch is like that has passed the contract, and tell in which ways it is unlike all before it."""
    from ml_assets.monitoring.usual import facts_of, unusual

    if state.recipe.batches is None:
        return []
    came = arrivals_seen(state).get(batch)
    facts = facts_of(frame, state.recipe, batch).model_copy(update={"late_seconds": came})
    found = unusual(facts, _earlier(state, batch), state.recipe.batches.period)
    state.store.write_record(ASSET, batch, facts.model_copy(update={"told": tuple(found)}))
    return list(found.values())


def _earlier(state: ModelState, batch: str) -> list[BatchFacts]:
    """Facts of the newest batches before one; what cannot be read is left out, and `doctor` names it."""
    found = []
    for each in [label for label in state.store.batches(ASSET) if label < batch][-REMEMBERED:]:
        try:
            facts = state.store.read_record(ASSET, each, BatchFacts)
        except StoreError:
            continue
        # A person who confirms a batch says that it is what is usual.
        found.append(facts.model_copy(update={"told": ()}) if each in state.accepted else facts)
    return found


def arrivals_seen(state: ModelState) -> dict[str, float]:
    """Seconds after its end at which each batch came, of those that were seen to come."""
    try:
        known = read_json(_place(state)) if _place(state).exists() else {}
        return {str(batch): float(seconds) for batch, seconds in known.items() if seconds is not None}
    except (DamagedError, AttributeError, TypeError, ValueError):
        return {}  # arrivals are seen anew


def note_arrivals(state: ModelState, there: Collection[str], now: datetime, looked: datetime | None) -> None:
    """Remember when the batches came that are there for the first time.

    Parameters
    ----------
    there : collection of str
        Batches that the source has.
    now, looked : datetime
        This look and the one before, in UTC without a zone; None where there was none.
    """
    batches, place = state.recipe.batches, _place(state)
    assert batches is not None
    try:
        known = dict(read_json(place)) if place.exists() else {}
    except (DamagedError, TypeError, ValueError):
        known = {}
    new = [batch for batch in sorted(there) if batch not in known and batch > max(known, default="")]
    if not new:
        return
    seen = looked is not None and now - looked <= WITNESSED
    for batch in new:
        end = batch_start(next_batch(batch, batches.period), batches.period)
        known[batch] = (now - end).total_seconds() if seen else None
    write_json(place, {batch: known[batch] for batch in sorted(known)[-KEPT:]})


def late_from(state: ModelState, there: Collection[str]) -> tuple[str, datetime] | None:
    """The batch that is waited for, and when it is later than any before it was; None where nobody knows."""
    from ml_assets.monitoring.usual import latest

    batches = state.recipe.batches
    if batches is None or not there:
        return None
    limit = latest(_seconds(state), batches.period)
    if limit is None:
        return None
    waited = next_batch(max(there), batches.period)
    return waited, batch_start(next_batch(waited, batches.period), batches.period) + timedelta(seconds=limit)


def overdue(state: ModelState, there: Collection[str], since: str, now: datetime) -> tuple[str, str] | None:
    """The batch that is later than any before it was, with the words for it; None where none is.

    Learned from the arrivals that were seen: `batches.grace` may be longer.
    """
    from ml_assets.monitoring.usual import after_end

    batches, found = state.recipe.batches, late_from(state, there)
    if batches is None or found is None or now <= found[1]:
        return None
    waited, seen = found[0], _seconds(state)
    if not any(each.last >= waited for each in missing(state, there, since, waited)):
        return None
    late = (now - batch_start(next_batch(waited, batches.period), batches.period)).total_seconds()
    return waited, (
        f"there is no row of batch {waited} in {state.source.place}: it is {after_end(late)} now, and the latest of "
        f"{counted(len(seen), 'batch')} before came {after_end(max(seen))}"
    )


def _seconds(state: ModelState) -> list[float]:
    """Seconds after their end at which the newest batches came, of those that were seen to come."""
    return [seconds for _, seconds in sorted(arrivals_seen(state).items())][-REMEMBERED:]


def _place(state: ModelState) -> Path:
    return state.folder / "came.json"
