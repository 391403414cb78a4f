"""Numbers of versions that a model's store still speaks of, whatever became of ledger and registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from ml_assets.lifecycle.served import VERSION
from ml_assets.records import DriftReport, PerformanceReport, Record
from ml_assets.store.snapshots import StoreError

if TYPE_CHECKING:
    from ml_assets.lifecycle.state import ModelState

AnyReport = TypeVar("AnyReport", bound=Record)

LOOKED_AT: Final = 200
"""Newest reports: no decision looks at older ones."""


def newest_number(state: ModelState) -> int:
    """Give the highest number of a version that the newest reports and predictions name; 0 where there is none."""
    return max(_numbers(state), default=0)


def _numbers(state: ModelState) -> Iterator[int]:
    for drift in _newest(state, "drift_report", DriftReport):
        yield drift.champion_version or 0
    for live in _newest(state, "performance_report", PerformanceReport):
        yield live.champion_version or 0
    for batch in state.store.batches("predictions")[-1:]:  # a kill may have come before its report
        with suppress(StoreError):  # damaged: refused where it is read, so nobody believes its number
            yield from map(int, state.store.read_frame("predictions", batch, [VERSION])[VERSION].head(1))


def _newest(state: ModelState, asset: str, kind: type[AnyReport]) -> Iterator[AnyReport]:
    for batch in state.store.batches(asset)[-LOOKED_AT:]:
        with suppress(StoreError):  # damaged: refused where it is read, so nobody believes its number
            yield state.store.read_record(asset, batch, kind)
