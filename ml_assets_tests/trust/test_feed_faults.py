"""No model learns a broken month, however eagerly it trains; odd months that are sound block and ask for nothing."""

from __future__ import annotations

from benchmarks.feed_faults.feeds import FAULTS, ODDITIES, sent_again, stream_of
from benchmarks.feed_faults.replays import EAGER, GOOD, USUAL, outcome


def test_no_model_learns_a_broken_month() -> None:
    broken = {
        GOOD: "°F for °C",
        GOOD + 1: "half a file",
        GOOD + 3: "UTF-8 read as Windows-1252",
        GOOD + 4: "an absent column",
    }
    changes = {place: FAULTS[name][0] for place, name in broken.items()} | {GOOD + 6: sent_again(4, 0)}
    months = stream_of(GOOD + 8, 0, changes)
    found = outcome(months, EAGER)
    bad = [sorted(months)[place] for place in sorted(changes)]
    assert sorted(found.told) == bad, found.told
    for label, name in zip(bad, broken.values(), strict=False):
        assert FAULTS[name][1] in found.told[label]
    assert found.promoted and not found.learned(tuple(bad))


def test_odd_but_sound_months_block_and_train_nothing() -> None:
    names = (
        "more of the calendar",
        "fewer rows in summer",
        "holidays that have not been before",
        "stray columns",
    )

    def odd(frame, rng, place):  # type: ignore[no-untyped-def]
        for name in names:
            frame = ODDITIES[name](frame, rng, place)
        return frame

    found = outcome(stream_of(GOOD + 9, 1, oddity=odd), USUAL)
    assert (found.told, found.trainings) == ({}, ())
