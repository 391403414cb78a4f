"""An experiment: who is answered by whom, how often equal arms get a winner, and how often a better one does."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings

from ml_assets.promotion.anytime import bound, p_value, ratio_p
from ml_assets.promotion.arms import FEWEST_ROWS, MISMATCH, Answers, judge
from ml_assets.promotion.judged import Measure
from ml_assets.records.experiments import CHAMPION, Arm, Experiment, Step

PLANNED, RUNS, ALPHA = 5_000, 500, 0.05
ACCURACY = Measure("accuracy", "maximize", "yes")


def losses(random: np.random.Generator, share: float) -> Any:
    """Answers that are right or not, of shape (runs, planned rows)."""
    return (random.random((RUNS, PLANNED)) < share).astype(np.float64)


def first_end(first: Any, second: Any) -> Any:
    """Look after every single label; +1 where the second arm wins, -1 where the first does, 0 where neither."""
    rows = np.arange(1, PLANNED + 1)
    means = [side.cumsum(axis=1) / rows for side in (first, second)]
    error = np.sqrt(sum(mean * (1 - mean) for mean in means) / rows)
    gain = means[1] - means[0]
    sure = np.abs(gain) > bound(rows / PLANNED, ALPHA) * error
    sure[:, :FEWEST_ROWS] = False
    ended = sure.argmax(axis=1)
    return np.where(sure.any(axis=1), np.sign(gain[np.arange(RUNS), ended]), 0)


def test_equal_arms_seldom_get_a_winner_and_a_better_one_does_however_often_one_looks() -> None:
    random = np.random.default_rng(7)
    for share in (0.8, 0.5, 0.97):
        equal = first_end(losses(random, share), losses(random, share))
        assert (equal != 0).mean() <= ALPHA
    better = first_end(losses(random, 0.80), losses(random, 0.83))
    assert (better > 0).mean() >= 0.8 and (better < 0).mean() <= 0.01


@pytest.mark.slow
def test_looks_of_every_kind_of_metric_keep_their_error() -> None:
    """500 experiments of equal arms and of one that is three points better, looked at 20 times, by `judge` itself."""
    random = np.random.default_rng(12)
    for shares, wins, most in (((0.8, 0.8), 0.0, ALPHA), ((0.80, 0.83), 0.8, 1.0)):
        won = 0
        for _ in range(RUNS):
            right = [random.random(PLANNED) < share for share in shares]
            for rows in range(PLANNED // 20, PLANNED + 1, PLANNED // 20):
                look = judge(arm("a", right[0][:rows]), [arm("b", right[1][:rows])], ACCURACY, PLANNED)
                if look.outcome != "running":
                    break
            won += look.outcome == "winner" if wins else look.outcome in ("winner", "worse")
        assert wins <= won / RUNS <= most, won / RUNS


def test_a_fixed_interval_would_not_hold() -> None:
    random = np.random.default_rng(7)
    first, second, rows = losses(random, 0.8), losses(random, 0.8), np.arange(1, PLANNED + 1)
    gain = (second - first).cumsum(axis=1) / rows
    outside = np.abs(gain) > 1.96 * np.sqrt(2 * 0.16 / rows)
    assert outside[:, FEWEST_ROWS:].any(axis=1).mean() > 3 * ALPHA


@given(st.floats(0, 20), st.floats(0.001, 10), st.sampled_from([0.001, 0.01, 0.05, 0.2]))
def test_the_p_value_is_below_alpha_where_the_interval_leaves_nothing(
    z: float, here: float, alpha: float
) -> None:
    limit = float(bound(here, alpha))
    assume(abs(z - limit) > 1e-9)
    assert (float(p_value(z, here, alpha)) < alpha) == (z > limit)


def arm(name: str, right: Any, blocks: Any = None, truth: Any = None, beside: Any = None) -> Answers:
    """An arm whose answers are right where it is said."""
    truth = np.tile(["yes", "no"], len(right))[: len(right)] if truth is None else truth
    other = np.where(truth == "yes", "no", "yes")
    made = [
        pd.DataFrame({"prediction": np.where(side, truth, other)})
        for side in (right, beside)
        if side is not None
    ]
    y = pd.Series(truth, dtype=object)
    return Answers(name, 2, y, made[0], blocks, len(y), made[1] if beside is not None else None)


@pytest.mark.parametrize("rows_each", [1, 20])
def test_rows_of_one_entity_count_together(rows_each: int) -> None:
    """Entities that are always or never answered right: 20 rows of each know no more than one."""
    random = np.random.default_rng(3)
    won, counted = 0, []
    for _ in range(150):
        known = [np.repeat(random.random(300) < 0.8, rows_each) for _ in range(2)]
        sides = [
            arm(name, right, np.repeat(np.arange(300), rows_each))
            for name, right in zip("ab", known, strict=True)
        ]
        look = judge(sides[0], sides[1:], ACCURACY, 300)
        won += look.outcome == "winner"
        counted.append(look.arms[1].counted)
    assert won <= 150 * ALPHA and 200 < np.median(counted) < 450


def test_the_better_of_several_wins_and_the_worse_is_told() -> None:
    random = np.random.default_rng(5)
    sides = [
        arm(name, random.random(4_000) < share)
        for name, share in (("champion", 0.7), ("b", 0.78), ("c", 0.62))
    ]
    look = judge(sides[0], sides[1:], ACCURACY, 4_000)
    assert look.outcome == "winner" and [each.verdict for each in look.arms] == ["open", "better", "worse"]
    mirrored = judge(sides[0], sides[2:], ACCURACY, 4_000)
    assert mirrored.outcome == "worse" and "surely worse" in mirrored.reason
    assert look.arms[2].gain == mirrored.arms[1].gain


def test_few_rows_say_nothing_and_as_many_as_planned_end_it() -> None:
    random = np.random.default_rng(6)
    few = judge(arm("a", random.random(40) < 0.2), [arm("b", random.random(40) < 0.9)], ACCURACY, 5_000)
    assert few.outcome == "running" and "too few" in few.arms[1].note
    early = judge(arm("a", random.random(90) < 0.5), [arm("b", random.random(90) < 0.6)], ACCURACY, 200_000)
    assert early.outcome == "running" and early.arms[1].gain is None
    assert "too few labelled rows yet" in early.reason and "inf" not in early.reason
    none = judge(arm("a", np.zeros(0, bool)), [arm("b", np.zeros(0, bool))], ACCURACY, 5_000)
    assert none.outcome == "running" and none.arms[1].score is None
    same = random.random(600) < 0.8
    assert judge(arm("a", same), [arm("b", same)], ACCURACY, 600).outcome == "undecided"
    mixed = judge(arm("a", same), [arm("b", same)], ACCURACY, 600, ratio=MISMATCH / 2)
    assert mixed.outcome == "mismatch" and mixed.winner is None


@pytest.mark.parametrize("metric", ["precision", "recall", "f1", "roc_auc", "pr_auc"])
@pytest.mark.parametrize("shares", [(0.0, 0.0), (1.0, 0.3), (0.3, 0.0)])
def test_an_arm_whose_labels_are_all_alike_says_nothing_yet(metric: str, shares: tuple[float, float]) -> None:
    random = np.random.default_rng(4)
    sides = []
    for name, share in zip("ab", shares, strict=True):
        yes, chance = random.random(80) < share, random.random(80)
        told = {
            "prediction": np.where(chance > 0.5, "yes", "no"),
            "probability_no": 1 - chance,
            "probability_yes": chance,
        }
        y = pd.Series(np.where(yes, "yes", "no"), dtype=object)
        sides.append(Answers(name, 2, y, pd.DataFrame(told), None, 80))
    look = judge(sides[0], sides[1:], Measure(metric, "maximize", "yes"), 5_000)
    assert look.outcome == "running" and look.arms[1].gain is None and look.arms[1].note


def test_a_shadow_is_surer_than_an_arm_since_both_answer_the_same_rows() -> None:
    random = np.random.default_rng(8)
    before = random.random(2_000) < 0.8
    after = before | (random.random(2_000) < 0.1)
    apart = judge(arm("champion", before), [arm("b", after)], ACCURACY, 5_000).arms[1]
    beside = judge(arm("champion", before), [arm("shadow", after, beside=before)], ACCURACY, 5_000).arms[1]
    assert beside.verdict == "better" and beside.gain == pytest.approx(apart.gain)
    assert beside.high - beside.low < (apart.high - apart.low) / 2  # type: ignore[operator]


def test_numbers_and_probabilities_are_compared_by_their_own_metrics() -> None:
    random = np.random.default_rng(9)
    sides = []
    for signal in (0.5, 2.0):
        yes = random.random(3_000) < 0.3
        chance = 1 / (1 + np.exp(-(signal * (yes - 0.5) + random.normal(size=3_000))))
        labels = pd.Series(np.where(yes, "yes", "no"), dtype=object)
        told = pd.DataFrame(
            {
                "prediction": np.where(chance > 0.5, "yes", "no"),
                "probability_no": 1 - chance,
                "probability_yes": chance,
            }
        )
        sides.append(Answers("x", 2, labels, told, None, 3_000))
    for metric, direction in (("roc_auc", "maximize"), ("log_loss", "minimize"), ("f1", "maximize")):
        look = judge(sides[0], sides[1:], Measure(metric, direction, "yes"), 3_000)  # type: ignore[arg-type]
        assert look.outcome == "winner", look.reason
    wide, close = (
        Answers(
            "x",
            2,
            pd.Series(np.zeros(500)),
            pd.DataFrame({"prediction": random.normal(0, scale, 500)}),
            None,
            500,
        )
        for scale in (3.0, 1.0)
    )
    assert judge(wide, [close], Measure("mae", "minimize", None), 500).outcome == "winner"


def test_shares_as_they_were_asked_for_are_no_mismatch_however_often_one_looks() -> None:
    random = np.random.default_rng(11)
    shares = ((0.5, 0.5), (0.9, 0.1), (0.6, 0.3, 0.1))
    for wanted in shares:
        lowest = np.ones(200)
        counts = random.multinomial(100, wanted, size=(200, 60)).cumsum(axis=1)
        for run in range(200):
            lowest[run] = min(ratio_p([each.tolist()], [wanted]) for each in counts[run])
        assert (lowest < 0.05).mean() <= 0.05 and (lowest < MISMATCH).sum() <= 1
    lost = [ratio_p([random.multinomial(40_000, [0.52, 0.48]).tolist()], [(0.5, 0.5)]) for _ in range(50)]
    assert np.mean(np.array(lost) < MISMATCH) > 0.9
    assert (
        ratio_p([[90, 10], [500, 500]], [(0.9, 0.1), (0.5, 0.5)]) == 1
        and ratio_p([[5, 1]], [(1.0, 0.0)]) == 0
    )


EXPERIMENTS = st.builds(
    lambda salt, shares, hours, parts: Experiment(
        champion=1,
        salt=salt,
        arms=tuple(Arm(name=f"arm {k}", version=k + 2, share=share) for k, share in enumerate(shares)),
        steps=tuple(
            Step(hours=hour, part=part) for hour, part in zip(sorted(hours), sorted(parts), strict=True)
        ),
    ),
    st.text(min_size=1, max_size=10),
    st.sampled_from([(0.5,), (0.3, 0.2), (0.25, 0.25, 0.25), (1.0,), (0.05, 0.9)]),
    st.lists(st.floats(0, 100), min_size=3, max_size=3),
    st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
)
KEYS = [f"customer {number}" for number in range(4_000)]


@settings(max_examples=15, deadline=None)
@given(EXPERIMENTS, EXPERIMENTS, st.floats(0, 120), st.floats(0, 120))
def test_keys_stay_where_they_are_in_the_shares_that_were_asked_for(
    experiment: Experiment, other: Experiment, hour: float, more: float
) -> None:
    before = [experiment.arm_of(key, hour) for key in KEYS]
    assert before == [experiment.arm_of(key, hour) for key in KEYS]
    shares = experiment.shares(hour)
    assert sum(shares.values()) == pytest.approx(1)
    for name, share in shares.items():
        assert (
            abs(before.count(name) - share * len(KEYS)) <= 6 * np.sqrt(share * (1 - share) * len(KEYS)) + 1e-6
        )
    after = [experiment.arm_of(key, hour + more) for key in KEYS]
    assert all(
        was in (CHAMPION, now) for was, now in zip(before, after, strict=True)
    )  # a wider split moves no other
    if experiment.salt != other.salt:
        ours, theirs = (
            np.array([each.arm_of(key, 120) == CHAMPION for key in KEYS]) for each in (experiment, other)
        )
        together = (ours & theirs).mean() - ours.mean() * theirs.mean()
        assert abs(together) < 6 * 0.25 / np.sqrt(len(KEYS))
