"""Batches are taken in, raw and clean, and nothing is judged on them: what a training, or a late batch, needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorType, TickStatus
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from ml_assets.lifecycle.arrival import Arrival, arrivals, gone, parts, revisited
from ml_assets.lifecycle.changes import made_anew
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import PROCESS_TAG
from ml_assets.orchestration.reaper import open_runs
from ml_assets.orchestration.runs import RefusedError, execute
from ml_assets.recipe.periods import Period
from ml_assets.registry import champions
from ml_assets.shown import spanned
from ml_assets.sources.calendar import index_between, next_batch

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.definitions.repository_definition import RepositoryDefinition

BATCH_ASSETS = ("raw_data", "cleaned_features", "predictions", "drift_report", "performance_report")
TAKEN_IN = BATCH_ASSETS[:2]

PATIENCE = 60.0
"""Seconds that a run may wait for its turn, or for its process, while a command waits for it."""


LOOK = 90.0
"""Seconds that one look of a sensor can take: its answer is waited for a minute. An older one was killed."""


def wait_for_looks(instance: DagsterInstance, state: ModelState) -> None:
    """Wait until no sensor of the model is in the middle of a look that began before the model was locked.

    What it asks for is a run only when its look has ended: until then no list of runs has it.
    """
    names = {f"{state.name}_batches", f"{state.name}_retrain"}
    sensors = [
        (known.instigator_origin_id, known.selector_id)
        for known in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        if known.name in names
    ]
    while any(
        tick.status == TickStatus.STARTED and time.time() - tick.timestamp < LOOK
        for sensor in sensors
        for tick in instance.get_ticks(*sensor, limit=1)
    ):
        time.sleep(0.2)


def wait_for_runs(
    instance: DagsterInstance, state: ModelState, jobs: Sequence[str], say: Callable[[str], None]
) -> None:
    """Wait until no run of these jobs of the model is under way; under the model's lock no sensor asks for another.

    What has no process within `PATIENCE` is called off: its daemon may be gone, and the command takes the batch in.
    """
    names = {f"{state.name}_{job}" for job in jobs}
    deadline, told = time.monotonic() + PATIENCE, False
    while running := [r for r in _open(instance, state) if r.job_name in names]:
        if not told:
            listed = ", ".join(f"{run.job_name} {run.run_id}" for run in running)
            say(f"{state.name}: waiting for what is under way: {listed}")
        for run in running:
            if PROCESS_TAG not in run.tags and time.monotonic() > deadline:
                instance.report_run_canceled(run, "it had not begun when a command took its batch in")
        told = True
        time.sleep(0.5)


def _open(instance: DagsterInstance, state: ModelState) -> list[dg.DagsterRun]:
    return [record.dagster_run for record in open_runs(instance, state.settings)]


def take_in(
    instance: DagsterInstance,
    repository: RepositoryDefinition,
    state: ModelState,
    first: str,
    last: str | None = None,
    assets: Sequence[str] = TAKEN_IN,
) -> None:
    """Snapshot and clean the batches from the first label to the last, both included, in one run.

    Raises
    ------
    RunFailedError
        If one was refused, with the reason.
    """
    execute(
        instance,
        repository,
        f"{state.name}_monitor",
        tags={ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last or first},
        assets=keys_of(state, assets),
    )


def take_in_what_passes(
    instance: DagsterInstance,
    repository: RepositoryDefinition,
    state: ModelState,
    first: str,
    last: str,
    assets: Sequence[str] = TAKEN_IN,
) -> dict[str, str]:
    """Take in a stretch of batches, but for those that are refused: one refused batch stops no other.

    Returns
    -------
    dict of str to str
        Refused batches, with the reason.
    """
    assert state.recipe.batches is not None
    try:
        take_in(instance, repository, state, first, last, assets)
    except RefusedError as error:
        if first == last:
            return {first: str(error).removeprefix(f"{state.name}: ")}
    else:
        return {}
    period = state.recipe.batches.period
    middle = next_batch(first, period, index_between(first, last, period) // 2)
    halves = (first, middle), (next_batch(middle, period), last)
    found = [take_in_what_passes(instance, repository, state, *half, assets) for half in halves]
    return found[0] | found[1]


def take_in_changes(
    instance: DagsterInstance,
    repository: RepositoryDefinition,
    state: ModelState,
    say: Callable[[str], None],
) -> None:
    """Take in anew the batches that have changed in the source, as `batches.revisit` says; each in a run of its own.

    What an earlier recipe has read or cleaned is made anew, too. What is refused is said, and replaces nothing.
    """
    there = parts(state)
    _make_anew(instance, repository, state, there, say)
    if missing := gone(state, there):
        say(f"{state.name}: {missing}")
    anew, left = revisited(state, arrivals(state, there))
    for arrival in anew:
        assets = assets_for(state, arrival)
        try:
            execute(
                instance,
                repository,
                f"{state.name}_monitor",
                partition=arrival.batch,
                assets=keys_of(state, assets),
            )
        except RefusedError as error:
            say(f"{state.name}: {arrival.told}; refused, and what was taken in before stays: {error}")
        else:
            say(f"{state.name}: {arrival.told}; taken in anew")
    for arrival in left:
        rule = state.recipe.batches.revisit if state.recipe.batches is not None else None
        say(f"{state.name}: {arrival.told}; left as it was taken in (batches.revisit: {rule})")


def _make_anew(
    instance: DagsterInstance,
    repository: RepositoryDefinition,
    state: ModelState,
    there: Collection[str],
    say: Callable[[str], None],
) -> None:
    """Read, and clean, anew what the recipe made otherwise before it changed; what is refused is cleaned alone."""
    assert state.recipe.batches is not None
    period = state.recipe.batches.period
    if old := made_anew(state, lambda: there).read:
        say(f"{state.name}: the recipe has changed: reading batch {spanned(old)} anew")
        for first, last in stretches(old, period):
            refused = take_in_what_passes(instance, repository, state, first, last)
            for batch, reason in refused.items():
                say(f"{state.name}: batch {batch} is refused, and its rows stay as they were read: {reason}")
    if old := made_anew(state, lambda: there).cleaned:
        say(f"{state.name}: the recipe has changed: cleaning batch {spanned(old)} anew")
        for first, last in stretches(old, period):
            take_in(instance, repository, state, first, last, TAKEN_IN[1:])


def assets_for(state: ModelState, arrival: Arrival) -> Sequence[str]:
    """Assets to make of a batch that has come or changed.

    What is older than the champion's training is predicted and judged no more, nor what has changed and was
    never watched.
    """
    champion = champions.champion(state.ledger, state.name)
    learned = champion is not None and arrival.batch <= champion.as_of
    watched = arrival.kind != "changed" or state.store.has("performance_report", arrival.batch)
    return TAKEN_IN if learned or not watched else BATCH_ASSETS


def keys_of(state: ModelState, assets: Sequence[str]) -> list[dg.AssetKey]:
    """Keys of assets of a model."""
    return [dg.AssetKey([state.name, asset]) for asset in assets]


def stretches(batches: Sequence[str], period: Period) -> list[tuple[str, str]]:
    """Cut batches into stretches without a gap: first and last batch of each.

    >>> stretches(["2024-01-01", "2024-01-02", "2024-01-04"], "daily")
    [('2024-01-01', '2024-01-02'), ('2024-01-04', '2024-01-04')]
    """
    found: list[tuple[str, str]] = []
    for batch in batches:
        if found and next_batch(found[-1][1], period) == batch:
            found[-1] = (found[-1][0], batch)
        else:
            found.append((batch, batch))
    return found
