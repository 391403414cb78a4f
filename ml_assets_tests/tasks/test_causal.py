"""Qini and AUUC: the published formula on an example by hand, and laws on made rows whose effect is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.evaluation.curves import curves
from ml_assets.tasks.base import Effects
from ml_assets.tasks.causal import CAUSAL, transformed
from ml_assets.tasks.influence import rarest
from ml_assets.tasks.metrics import METRICS as METRIC
from ml_assets.tasks.metrics import evaluate_counts, labelled, score
from ml_assets_tests.support.calls import calls

METRICS = ("qini", "auuc")


def rows(count: int, seed: int, unit: float = 1.0, zero: float = 0.0) -> tuple[pd.DataFrame, np.ndarray]:
    """Outcome and treatment of made rows, and the true effect; with a unit the outcome is an amount."""
    frame = calls(count, seed)
    bought = frame["bought"].to_numpy(float)
    if unit != 1.0 or zero:
        bought = zero + unit * (bought + np.random.default_rng(seed).normal(0, 0.3, count))
    treated = (frame["called"] == "yes").astype(float)
    return pd.DataFrame({"bought": bought, "called": treated}), frame["effect"].to_numpy()


def scored(metric: str, y: pd.DataFrame, by: np.ndarray) -> float:
    return score(metric, y, pd.DataFrame({"prediction": by}), None)


def test_qini_and_auuc_of_six_rows_by_hand() -> None:
    """Treated 1, control 0 in the order of the prediction; outcomes beside them."""
    y = pd.DataFrame({"bought": [1, 0, 1, 1, 0, 0], "called": [1, 0, 1, 0, 0, 1]}, dtype=float)
    by = np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    # After each row: outcomes of treated less those of control times treated per control (0 without control).
    ours = [1, 1 - 0, 2 - 0, 2 - 1 * 2 / 2, 2 - 1 * 2 / 3, 2 - 1 * 3 / 3]
    # Best order: both treated that bought, one tie of the four between, the control that bought is last.
    best = [(2, 2 - 0), (5, 2 - 0 * 3 / 2), (6, 2 - 1 * 3 / 3)]
    area = np.trapezoid([0, *ours], range(7))
    of_best = np.trapezoid([0, *(height for _, height in best)], [0, *(end for end, _ in best)])
    random = ours[-1] * 6 / 2
    assert scored("qini", y, by) == pytest.approx((area - random) / (of_best - random))
    lifts = [1 - 0, 1 - 0, 1 - 0, 1 - 1 / 2, 1 - 1 / 3, 2 / 3 - 1 / 3]
    heights = [lift * k / 6 for k, lift in enumerate(lifts, start=1)]
    assert scored("auuc", y, by) == pytest.approx(np.trapezoid([0, *heights], np.arange(7) / 6))
    (curve,) = curves(CAUSAL.labelled(y, pd.DataFrame({"prediction": by}), None))
    assert curve.y == pytest.approx([0, *(height / 3 for height in ours)], abs=1e-4)


@pytest.mark.parametrize(("unit", "zero"), [(1.0, 0.0), (40.0, 900.0)])
def test_true_effect_is_best_and_random_and_constant_know_nothing(unit: float, zero: float) -> None:
    found = []
    for seed in range(12):
        y, effect = rows(1500, seed, unit, zero)
        random = np.random.default_rng(seed)
        dealt = random.permutation(effect)
        half = effect + random.normal(0, effect.std(), len(effect))
        found.append([scored("qini", y, by) for by in (effect, half, dealt, -effect)])
        assert scored("qini", y, np.full(len(y), 0.3)) == pytest.approx(0, abs=1e-12)
    true, half_true, none, reversed_ = np.mean(found, axis=0)
    error = np.std([each[2] for each in found]) / np.sqrt(len(found))
    assert true > half_true > 4 * error and abs(none) < 4 * error and reversed_ < -4 * error
    assert true <= 1


@given(st.integers(0, 50), st.floats(0.01, 50), st.floats(-50, 50))
@settings(max_examples=15, deadline=None)
def test_only_the_order_of_predictions_counts_and_no_unit_of_the_outcome(
    seed: int, a: float, b: float
) -> None:
    y, effect = rows(200, seed, 3.0)
    by = effect.round(2)
    for metric in METRICS:
        once = scored(metric, y, by)
        assert scored(metric, y, np.exp(3 * by)) == pytest.approx(once, rel=1e-9)
    other = y.assign(bought=a * y["bought"] + b)
    assert scored("qini", other, by) == pytest.approx(scored("qini", y, by), rel=1e-6)
    assert scored("auuc", other, by) == pytest.approx(a * scored("auuc", y, by), rel=1e-6, abs=1e-9)
    shuffled = np.random.default_rng(seed).permutation(len(y))
    assert scored("qini", y.iloc[shuffled], by[shuffled]) == pytest.approx(scored("qini", y, by))


@pytest.mark.parametrize("metric", METRICS)
def test_counts_are_rows_that_are_there_so_often(metric: str) -> None:
    y, effect = rows(50, 1)
    by = pd.DataFrame({"prediction": effect.round(1)})
    counts = np.random.default_rng(0).integers(0, 3, (5, 50))
    got = evaluate_counts(METRIC[metric], labelled(y, by, "causal", None), counts * 1.0)
    again = [score(metric, y.loc[y.index.repeat(row)], by.loc[by.index.repeat(row)], None) for row in counts]
    assert got == pytest.approx(again)


def test_one_arm_is_undefined_and_a_row_counts_once_both_are_known() -> None:
    y, effect = rows(60, 0)
    assert np.isnan(scored("qini", y.assign(called=1.0), effect))
    gone = y.assign(bought=y["bought"].mask(y.index < 10), called=y["called"].mask(y.index > 50))
    assert scored("qini", gone, effect) == scored("qini", y.iloc[10:51], effect[10:51])


def test_transformed_outcome_has_the_effect_for_its_mean() -> None:
    y, effect = rows(40_000, 3)
    told = transformed(Effects(y["bought"].to_numpy(), effect, y["called"].to_numpy() > 0))
    for part in (effect < -0.1, effect > 0.2):
        error = told[part].std() / np.sqrt(part.sum())
        assert told[part].mean() == pytest.approx(effect[part].mean(), abs=4 * error)


def test_rarest_outcome_of_an_arm_is_what_a_score_leans_on() -> None:
    treated = np.arange(100) < 60
    of = Effects(np.where(np.arange(100) % 10 == 0, 1.0, 0.0), np.zeros(100), treated)
    assert rarest(of) == ("control, 1", 4)
    assert rarest(Effects(np.arange(100) / 7, np.zeros(100), treated)) == ("control", 40)


def test_strata_are_arms_and_outcomes() -> None:
    y = pd.DataFrame({"bought": [0.0, 1.0, 0.0], "called": [1.0, 1.0, 0.0]})
    assert CAUSAL.strata is not None
    assert CAUSAL.strata(y).nunique() == 3
    assert CAUSAL.strata(y.assign(bought=[0.5, 1.0, 2.0])).nunique() == 2
    assert CAUSAL.lacks(y) is None and "needs both arms" in str(CAUSAL.lacks(y.iloc[:2]))
