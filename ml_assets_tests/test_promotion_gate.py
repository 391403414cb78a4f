"""Equal models are not promoted, better ones are, and too few rows are said to be too few."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml_assets.promotion.gate import decide_promotion
from ml_assets.recipe.schema import PromotionSection
from ml_assets.records import Evaluation, Promotion, Score


def evaluation(
    metric: str = "accuracy", direction="maximize", score=(0.8, 0.75, 0.85), baseline=0.5, missed=()
):
    value, low, high = score
    return Evaluation(
        metric=metric,
        direction=direction,
        rows=200,
        scores={metric: Score(value=value, low=low, high=high)},
        baseline={metric: baseline},
        targets_missed=missed,
    )


def classifiers(rng, rows: int, champion: float, challenger: float, common: float = 0.7):
    """True labels and two classifiers of given accuracies that share part of their luck."""
    y = pd.Series(np.where(rng.random(rows) < 0.5, "no", "yes"), dtype=object)
    luck, own = rng.random(rows), rng.random((2, rows))
    shared = rng.random(rows) < common
    other = np.where(y == "no", "yes", "no")
    return y, *(
        pd.DataFrame({"prediction": np.where(np.where(shared, luck, mine) < accuracy, y, other)})
        for mine, accuracy in zip(own, (champion, challenger), strict=True)
    )


def decide(
    y, champion, challenger, metric="accuracy", direction="maximize", blocks=None, **section
) -> Promotion:
    return decide_promotion(
        y, champion, challenger, metric, direction, PromotionSection(**section), evaluation(), 0, blocks
    )


def test_equal_models_are_rarely_promoted() -> None:
    rng = np.random.default_rng(0)
    outcomes = [decide(*classifiers(rng, 300, 0.8, 0.8)).outcome for _ in range(200)]
    assert outcomes.count("promote") / 200 <= 0.04  # 2.5 % expected


@pytest.mark.parametrize("differing", range(1, 6))
def test_a_handful_of_differing_rows_promotes_nobody(differing: int) -> None:
    y, champion, _ = classifiers(np.random.default_rng(1), 1000, 0.8, 0.8)
    wrong = champion.index[champion["prediction"] != y][:differing]
    challenger = champion.copy()
    challenger.loc[wrong, "prediction"] = y[wrong]
    assert decide(y, champion, challenger).outcome != "promote"


def test_two_points_more_is_promoted_and_two_less_never() -> None:
    rng = np.random.default_rng(2)
    better = [decide(*classifiers(rng, 5000, 0.80, 0.82)).outcome for _ in range(20)]
    worse = [decide(*classifiers(rng, 5000, 0.80, 0.78)).outcome for _ in range(20)]
    assert better.count("promote") >= 16 and "keep" not in better
    assert worse.count("promote") == 0 and worse.count("keep") >= 16


def numbers(rng, rows: int, champion: float, challenger: float):
    y = pd.Series(rng.normal(size=rows))
    return y, *(
        pd.DataFrame({"prediction": y + rng.normal(size=rows) * error}) for error in (champion, challenger)
    )


def test_of_errors_the_smaller_is_better() -> None:
    rng = np.random.default_rng(3)
    smaller = decide(*numbers(rng, 2000, 1.0, 0.8), "rmse", "minimize")
    larger = decide(*numbers(rng, 2000, 0.8, 1.0), "rmse", "minimize")
    assert smaller.outcome == "promote" and smaller.gain == pytest.approx(0.2, abs=0.05)
    assert larger.outcome == "keep" and larger.gain == pytest.approx(-0.2, abs=0.05)
    with pytest.raises(ValueError, match="rmse is to minimize"):
        decide(*numbers(rng, 2000, 1.0, 0.8), "rmse", "maximize")


def test_undecided_says_how_many_rows_it_takes() -> None:
    rng = np.random.default_rng(4)
    given = classifiers(rng, 200, 0.80, 0.82)
    first = decide(*given)
    assert first.outcome == "inconclusive" and first.rows_needed is not None and first.rows_needed > 200
    assert f"{first.rows_needed:,}" in first.reason
    decided = [decide(*classifiers(rng, 20_000, 0.80, 0.82)).outcome for _ in range(5)]
    assert decided == ["promote"] * 5


def test_below_min_rows_nothing_is_decided() -> None:
    y, champion, challenger = classifiers(np.random.default_rng(5), 200, 0.5, 0.99)
    few = decide(y.where(y.index < 49, None), champion, challenger)
    assert few.outcome == "inconclusive" and few.rows == 49 and few.rows_needed == 50
    assert decide(y.where(y.index < 50, None), champion, challenger).outcome == "promote"


def test_min_gain_is_a_minimum() -> None:
    given = classifiers(np.random.default_rng(6), 5000, 0.80, 0.86)
    assert decide(*given).outcome == "promote"
    assert decide(*given, min_gain=0.10).outcome == "keep"


def test_rows_of_one_block_are_not_independent() -> None:
    """Ten days, the better model decided by the day: equal models that rows alone would tell apart."""
    rng = np.random.default_rng(7)
    by_rows = by_days = 0
    for _ in range(60):
        days = np.repeat(np.arange(10), 100)
        lead = rng.normal(scale=0.1, size=10)[days]
        y = pd.Series(["yes"] * 1000, dtype=object)
        sides = [
            pd.DataFrame({"prediction": np.where(rng.random(1000) < 0.7 + sign * lead, "yes", "no")})
            for sign in (1, -1)
        ]
        by_rows += decide(y, *sides).outcome == "promote"
        by_days += decide(y, *sides, blocks=days).outcome == "promote"
    assert by_rows >= 10 and by_days <= 5


def test_identical_models_keep_the_champion() -> None:
    y, champion, _ = classifiers(np.random.default_rng(8), 500, 0.8, 0.8)
    same = decide(y, champion, champion)
    assert same.outcome == "keep" and same.gain == 0.0 and "predict the same" in same.reason


def test_constant_or_broken_output_is_refused() -> None:
    y, champion, challenger = classifiers(np.random.default_rng(9), 500, 0.3, 0.9)
    constant = decide(y, champion, challenger.assign(prediction="yes"))
    assert constant.outcome == "keep" and "same answer" in constant.reason
    values = pd.Series(np.arange(100.0))
    broken = pd.DataFrame({"prediction": values.where(values != 5)})
    refused = decide(values, broken.fillna(0) * 0, broken, "rmse", "minimize")
    assert refused.outcome == "keep" and "finite" in refused.reason


def test_probabilities_are_compared_for_auc() -> None:
    rng = np.random.default_rng(10)
    y = pd.Series(np.where(rng.random(3000) < 0.3, "yes", "no"), dtype=object)

    def model(signal: float) -> pd.DataFrame:
        chance = 1 / (1 + np.exp(-(signal * (y == "yes") + rng.normal(size=3000))))
        return pd.DataFrame({"prediction": "no", "probability_no": 1 - chance, "probability_yes": chance})

    weak, strong = model(0.5), model(1.0)
    assert decide(y, weak, strong, "roc_auc").outcome == "promote"
    assert decide(y, strong, weak, "roc_auc").outcome == "keep"
    undefined = decide(pd.Series(["no"] * 3000), weak, strong, "roc_auc")
    assert undefined.outcome == "inconclusive" and "undefined" in undefined.reason


def test_rows_must_be_the_same_rows() -> None:
    y, champion, challenger = classifiers(np.random.default_rng(11), 100, 0.8, 0.8)
    with pytest.raises(ValueError, match="same rows"):
        decide(y, champion, challenger[::-1])


@pytest.mark.parametrize(
    ("judged", "outcome"),
    [
        (evaluation(), "promote"),
        (evaluation(baseline=0.77), "inconclusive"),
        (evaluation(baseline=0.81), "keep"),
        (evaluation(missed=("accuracy 0.8 is below its target 0.9",)), "keep"),
        (evaluation("rmse", "minimize", (50.0, 45.0, 55.0), 70.0), "promote"),
        (evaluation("rmse", "minimize", (50.0, 45.0, 55.0), 52.0), "inconclusive"),
        (evaluation("rmse", "minimize", (50.0, 45.0, 55.0), 40.0), "keep"),
    ],
)
def test_first_model_must_beat_the_baseline_and_its_targets(judged: Evaluation, outcome: str) -> None:
    y = pd.Series([1.0, 2.0, 3.0])
    predictions = pd.DataFrame({"prediction": [1.0, 2.0, 4.0]})
    answer = decide_promotion(
        y, None, predictions, judged.metric, judged.direction, PromotionSection(), judged, 0
    )
    assert answer.outcome == outcome
    assert (answer.rows_needed is not None) == (outcome == "inconclusive")


def test_missed_targets_stop_a_better_challenger() -> None:
    y, champion, challenger = classifiers(np.random.default_rng(12), 1000, 0.6, 0.8)
    missed = evaluation(missed=("accuracy 0.8 is below its target 0.9",))
    answer = decide_promotion(y, champion, challenger, "accuracy", "maximize", PromotionSection(), missed, 0)
    assert answer.outcome == "keep" and "0.9" in answer.reason


def test_same_rows_same_answer() -> None:
    given = classifiers(np.random.default_rng(13), 500, 0.8, 0.83)
    assert decide(*given) == decide(*given)
