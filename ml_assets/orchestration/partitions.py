"""Batches as Dagster partitions."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg

from ml_assets.recipe import Recipe
from ml_assets.recipe.periods import PERIODS
from ml_assets.sources.calendar import batch_of, limits


def batch_partitions(recipe: Recipe, first: str | None) -> dg.TimeWindowPartitionsDefinition | None:
    """Make a recipe's partitions: one key per batch label; None for a static table.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    first : str or None
        First batch; None while the source is empty, then the calendar begins with the present period.
    """
    batches = recipe.batches
    if batches is None:
        return None
    start = first or batch_of(datetime.now(UTC), batches.period)
    _, limit = limits(batches)
    end = batch_of(limit, batches.period) if limit is not None else None
    known = PERIODS[batches.period]
    return dg.TimeWindowPartitionsDefinition(cron_schedule=known.cron, fmt=known.label, start=start, end=end)


def labels_mapping(recipe: Recipe) -> dg.PartitionMapping | None:
    """Map a batch to the one whose labels become known with it: `label_delay` batches before."""
    if recipe.batches is None:
        return None
    delay = -recipe.monitoring.label_delay
    return dg.TimeWindowPartitionMapping(
        start_offset=delay, end_offset=delay, allow_nonexistent_upstream_partitions=True
    )
