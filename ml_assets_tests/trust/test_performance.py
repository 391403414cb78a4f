"""Small versions of the lines of `benchmarks/trust` about performance, with bounds that a broken rule misses."""

from __future__ import annotations

from benchmarks.trust import performance


def test_streams_without_a_change_are_quiet() -> None:
    breaches, alarms = performance.quiet_alarms(1, 3)
    assert breaches <= 5 and alarms == 0  # of 120 batches


def test_concept_that_changes_alone_is_seen_in_the_labels_and_not_in_the_inputs() -> None:
    assert performance.drift_alarms(2, 12) <= 1
    breaches, _ = performance.seen_within(3, 20, 0.05, 2, 5_000)
    assert breaches >= 17
    _, alarms = performance.seen_within(4, 6, 0.05, 8, 5_000)
    assert alarms == 6
