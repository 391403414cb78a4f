"""What is chosen of the families' bests: a blend whose gain is sure or not small, else the plainest that is as good."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml_assets.estimators.families import families
from ml_assets.search.blending import BLOCKS, PLAINEST, Judge, choose, greedy, in_blocks, mixed

RNG = np.random.default_rng(0)
TRUTH = [pd.Series(RNG.normal(size=200)) for _ in range(5)]
JUDGE = Judge("rmse", None, TRUTH)


def guesses(noise: float, seed: int, shift: float = 0.0) -> list[pd.DataFrame]:
    rng = np.random.default_rng(seed)
    return [
        pd.DataFrame({"prediction": y + shift + noise * rng.normal(size=len(y))}, index=y.index)
        for y in TRUTH
    ]


def test_two_that_err_independently_are_blended() -> None:
    chosen = choose({"linear": guesses(1.0, 1), "xgboost": guesses(1.0, 2)}, JUDGE)
    assert set(chosen.weights) == {"linear", "xgboost"}
    assert sum(chosen.weights.values()) == pytest.approx(1.0)
    assert np.mean(chosen.scores) == pytest.approx(np.sqrt(0.5), abs=0.05)
    assert "surely better" in chosen.why


def test_the_plainer_one_is_taken_where_nothing_is_surely_better() -> None:
    same = guesses(1.0, 1)
    nearly = [frame + 1e-3 * np.random.default_rng(9).normal(size=(200, 1)) for frame in same]
    chosen = choose({"forest": same, "linear": nearly}, JUDGE)
    assert chosen.weights == {"linear": 1.0}


def test_a_gain_that_is_not_sure_and_not_small_is_taken() -> None:
    """Each family fails on another fold: the blend gains much on the mean, and loses on most folds."""
    truth = [pd.Series(np.linspace(0.0, 1.0, 50)) for _ in range(3)]
    errors = {"linear": (1.0, 1.0, 4.0), "xgboost": (1.8, 1.8, -2.6)}
    found = {
        name: [pd.DataFrame({"prediction": y + error}) for y, error in zip(truth, each, strict=True)]
        for name, each in errors.items()
    }
    chosen = choose(found, Judge("rmse", None, truth))
    gains = np.asarray(Judge("rmse", None, truth).scores(found["linear"])) - np.asarray(chosen.scores)
    assert np.mean(gains) < np.std(gains, ddof=1) / np.sqrt(3)
    assert len(chosen.weights) == 2
    assert "not sure" in chosen.why


def test_what_is_far_better_is_taken_alone() -> None:
    chosen = choose({"linear": guesses(5.0, 1), "xgboost": guesses(0.1, 2)}, JUDGE)
    assert chosen.weights == {"xgboost": 1.0}


def test_several_targets_are_never_blended() -> None:
    found = {"linear": guesses(1.0, 1), "xgboost": guesses(1.0, 2)}
    assert len(choose(found, JUDGE, blend=False).weights) == 1


def test_a_blend_is_no_worse_than_the_best_of_its_members_on_the_folds() -> None:
    found = {name: guesses(1.0 + k / 3, k) for k, name in enumerate(("linear", "xgboost", "mlp"))}
    best = min(found, key=lambda name: np.mean(JUDGE.scores(found[name])))
    weights = greedy(found, JUDGE, best)
    assert np.mean(JUDGE.scores(mixed(found, weights))) <= np.mean(JUDGE.scores(found[best]))
    assert list(weights.values()) == sorted(weights.values(), reverse=True)


def test_of_classes_the_shares_are_averaged_and_the_largest_is_the_class() -> None:
    one = pd.DataFrame({"prediction": ["a", "b"], "probability_b": [0.4, 0.9], "probability_a": [0.6, 0.1]})
    two = pd.DataFrame({"prediction": ["b", "a"], "probability_b": [0.8, 0.2], "probability_a": [0.2, 0.8]})
    (blend,) = mixed({"one": [one], "two": [two]}, {"one": 1, "two": 1})
    assert list(blend.columns) == list(one.columns)
    assert blend["probability_a"].tolist() == pytest.approx([0.4, 0.45])
    assert blend["prediction"].tolist() == ["b", "b"]


def test_one_fold_is_parted_into_blocks_that_hold_every_row_once_and_all_classes() -> None:
    truth = pd.Series(["a"] * 40 + ["b"] * 7 + ["c"] * 5, index=range(100, 152))
    guess = pd.DataFrame({"prediction": truth})
    blocks, found = in_blocks(truth, {"linear": guess})
    assert len(blocks) == BLOCKS
    assert sorted(place for each in blocks for place in each.index) == list(truth.index)
    for y, frame in zip(blocks, found["linear"], strict=True):
        assert set(y) == {"a", "b", "c"}
        assert frame["prediction"].tolist() == y.tolist()
    assert len(in_blocks(truth.iloc[:-3], {"linear": guess.iloc[:-3]})[0]) == 2
    assert len(in_blocks(pd.Series(RNG.permutation(9)), {})[0]) == BLOCKS


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_it_is_known_of_every_family_how_plain_it_is(task: str) -> None:
    assert set(families(task)) <= set(PLAINEST)
