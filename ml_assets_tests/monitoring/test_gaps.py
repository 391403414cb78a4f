"""A gap above its limit is found, at once or by and by; where there is none hardly any batch alarms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.gaps import Judge, judged_groups
from ml_assets.monitoring.gaps import gap_tests, step_limit, sum_limit
from ml_assets.quality.groups import groups_of
from ml_assets.records import GapTest, PerformanceReport, ProtectedGroups

MEASURES = ("demographic_parity_difference", "equal_opportunity_difference", "false_positive_rate_difference")
LIMIT = 0.1
JUDGE = Judge(
    task="classification",
    metric="accuracy",
    positive="yes",
    min_rows=50,
    measures=MEASURES,
    limits=dict.fromkeys(MEASURES, LIMIT),
)


def batch(
    n: int, generator: np.random.Generator, gap: float = 0.0, shares: Any = (0.6, 0.4)
) -> ProtectedGroups:
    """A batch in which group b is found less often by `gap`, and is alike otherwise."""
    group, truth = generator.choice(["a", "b"], n, p=shares), generator.random(n) < 0.5
    hit = np.where(group == "b", 0.75 - gap, 0.75)
    told = np.where(truth, generator.random(n) < hit, generator.random(n) < 0.25)
    y, answers = (pd.Series(np.where(each, "yes", "no")) for each in (truth, told))
    return judged_groups(
        "sex", (), groups_of(pd.Series(group), ()), (y, answers.to_frame("prediction")), JUDGE
    )


def report(
    label: str, groups: ProtectedGroups, earlier: list[PerformanceReport], version: int = 1
) -> PerformanceReport:
    blank = PerformanceReport(
        batch=label, scored_batch=label, champion_version=version, status="ok", metric="accuracy",
        direction="maximize", rows=100, coverage=1.0,
    )  # fmt: skip
    tests = gap_tests([groups], label, version, earlier, JUDGE)
    return blank.model_copy(update={"protected": (groups,), "gap_tests": tests})


def lived(batches: Iterable[ProtectedGroups], memory: int = 52) -> list[PerformanceReport]:
    reports: list[PerformanceReport] = []
    for number, groups in enumerate(batches):
        reports.append(report(f"{number:04d}", groups, reports[-memory:]))
    return reports


def opportunity(told: PerformanceReport) -> GapTest:
    return next(test for test in told.gap_tests if test.measure == "equal_opportunity_difference")


def test_law_without_a_gap_hardly_a_batch_alarms() -> None:
    generator = np.random.default_rng(0)
    reports = lived(batch(300, generator) for _ in range(200))
    assert not [told.scored_batch for told in reports if told.unequal]


@pytest.mark.slow
def test_law_at_the_limit_itself_fewer_than_one_batch_in_a_hundred_alarms() -> None:
    """The worst that is still allowed: the true gap is the limit, in small batches and in large ones."""
    for n in (200, 1_000):
        alarms = batches = 0
        for seed in range(15):
            generator = np.random.default_rng(seed)
            reports = lived(batch(n, generator, LIMIT) for _ in range(60))
            alarms += sum(bool(told.unequal) for told in reports)
            batches += len(reports)
        assert alarms / batches <= 0.01


def test_a_large_gap_is_found_in_its_batch() -> None:
    generator = np.random.default_rng(1)
    reports = lived([*(batch(1_500, generator) for _ in range(3)), batch(1_500, generator, 0.4)])
    assert [bool(told.unequal) for told in reports] == [False, False, False, True]
    test = opportunity(reports[-1])
    assert test.alarm and (test.more, test.less, test.since) == ("a", "b", "0003")
    assert "equal_opportunity_difference of 'sex' is surely above its limit 0.1" in test.text
    assert not any(other.alarm for other in reports[-1].gap_tests if other.measure == MEASURES[2])


def test_a_small_excess_that_stays_adds_up() -> None:
    generator = np.random.default_rng(2)
    reports = lived(
        [*(batch(400, generator) for _ in range(5)), *(batch(400, generator, 0.2) for _ in range(25))]
    )
    first = next(number for number, told in enumerate(reports) if told.unequal)
    assert 5 < first < 30
    test = opportunity(reports[first])
    assert test.statistic > test.threshold and test.step is not None and test.step < test.step_limit
    assert test.since is not None and test.since >= "0004"


def test_groups_with_few_rows_are_judged_with_those_of_the_next_batches() -> None:
    """Of 60 rows of group b in a batch half are true: too few each time."""
    generator = np.random.default_rng(3)
    reports = lived(batch(600, generator, 0.45, (0.9, 0.1)) for _ in range(12))
    assert all(not test.alarm for test in reports[0].gap_tests)
    steps = [opportunity(told).step is not None for told in reports]
    assert not steps[0] and 3 <= sum(steps) < 12
    assert opportunity(reports[-1]).alarm


def test_what_is_remembered_stands_in_for_what_was_before() -> None:
    generator = np.random.default_rng(4)
    batches = [batch(400, generator, 0.15) for _ in range(12)]
    whole, short = lived(batches), lived(batches, memory=2)
    assert [opportunity(told).statistic for told in whole] == pytest.approx(
        [opportunity(t).statistic for t in short]
    )


def test_late_labels_replace_what_was_known_and_another_champion_begins_anew() -> None:
    generator = np.random.default_rng(5)
    bad, good = batch(1_000, generator, 0.4), batch(1_000, generator)
    first = report("0000", bad, [])
    assert first.unequal
    again = report("0000", good, [first])
    assert not again.unequal
    following = report("0001", good, [first, again])
    assert opportunity(following).statistic == 0
    assert opportunity(report("0001", good, [first])).statistic > 0
    assert opportunity(report("0001", good, [first], version=2)).statistic == 0


def test_more_pairs_ask_for_more() -> None:
    assert sum_limit(1) < sum_limit(6) < sum_limit(60) and step_limit(1) < step_limit(6) < step_limit(60)
