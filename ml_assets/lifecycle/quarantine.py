"""Rows that are set aside, each with its reason: kept by batch, counted, told, and given on to who mends them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ml_assets.failures import MendableError
from ml_assets.records import Quarantine
from ml_assets.sources.account import Account, SetAside, set_aside
from ml_assets.store.snapshots import Store

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.lifecycle.state import ModelState
    from ml_assets.quality.quarantine import Held

ASSET = "quarantine"
TOLD = 3
"""Batches that are named one by one."""


class NoBatchError(MendableError, LookupError):
    """A batch that was never taken in."""


def keep(store: Store, after: Held) -> None:
    """Keep what a batch had set aside; where it has nothing any more, that.

    The record comes last: rows without one were never counted.
    """
    batch = after.quarantine.batch
    if not after.quarantine.rows and not store.has(ASSET, batch):
        return
    store.write_frame(ASSET, batch, after.aside)
    store.write_record(ASSET, batch, after.quarantine)


def with_quarantine(account: Account, found: Quarantine) -> Account:
    """Count the rows that were given on and then set aside.

    >>> account = Account(rows_in_files=9, rows_given=9)
    >>> with_quarantine(account, Quarantine(batch="all", read=9, rows=0, blocked=False)) == account
    True
    """
    if found.blocked or not found.rows:
        return account
    parts = [SetAside(reason=each.words, rows=each.rows, example=each.example) for each in found.rules]
    return account.model_copy(
        update={
            "rows_given": account.rows_given - found.rows,
            "set_aside": set_aside((*account.set_aside, *parts)),
        }
    )


def quarantines(state: ModelState) -> list[Quarantine]:
    """What each batch has in quarantine, oldest first; batches without are left out."""
    found = (state.store.read_record(ASSET, batch, Quarantine) for batch in state.store.batches(ASSET))
    return [each for each in found if each.rows]


def rows_in_quarantine(state: ModelState, batch: str | None = None) -> pd.DataFrame:
    """All rows in quarantine, or those of a batch: one line for each row and rule that it breaks.

    Raises
    ------
    NoBatchError
        The batch was never taken in.
    """
    import pandas as pd

    from ml_assets.quality.quarantine import COLUMNS

    known = state.store.batches("raw_data")
    if batch is not None and batch not in known:
        span = f"{known[0]} to {known[-1]}" if known else "none yet"
        raise NoBatchError(f"{state.name}: batch {batch!r} was not taken in (taken in: {span})")
    batches = [each.batch for each in quarantines(state) if batch in (None, each.batch)]
    frames = [state.store.read_frame(ASSET, each) for each in batches]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))


def left_out(state: ModelState, batches: set[str]) -> dict[str, int]:
    """Rows of some batches that are in quarantine, by what they are like."""
    found: Counter[str] = Counter()
    for each in quarantines(state):
        if each.batch in batches and not each.blocked:
            found.update({rule.words: rule.rows for rule in each.rules})
    return dict(found)


def quarantine_words(state: ModelState) -> tuple[str, ...]:
    """Say what is in quarantine, and how it is listed; nothing where there is none."""
    found = [each for each in quarantines(state) if not each.blocked]
    if not found:
        return ()
    rows, read = sum(each.rows for each in found), sum(each.read for each in found)
    of = ", ".join(each.batch for each in found[-TOLD:]) + f" and {len(found) - TOLD:,} earlier" * (
        len(found) > TOLD
    )
    why = left_out(state, {each.batch for each in found})
    reasons = ", ".join(
        f"{count:,} {words}" for words, count in sorted(why.items(), key=lambda pair: -pair[1])[:TOLD]
    )
    return (
        f"{rows:,} of {read:,} rows of batch {of} are in quarantine: {reasons}; "
        f"`ml-assets quarantine {state.name}` lists them",
    )
