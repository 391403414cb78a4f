"""How fast a model ages, and what a challenger must show for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.promotion.ageing import ageing_of, usable
from ml_assets.promotion.burden import HARM, RULED_OUT, SHORT, burden
from ml_assets.promotion.judged import Judged, Past
from ml_assets.promotion.paired import Paired
from ml_assets.recipe.schema import PromotionSection
from ml_assets.records import Comparison

METRIC = "accuracy"
EMPTY = pd.DataFrame()


def told(
    gain: float, age: float = 1.0, error: float = 0.01, index: int = 10, metric: str = METRIC
) -> Comparison:
    return Comparison(index=index, age=age, metric=metric, gain=gain, error=error, score=0.8)


def result(gain: float, error: float = 0.01) -> Paired:
    return Paired(first=0.8, second=0.8 + gain, gain=gain, error=error, rows=1000, differing=100, freedom=99)


def passes(
    found: Paired, when: str, comparisons: tuple[Comparison, ...] = (), age: float = 1.0, looks: int = 0
) -> bool:
    judged = Judged(pd.Series(dtype=float), EMPTY, EMPTY, looks=looks, past=Past(comparisons, 10, age))
    return burden(found, judged, METRIC, PromotionSection.model_validate({"when": when})).passed


GAINED = tuple(told(0.02) for _ in range(8))
GAINED_NOTHING = tuple(told(gain) for gain in (0.01, -0.01, 0.005, -0.005, 0.0, 0.0))


@pytest.mark.parametrize("spread", [0.0, 0.02])
def test_loss_and_spread_are_those_that_made_the_comparisons(spread: float) -> None:
    random = np.random.default_rng(0)
    made = [
        told(0.004 * age + random.normal(0, np.hypot(0.01, spread * np.sqrt(age))), age)
        for age in random.choice([1, 2, 4, 8], 120)
    ]
    found = ageing_of(made, 10, METRIC)
    assert found is not None and found.sure
    assert abs(found.loss - 0.004) < 3 * found.error and found.error < 0.002
    assert found.spread == pytest.approx(spread, abs=0.005)


def test_what_says_nothing_does_not_count() -> None:
    odd = [told(9.0, error=0.0), told(9.0, age=0.0), told(9.0, metric="rmse"), told(9.0, error=np.inf)]
    assert usable([*odd, told(0.01)], METRIC) == [told(0.01)]
    assert ageing_of(odd, 10, METRIC) is None


def test_old_comparisons_count_less() -> None:
    turned = [*(told(-0.02, index=0) for _ in range(8)), *(told(0.02, index=300) for _ in range(8))]
    then, later = ageing_of(turned[:8], 0, METRIC), ageing_of(turned, 300, METRIC)
    assert then is not None and later is not None
    assert then.loss < 0 < later.loss


@pytest.mark.parametrize(
    ("comparisons", "gain", "passed"),
    [
        ((), 0.02, False),  # 2 standard errors: no proof
        ((), 0.03, True),
        (GAINED, 0.02, True),
        (GAINED, 0.011, True),  # rather better than worse, and half of what those before gained
        (GAINED, 0.009, False),
        (GAINED, -0.01, False),
        (GAINED_NOTHING, 0.0, False),
        (tuple(told(-0.02) for _ in range(8)), 0.01, False),
    ],
)
def test_auto_asks_for_proof_until_newer_models_have_gained(
    comparisons: tuple[Comparison, ...], gain: float, passed: bool
) -> None:
    assert passes(result(gain), "auto", comparisons) is passed


gains = st.floats(-0.1, 0.1)
histories = st.lists(st.builds(told, gains, st.sampled_from([0.5, 1.0, 4.0])), max_size=12).map(tuple)


@settings(max_examples=200, deadline=None)
@given(histories, gains, st.floats(0.001, 0.05), st.integers(0, 3))
def test_auto_passes_what_is_better_by_itself_and_nothing_that_is_surely_worse_for_all_that_is_known(
    comparisons: tuple[Comparison, ...], gain: float, error: float, looks: int
) -> None:
    found = result(gain, error)
    if passes(found, "better", looks=looks):
        assert passes(found, "auto", comparisons, looks=looks)
    known = ageing_of(comparisons, 10, METRIC)
    spread = known.spread if known is not None else 0.0
    if gain + 2 * np.hypot(error, spread) < 0:
        assert not passes(found, "auto", comparisons, looks=looks)


@given(st.floats(0.001, 0.05), st.floats(0.001, 0.1), st.floats(-0.1, 0.1))
def test_own_rows_must_show_half_of_what_those_before_gained_or_as_much_as_four_in_five_or_rule_out_harm(
    before: float, error: float, gain: float
) -> None:
    found, known = result(gain, error), tuple(told(before) for _ in range(8))
    if passes(found, "auto", known) and not passes(found, "better"):
        harmless = RULED_OUT * error - HARM * 0.8
        assert gain >= min(before / 2, before - SHORT * error, harmless) - 1e-9


def often(gain: float, rows: int, before: float) -> float:
    """Share of 1,000 challengers that pass after six others; of the rows .1 are told apart by two models."""
    random = np.random.default_rng(0)
    passed = 0
    for _ in range(1000):
        known = tuple(
            told(random.normal(before, 0.0101), error=0.0101, index=place) for place in range(4, 10)
        )
        error = np.sqrt(0.1 / rows)
        passed += passes(result(random.normal(gain, error), error), "auto", known)
    return passed / 1000


def test_one_that_is_truly_a_point_worse_hardly_ever_passes_where_rows_can_tell() -> None:
    assert often(-0.01, 1000, before=0.0) <= 0.01
    assert all(
        often(-0.01, rows, before=0.02) <= 0.015 for rows in (2000, 5000, 20_000)
    )  # 1 %, and its error
    assert often(0.02, 1000, before=0.02) >= 0.80


def test_one_that_gains_less_than_hoped_passes_where_its_rows_rule_out_a_loss_of_a_point() -> None:
    doubtful = tuple(told(gain) for gain in (0.04, 0.0, 0.03, 0.0, 0.02, 0.0))
    assert passes(result(0.004, 0.006), "auto", GAINED) and not passes(result(0.004, 0.006), "auto", doubtful)
    assert not passes(result(0.003, 0.006), "auto", GAINED), "a loss of a point is possible"
    assert not passes(result(-0.001, 0.002), "auto", GAINED), "rather worse than better"


def test_challenger_that_has_learned_nothing_more_is_asked_for_proof() -> None:
    assert not passes(result(0.0), "auto", GAINED, age=0.0) and passes(result(0.03), "auto", GAINED, age=0.0)
