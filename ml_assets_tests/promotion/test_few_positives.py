"""With few rows of a class nobody is promoted or rolled back by chance, and the reason says what is missing."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.trust.few_positives import METRICS, answers, first_models, labels, promoted
from ml_assets.promotion.gate import decide_promotion
from ml_assets.promotion.judged import Judged, Measure
from ml_assets.promotion.probation import decide_probation
from ml_assets.recipe.schema import PromotionSection
from ml_assets.records import Evaluation, Promotion, Score


def decide(seen: Judged, metric: str, when="better") -> Promotion:
    blank = Evaluation(metric=metric, direction="maximize", rows=300, scores={}, baseline={})
    return decide_promotion(
        seen, Measure(metric, "maximize", positive="yes"), PromotionSection(when=when), blank
    )


@pytest.mark.parametrize("when", ["better", "not_worse"])
def test_few_of_a_class_decide_nothing_and_are_counted(when) -> None:
    rng = np.random.default_rng(0)
    for positives in (9, 10):
        yes = rng.permutation(300) < positives
        worse, better = (answers(rng, yes, area, rng.normal(size=300)) for area in (0.55, 0.999))
        for metric in ("roc_auc", "pr_auc", "f1"):
            found = decide(Judged(labels(yes), worse, better), metric, when)
            few = "of 300 rows only 9 are of the class 'yes': too few" in found.reason
            assert (found.outcome == "inconclusive") == few == (positives == 9)
            assert found.outcome == "promote" or found.rows_needed == 334
    assert decide(Judged(labels(yes), worse, worse.copy()), "roc_auc").outcome == "keep"


@pytest.mark.parametrize("positives", [5, 12])
def test_equal_models_with_few_positives_stay(positives: int) -> None:
    found = promoted(1, 60, positives)
    assert all(found[metric] <= 4 for metric in METRICS)  # 0.75 expected


def test_few_of_a_class_are_watched_on() -> None:
    rng = np.random.default_rng(0)
    outcomes = []
    for positives in (9, 10):
        yes = rng.permutation(300) < positives
        before, now = (answers(rng, yes, area, rng.normal(size=300)) for area in (0.999, 0.5))
        seen = Judged(labels(yes), before, now)
        found = decide_probation(
            seen, Measure("roc_auc", "maximize", "yes"), PromotionSection(), ["a", "b"], 2, 1
        )
        outcomes.append(found.outcome)
        assert ("only 9 are of the class 'yes'" in found.reason) == (positives == 9)
    assert outcomes == ["watching", "rollback"]


@pytest.mark.parametrize("positives", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_a_first_model_that_knows_nothing_is_not_put_in_charge_and_one_that_knows_is(positives: int) -> None:
    """Of 60; without the test of chance 5 of those that know nothing passed by roc_auc at 3 positives."""
    nothing, knows = first_models(1, 60, positives), first_models(1, 20, positives, knows=True)
    assert all(hits <= 4 for hits in nothing.values())  # 1.5 expected
    assert knows["roc_auc"] >= 14


def test_words_of_a_first_model_say_what_chance_does() -> None:
    rng = np.random.default_rng(3)
    yes = rng.permutation(60) < 3
    y, answered = labels(yes), answers(rng, rng.permutation(yes), 0.9, rng.normal(size=60))
    score = Score(value=0.8, low=0.6, high=0.95)
    seen = Evaluation(
        metric="roc_auc", direction="maximize", rows=60, scores={"roc_auc": score}, baseline={"roc_auc": 0.5}
    )
    found = decide_promotion(
        Judged(y, None, answered), Measure("roc_auc", "maximize", "yes"), PromotionSection(), seen
    )
    assert found.outcome == "inconclusive"
    assert "with 3 rows of the class 'yes', answers that know nothing score as well in " in found.reason
