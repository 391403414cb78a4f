"""Batches are taken in, raw and clean, and nothing is judged on them: what a training, or a late batch, needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from ml_assets.lifecycle.state import ModelState
from ml_assets.orchestration.runs import execute
from ml_assets.recipe.schema import Period
from ml_assets.sources.calendar import next_batch

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.definitions.repository_definition import RepositoryDefinition

TAKEN_IN = ("raw_data", "cleaned_features")


def take_in(
    instance: DagsterInstance,
    repository: RepositoryDefinition,
    state: ModelState,
    first: str,
    last: str | None = None,
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
        assets=[dg.AssetKey([state.name, asset]) for asset in TAKEN_IN],
    )


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
