"""What a model has cost since a time: its steps added up, and what of its trainings came to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ml_assets.records.costs import AssetCost, Spending, Spent, TrainingCost
from ml_assets.registry import costs
from ml_assets.registry.ledger import Ledger

DAYS: Final = 30
"""Days that are told where nobody says since when."""
ADDED: Final = ("seconds", "cpu_seconds", "rows_read", "rows_written", "bytes_written")


def spending(ledger: Ledger, since: datetime, name: str) -> Spending:
    """Add up what a model has cost; all is 0 where nothing was measured."""
    promoted = {entry.to_version for entry in ledger.find(name, ["promote"], state="done")}
    assets = sorted(costs.by_asset(ledger, since, name), key=lambda each: each.cpu_seconds, reverse=True)
    trainings = [
        each.model_copy(update={"promoted": each.version in promoted})
        for each in costs.by_training(ledger, since, name)
    ]
    return Spending(
        **summed(assets).model_dump(),
        name=name,
        since=costs.iso(since),
        steps=sum(each.steps for each in assets),
        failed=sum(each.failed for each in assets),
        assets=tuple(assets),
        trainings=tuple(trainings),
        training_cpu_seconds=sum(each.cpu_seconds for each in trainings),
        lost_cpu_seconds=sum(each.cpu_seconds for each in trainings if not each.promoted),
    )


def summed(each: Sequence[Spent]) -> Spent:
    """
    Add up what several have cost; of memory the largest counts.

    >>> summed([Spent(seconds=1, peak_bytes=5), Spent(seconds=2), Spent(peak_bytes=3)]).peak_bytes
    5
    """
    peaks = [one.peak_bytes for one in each if one.peak_bytes is not None]
    return Spent(
        **{name: sum(getattr(one, name) for one in each) for name in ADDED},
        peak_bytes=max(peaks, default=None),
    )


def dearest(assets: Sequence[AssetCost]) -> AssetCost | None:
    """Give the asset whose steps took most CPU."""
    return max(assets, key=lambda each: each.cpu_seconds, default=None)


def lost_words(trainings: Sequence[TrainingCost]) -> str:
    """Say how much of what trainings took went to those whose version was not put in charge.

    >>> one = TrainingCost(run="a", at="", batch="all", failed=0, cpu_seconds=3.0)
    >>> lost_words([one, one.model_copy(update={"cpu_seconds": 1.0, "promoted": True})])
    '75 % of the CPU of trainings went to 1 of 2 whose model was not put in charge'
    """
    lost = [each for each in trainings if not each.promoted]
    if not trainings:
        return "no training"
    if not lost:
        return "each training's model was put in charge"
    share = sum(each.cpu_seconds for each in lost) / max(sum(each.cpu_seconds for each in trainings), 1e-9)
    return (
        f"{share:.0%}".replace("%", " %")
        + f" of the CPU of trainings went to {len(lost):,} of {len(trainings):,} whose model was not put in charge"
    )
