"""When a challenger is due by age, and the refits that tell before there was one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.promotion.ageing import Ageing
from ml_assets.promotion.judged import Measure
from ml_assets.recipe import Recipe
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.schema import Monitoring, Retraining, Training
from ml_assets.records import Attempt, BatchEvidence, Champion, Comparison, History
from ml_assets.retraining.ageing import FITS, LEAST, MOST, due, newest_judge, refit_comparisons
from ml_assets.retraining.pictures import ageing_curve
from ml_assets.retraining.policy import ageing_words, decide_retrain

MEASURE = Measure("rmse", "minimize", None)


def known(loss: float, error: float = 0.0001) -> Ageing:
    return Ageing(loss=loss, error=error, spread=0.0, score=0.8, count=9)


def told(index: int, gain: float, age: float = 1.0) -> Comparison:
    return Comparison(index=index, age=age, metric="roc_auc", gain=gain, error=0.001, score=0.8)


def history(index: int, comparisons: Sequence[Comparison], tried: Sequence[int] = ()) -> History:
    return History(
        recipe="sales",
        batches=(BatchEvidence(batch=f"b{index:03}", index=index),),
        attempts=tuple(Attempt(batch_index=each, outcome="keep", at="") for each in tried),
        champion=Champion(version=1, as_of_index=0, trained_at=""),
        comparisons=tuple(comparisons),
        metric="roc_auc",
    )


def recipe_with(max_age: Any) -> Recipe:
    return parse_recipe(
        "name: sales\nmodel:\n  loader: {source_uri: 'a/*.csv'}\n"
        "  data_interface: {task_type: classification, target_col: y}\n"
        f"batches: {{column: day, period: daily}}\nretraining: {{max_age: {max_age}}}\n"
    )


def test_a_model_that_loses_more_is_due_earlier_and_never_too_early_or_too_late() -> None:
    ages = [due(known(loss), "roc_auc", [0, 100]).age for loss in (1.0, 0.001, 0.0004, 0.0001, 1e-9)]
    assert ages == sorted(ages) and ages[0] == LEAST and ages[-1] == MOST
    assert due(known(0.0001, error=0.00003), "roc_auc", [0, 3]).age == 6  # at most twice the last wait


def test_where_nothing_is_lost_each_wait_is_four_times_the_one_before() -> None:
    tried: list[int] = []
    flat = [told(0, 0.0), told(0, 0.001), told(0, -0.001)]
    for index in range(1, 101):
        decision = decide_retrain(
            "sales", Retraining(), Monitoring(), Training(), history(index, flat, tried), ""
        )
        if decision.retrain:
            assert "is not seen to age" in decision.reasons[0]
            tried.append(index)
    assert list(np.diff([0, *tried])) == [2, 8, 32, 32]


def test_until_a_loss_is_sure_no_wait_is_shorter_than_the_one_before() -> None:
    ages = [due(known(0.0004, error=error), "roc_auc", [0, 8]).age for error in (0.000395, 0.00025, 0.00024)]
    assert ages == [16, 8, 4]  # by a loss of nearly nothing as long as may be; one that is sure: what it says
    assert due(known(0.0004, error=0.0003), "roc_auc", [0]).age == LEAST


def test_a_training_that_surely_gained_halves_the_wait_and_a_gap_is_no_wait() -> None:
    flat = [told(0, 0.0), told(0, -0.001), told(0, 0.001)]
    assert [due(known(0.0), "roc_auc", [0, 8], told(8, gain)).age for gain in (0.0016, 0.0017)] == [32, 4]
    seen = history(40, flat, [2, 30]).model_copy(update={"labels": ((0, 9), (2, 9), (29, 9), (30, 9))})
    assert "due at age 8" in ageing_words(
        recipe_with("auto"), seen
    )  # two batches since the training at 2, not 28


def test_what_ages_surely_is_trained_at_half_of_the_batches_at_most() -> None:
    tried: list[int] = []
    for index in range(1, 101):
        seen = history(index, [told(0, 0.05), told(0, 0.06)], tried)
        if decide_retrain("sales", Retraining(), Monitoring(), Training(), seen, "").retrain:
            tried.append(index)
    assert len(tried) == 50


@pytest.mark.parametrize(
    ("max_age", "retrains", "words"), [("auto", True, "loses 0.2"), (9, False, ""), ("off", False, "")]
)
def test_age_asks_as_the_recipe_says_and_says_it_in_words(max_age: Any, retrains: bool, words: str) -> None:
    seen = history(4, [told(0, 0.05), told(0, 0.05)])
    section = Retraining(max_age=max_age)
    decision = decide_retrain("sales", section, Monitoring(), Training(), seen, "")
    assert decision.retrain is retrains and words in decision.reasons[0]
    assert ("ageing" in decision.evidence) is (max_age == "auto")
    words = ageing_words(recipe_with(max_age), seen)
    assert ("due at age 2, the newest is 4" in words) is (max_age == "auto")


@pytest.mark.parametrize(
    ("count", "window"), [(12, "all"), (12, 4), (40, "auto"), (3, "all"), (2, "all"), (1, 5)]
)
def test_refits_on_history_learn_equally_much_and_never_what_they_judge(count: int, window: Any) -> None:
    batches = [f"b{place:02}" for place in range(count)]
    fits: set[tuple[str, ...]] = set()

    def judge(older: Sequence[str], newer: Sequence[str], batch: str) -> Any:
        fits.update((tuple(older), tuple(newer)))
        assert max(older) < max(newer) < batch
        y = pd.Series(np.arange(40.0))
        off = 1.0 + batches.index(batch) - batches.index(max(older)) + y % 3
        better = 1.0 + batches.index(batch) - batches.index(max(newer)) + y % 2
        return MEASURE.compare(y, *(pd.DataFrame({"prediction": y + each}) for each in (off, better)))

    found = refit_comparisons(batches, window, batches.index, MEASURE.metric, judge)
    assert len(fits) <= FITS and len({len(fit) for fit in fits}) <= 1
    assert bool(found) == (count > 2)
    assert all(each.gain > 0 and each.age in (1, 2, 4) for each in found)


@pytest.mark.parametrize("window", ["all", 4])
def test_each_batch_judges_refits_at_one_training_and_few_are_made_at_the_next(window: Any) -> None:
    batches = [f"b{place:02}" for place in range(30)]
    fits: set[tuple[str, ...]] = set()

    def judge(older: Sequence[str], newer: Sequence[str], batch: str) -> Any:
        fits.update((tuple(older), tuple(newer)))
        y = pd.Series(np.arange(40.0))
        return MEASURE.compare(y, *(pd.DataFrame({"prediction": y + 1 + y % each}) for each in (3, 2)))

    seen: list[Comparison] = []
    for until in (14, 14, 16, 30):
        known, fits = batches[:until], set()
        found = refit_comparisons(known, window, batches.index, MEASURE.metric, judge, newest_judge(seen))
        assert not {each.index for each in found} & {each.index for each in seen} and len(fits) <= FITS
        seen += found
    assert {each.index for each in seen} == {*range(7, 16), *range(23, 30)}


def test_ageing_curve_is_a_small_picture() -> None:
    picture = ageing_curve([told(0, 0.01 * age, age) for age in (1, 2, 4, 8)], "roc_auc")
    assert picture is not None and picture[:4] == b"\x89PNG" and len(picture) < 30_000
    assert ageing_curve([told(0, 0.01)], "rmse") is None
