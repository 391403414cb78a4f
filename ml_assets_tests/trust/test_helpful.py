"""A small version of the lines of `benchmarks/trust` about drift that helps."""

from __future__ import annotations

import pytest

from benchmarks.trust.helpful import helped

BATCHES = 36
"""Six of them drifted."""


@pytest.mark.parametrize("wait", [True, False])
def test_drift_that_helps_asks_for_nothing_by_labels_nor_by_the_estimate(wait: bool) -> None:
    run = helped(0, wait, BATCHES)
    assert (run.batches, run.requests) == (6, 0)
    assert run.breached >= 5 and run.gain > 0.02


def test_the_same_drift_asks_where_nothing_tells_what_it_does() -> None:
    assert helped(0, False, BATCHES, sees=("drift",)).requests > 0
