"""A small version of the lines of `benchmarks/trust` about streams whose true loss by age is known."""

from __future__ import annotations

import numpy as np

from benchmarks.trust.ages import LOSSES, Drawn, Lived, lived, row


def test_where_nothing_is_lost_few_train_and_where_much_is_nearly_all_is_earned() -> None:
    quiet = [lived("nothing", 500, seed) for seed in range(3)]
    assert sum(one.trainings <= 6 and one.promoted <= 3 for one in quiet) >= 2
    ageing = [lived("a square of its age", 500, seed) for seed in range(2)]
    assert row("a square of its age", 500, ageing).met
    assert all(one.never > one.ours > one.every for one in ageing)
    assert all(one.trainings <= 44 and one.promoted >= 3 for one in ageing)


def test_what_is_drawn_loses_what_it_is_told_to() -> None:
    loss = LOSSES[".0008 of its score a batch"]
    drawn = Drawn(loss, 150, np.random.default_rng(0))
    older, newer = [f"{place:03}" for place in range(20)], [f"{place:03}" for place in range(40)]
    gains = []
    for batch in range(40, 90):
        judged = drawn.judge(older, newer, f"{batch:03}")
        assert judged is not None
        gains.append(judged.gain)
    luck = drawn.luck(20) - drawn.luck(40)
    assert abs(np.mean(gains) - 20 * 0.0008 - luck) < 4 * 0.2 * np.sqrt(2 / 150 / 50)


def test_a_line_counts_the_streams_that_keep_within_six_trainings_and_three_promotions() -> None:
    found = [Lived(t, p, 1.0, 1.0, 1.0, 1.0) for t, p in ((4, 0), (6, 3), (7, 0), (5, 4))]
    told = row("nothing", 150, found)
    assert told.measured == "in 2 of 4; at most 7 trainings, 4 promoted" and told.met is False
