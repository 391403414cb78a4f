"""Newest events of an asset, each read from Dagster's log once by a process: what a tick costs is what is new."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import dagster as dg

from ml_assets.names import STATIC
from ml_assets.orchestration.event_seal import CHANGED, ChangedEventError, is_changed
from ml_assets.shown import spanned

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogRecord

REMEMBERED: Final = 200
"""Newest events of an asset that a decision looks at."""
WHOLE: Final = 12
"""Newest events that are kept whole; of older ones only their verdict, which holds no columns."""


class Told(NamedTuple):
    """An event: its place in the log, its batch, and what was read from it."""

    storage_id: int
    at: float
    batch: str
    value: Any


_READ: Final[dict[tuple[str, str], tuple[Told, ...]]] = {}
"""What this process has read, newest first, by instance and asset. Tuples are swapped whole: threads share it."""


def newest_events(
    instance: DagsterInstance,
    key: dg.AssetKey,
    read: Callable[[EventLogRecord], Any],
    older: Callable[[Any], Any] = lambda value: value,
    newest: int | None = None,
) -> tuple[Told, ...]:
    """Give what was read from the newest `REMEMBERED` events of an asset, newest first.

    Parameters
    ----------
    instance : DagsterInstance
        Where the events are.
    key : AssetKey
        The asset; each is read by one function only.
    read : callable
        Takes from an event what is wanted of it.
    older : callable
        Leaves of that what is wanted once it is no longer among the newest `WHOLE`.
    newest : int, optional
        So many are enough for who asks once; nothing is remembered then.
    """
    if newest is not None:
        return tuple(_told(event, read) for event in _fetch(instance, key, None, newest))
    place = (instance.root_directory, key.to_user_string())
    known = _READ.get(place, ())
    fetched = _fetch(instance, key, known[0].storage_id - 1 if known else None)
    if known and _is(known[0], fetched[-1:]):
        fetched = fetched[:-1]
    elif known:  # the log is another one, was wiped, or has gone on by more than is kept
        known, fetched = (), _fetch(instance, key, None)
    if fetched or not known:
        kept = [*(_told(event, read) for event in fetched), *known][:REMEMBERED]
        past = (told._replace(value=older(told.value)) for told in kept[WHOLE:])
        _READ[place] = known = (*kept[:WHOLE], *past)
    return known


def assets_with_events(instance: DagsterInstance) -> frozenset[dg.AssetKey]:
    """Ask for the assets of all models that the log has events of."""
    return frozenset(instance.all_asset_keys())


def by_batch(key: dg.AssetKey, events: tuple[Told, ...]) -> dict[str, Any]:
    """Give what the newest event of each batch says.

    Raises
    ------
    ChangedEventError
        If one was changed after it was written.
    """
    newest = {told.batch: told.value for told in reversed(events)}
    changed = sorted(batch for batch, value in newest.items() if value is CHANGED)
    if changed:
        model, asset = key.path
        raise ChangedEventError(
            f"{model}: what Dagster's log says of {asset} of {spanned(changed)} was changed after it was written:"
            f" materialize {asset} of {'these batches' if changed[1:] else 'this batch'} again, or restore the log from"
            " a backup"
        )
    return newest


def _fetch(
    instance: DagsterInstance, key: dg.AssetKey, after: int | None, limit: int | None = None
) -> list[EventLogRecord]:
    wanted = dg.AssetRecordsFilter(asset_key=key, after_storage_id=after)
    return list(instance.fetch_materializations(wanted, limit=limit or REMEMBERED).records)


def _told(event: EventLogRecord, read: Callable[[EventLogRecord], Any]) -> Told:
    value = CHANGED if is_changed(metadata(event)) else read(event)
    return Told(event.storage_id, event.timestamp, event.partition_key or STATIC, value)


def _is(told: Told, found: list[EventLogRecord]) -> bool:
    return any((told.storage_id, told.at) == (event.storage_id, event.timestamp) for event in found)


def metadata(event: EventLogRecord) -> Any:
    """Metadata of a materialization."""
    materialization = event.asset_materialization
    return materialization.metadata if materialization is not None else {}


def number(event: EventLogRecord, key: str) -> float:
    """Read a number of a materialization's metadata; 0 where it has none."""
    value = metadata(event).get(key)
    return float(value.value) if value is not None else 0.0
