"""With few rows of a class a live score is held against batches of as many, drawn from the hold-out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.trust.few_live import LIVE, Answering, found_after, quiet
from benchmarks.trust.few_positives import labels
from ml_assets.features.columns import Roles
from ml_assets.monitoring.detectable import few_of_a_class, lowest_unnoticed
from ml_assets.monitoring.performance import performance_report
from ml_assets.monitoring.pooling import waiting
from ml_assets.monitoring.rare import drawn_counts, expected
from ml_assets.monitoring.reference import InMemory, Reference, Scored
from ml_assets.records import PerformanceReport, Score
from ml_assets.retraining.together import pooled_p_value
from ml_assets_tests.support.references import champion

MODEL = Answering(area=0.8, rate=0.1, cut=-1.0)


def answered(seed: int, positives: int, rows: int, area: float = 0.8) -> tuple[pd.Series, pd.DataFrame]:
    """Labels and answers, the positives first."""
    yes = np.arange(rows) < positives
    return labels(yes), MODEL.answers(np.random.default_rng(seed), yes, area)


def known(metric: str = "roc_auc", positives: int = 30, rows: int = 300, luck: int = 0, **more) -> Reference:
    kept = InMemory(pd.DataFrame(), Roles((), ()), holdout=answered(luck, positives, rows))
    holdout = Score(value=0.8, low=0.7, high=0.9)
    given = {"metric": metric, "holdout": holdout, "positive": "yes", "min_rows": 100} | more
    return champion(kept, **given)


@pytest.mark.parametrize("metric", ["roc_auc", "pr_auc", "f1"])
def test_p_value_of_an_unchanged_model_is_rarely_small(metric: str) -> None:
    found = [expected(*answered(seed, 10, 100), known(metric, 20, 200, seed + 100)) for seed in range(80)]
    p_values = [each.p_value for each in found if each is not None and each.p_value is not None]
    assert len(p_values) == 80 and sum(p < 0.05 for p in p_values) <= 10  # 4 expected
    assert 0.2 <= np.median(p_values) <= 0.9


@pytest.mark.parametrize("metric", ["roc_auc", "pr_auc", "f1"])
def test_model_that_has_lost_its_skill_is_told(metric: str) -> None:
    found = [expected(*answered(seed, 20, 200, 0.5), known(metric)) for seed in range(1, 21)]
    assert sum(each.p_value < 0.05 for each in found if each and each.p_value is not None) >= 10


def test_share_of_the_class_in_the_batch_is_taken_from_the_batch() -> None:
    """Precision falls with the share of positives: half as many are no worse model."""
    many, few = (expected(*answered(1, positives, 300), known("pr_auc")) for positives in (60, 12))
    assert many is not None and few is not None and few.value < many.value - 0.1
    assert few.rows == 12 and few.rarest == "yes" and few.holdout_rows == 30


def test_enough_rows_another_metric_or_no_holdout_need_none() -> None:
    assert expected(*answered(1, 100, 300), known(positives=100)) is None
    assert expected(*answered(1, 99, 300), known(positives=100)) is not None
    assert expected(*answered(1, 10, 300), known("accuracy")) is None
    bare = known()
    assert (
        expected(*answered(1, 10, 300), replace(bare, kept=InMemory(pd.DataFrame(), Roles((), ())))) is None
    )


def test_holdout_with_few_of_a_class_compares_nothing() -> None:
    report = performance_report("b", known(positives=9), Scored("a", *answered(1, 20, 300, 0.2)))
    assert report.status == "ok" and report.p_value is None
    assert "the hold-out has only 9 of its own, too few to compare with (10 are needed)" in report.text


def reports(positives: list[int], rows: int = 300) -> list[PerformanceReport]:
    """Reports on batches with so many positives."""
    made: list[PerformanceReport] = []
    batches = {f"{place:02}": answered(place, count, rows) for place, count in enumerate(positives)}
    for label, pair in batches.items():
        pool = [Scored(each, *batches[each]) for each in waiting(made, 1, label)]
        made.append(performance_report(label, known(), Scored(label, *pair), made, pool))
    return made


def test_batches_with_few_of_a_class_are_judged_together() -> None:
    found = reports([4, 0, 5, 4, 10])
    assert [each.status for each in found] == [*["insufficient_data"] * 3, "ok", "ok"]
    assert "of 300 rows only 4 are of the class 'yes', fewer than 10, prove nothing" in found[0].text
    assert "900 of 100 rows, 9 of 10 rows of the class 'yes' in 3 batches so far" in found[2].text
    assert found[3].pooled == ("00", "01", "02") and found[3].rows == 1_200
    assert found[3].expected is not None and found[3].expected.rows == 13
    assert "13 of class 'yes'; the hold-out leads to expect" in found[3].text


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=8))
def test_every_positive_is_judged_once_at_most(counts: list[int]) -> None:
    waited = 0
    for report, count in zip(reports(counts, 120), counts, strict=True):
        enough = count >= 10 or waited + count >= 10
        assert (report.status == "ok") == enough
        waited = 0 if enough else waited + count


def test_pooled_p_value_counts_the_holdout_once() -> None:
    """Three scores at p = .01: by themselves .00003, of one hold-out no more than one of them."""
    one = performance_report("b", known(), Scored("a", *answered(1, 20, 200)))
    assert one.expected is not None

    def like(shared: float) -> PerformanceReport:
        assert one.expected is not None
        usual = one.expected.model_copy(update={"shared": shared, "p_value": 0.01})
        return one.model_copy(update={"p_value": 0.01, "expected": usual})

    assert pooled_p_value([like(0.0)] * 3) == pytest.approx(2.8e-5, rel=0.1)
    assert pooled_p_value([like(1.0)] * 3) == pytest.approx(0.01)
    assert 2.8e-5 < pooled_p_value([like(0.5)] * 3) < 0.01
    assert pooled_p_value([like(0.5), one.model_copy(update={"expected": None, "p_value": 0.01})]) < 0.01


def test_draws_are_as_many_as_are_wanted() -> None:
    for draws in (3, 500):
        counts = drawn_counts(7, draws, 400, np.random.default_rng(0))
        assert (counts.sum(axis=1) == draws).all()
        assert counts.var() == pytest.approx(draws / 7 * 6 / 7, rel=0.15)


def test_fall_that_is_promised_is_told_in_four_of_five_cases() -> None:
    low = lowest_unnoticed((40, 360), (90, 810))
    assert low is not None
    found = [
        expected(*answered(seed, 40, 400, low), known(positives=90, rows=900, luck=100 + seed))
        for seed in range(40)
    ]
    told = [each.p_value < 0.01 for each in found if each is not None and each.p_value is not None]
    assert len(told) == 40 and 0.5 <= np.mean(told) <= 0.98
    assert lowest_unnoticed((80, 720), (90, 810)) > low  # more rows show less


def test_what_few_of_a_class_can_show_is_said() -> None:
    said = few_of_a_class("yes", 0.03, 150, 1_000, 300, 2)
    assert "'yes', some 4.5 of a usual batch: 3 batches are judged together" in said
    assert "6 batches can ask for a training" in said
    assert "each batch is judged alone, which shows a fall of roc_auc" in few_of_a_class(
        "yes", 0.1, 300, 1_000, 300, 2
    )
    assert "has some 3 of them, and 10 are needed" in few_of_a_class("yes", 0.03, 150, 100, 300, 2)
    assert not math.isnan(float(said.split(" of the rows")[0]))


# ---- small versions of the lines of `benchmarks/trust`


@pytest.mark.parametrize("metric", LIVE)
def test_streams_with_few_positives_are_quiet(metric: str) -> None:
    batches, breaches, requests = quiet(1, 2, 5, metric)
    assert batches == 50 and breaches <= 4 and requests == 0


def test_concept_with_few_positives_is_found() -> None:
    waited = found_after(1, 8, "roc_auc") + found_after(1, 8, "f1")
    assert sum(after <= 6 for after in waited) >= 12
