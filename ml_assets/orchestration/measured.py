"""What the step of an asset costs: measured in one place, round every asset's function."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, Final

import dagster as dg

from ml_assets.lifecycle.state import ModelState
from ml_assets.names import AS_OF_TAG, STATIC
from ml_assets.records.costs import Spent, StepCost
from ml_assets.registry.costs import UnkeptError, keep
from ml_assets.shown import spanned
from ml_assets.store.tally import tallied

EVERY: Final = 0.1
"""Seconds between two looks at the memory."""
STATM: Final = Path("/proc/self/statm")
"""Where Linux tells the pages that this process has in memory."""


def measured(state: ModelState, asset: str, step: Callable[..., Any]) -> Callable[..., Any]:
    """Let a step's cost be shown with what it makes, and kept beside the ledger; that of one that fails, too.

    Parameters
    ----------
    state : ModelState
        The model.
    asset : str
        Name of the asset, or of the step that makes several.
    step : callable
        Takes the context, and returns what it made; no generator.
    """

    @wraps(step)
    def costing(context: dg.AssetExecutionContext) -> Any:
        with spending() as spent:
            try:
                made = step(context)
            except (
                BaseException
            ):  # whatever ended it, an interruption too, its cost is kept, and it goes on up
                _keep(context, state, asset, spent(), made=None, ok=False)
                raise
            found = spent()
        _keep(context, state, asset, found, made=made, ok=True)
        _show(context, found)
        return made

    return costing


@contextmanager
def spending() -> Iterator[Callable[[], Spent]]:
    """Give what tells how much was spent since.

    >>> with spending() as spent:
    ...     _ = sum(range(1000))
    ...     spent().rows_read
    0
    """
    with tallied() as tally, _memory() as peak:
        began, cpu = time.monotonic(), _cpu_seconds()
        yield lambda: Spent(
            seconds=time.monotonic() - began,
            cpu_seconds=_cpu_seconds() - cpu,
            peak_bytes=peak(),
            rows_read=tally.rows_read,
            rows_written=tally.rows_written,
            bytes_written=tally.bytes_written,
        )


def _cpu_seconds() -> float:
    """Time of CPUs that this process has used, and those it began and saw end."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


@contextmanager
def _memory() -> Iterator[Callable[[], int | None]]:
    """Give what tells the most memory that this process had since.

    Where the process never had as much before, the operating system has seen the peak itself (`ru_maxrss`, which never
    falls); else it is the largest of looks every tenth of a second.
    """
    before, page = _most_ever(), os.sysconf("SC_PAGE_SIZE")
    seen, ended = [_now(page)], threading.Event()

    def look() -> None:
        while not ended.wait(EVERY):
            seen[0] = max(seen[0], _now(page))

    def peak() -> int | None:
        if (most := _most_ever()) > before:
            return most
        return max(seen[0], _now(page)) or None

    looking = threading.Thread(target=look, name="memory", daemon=True)
    looking.start()
    try:
        yield peak
    finally:
        ended.set()
        looking.join()


def _most_ever() -> int:
    """Bytes that this process had in memory at its peak; Linux counts them in KiB, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _now(page: int) -> int:
    """Bytes that this process has in memory; 0 where the system does not tell."""
    try:
        return int(STATM.read_text().split()[1]) * page
    except OSError:
        return 0


def _keep(
    context: dg.AssetExecutionContext, state: ModelState, asset: str, spent: Spent, *, made: Any, ok: bool
) -> None:
    cost = StepCost(
        **spent.model_dump(),
        recipe=state.name,
        asset=asset,
        batch=_about(context, state),
        run=context.run.run_id,
        at=datetime.now(UTC).isoformat(timespec="microseconds"),
        ok=ok,
        version=_version(made),
    )
    try:
        keep(state.ledger, cost)
    except UnkeptError as error:
        context.log.warning(f"what this step has cost is not kept: {error}")


def _about(context: dg.AssetExecutionContext, state: ModelState) -> str:
    """Say what a step was about: its batches, or the batch that its training speaks for, which is the newest untold."""
    if tagged := context.run.tags.get(AS_OF_TAG):
        return tagged
    if context.has_partition_key_range or context.has_partition_key:
        return spanned(context.partition_keys)
    return (
        STATIC if state.recipe.batches is None else max(state.store.batches("cleaned_features"), default="")
    )


def _version(made: Any) -> int | None:
    """Version that a step asked the gate about."""
    told = made.metadata if isinstance(made, dg.MaterializeResult) else None
    version = (told or {}).get("version")
    return version if isinstance(version, int) else None


def _show(context: dg.AssetExecutionContext, spent: Spent) -> None:
    """Show it with each asset and batch that the step has made: it is the whole step's."""
    told = {f"step_{name}": value for name, value in spent.model_dump(exclude_none=True).items()}
    for key in context.selected_asset_keys:
        context.add_asset_metadata(told, asset_key=key)
