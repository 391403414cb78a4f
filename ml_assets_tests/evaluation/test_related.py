"""Intervals of a hold-out whose rows belong together: as wide as the scores of other owners' rows lie apart."""

from typing import Any

import numpy as np
import pandas as pd

from ml_assets.evaluation.evaluate import evaluate, of_related
from ml_assets.monitoring.profile import losses_design
from ml_assets.records import Evaluation, Score
from ml_assets_tests.support.training_examples import recipe_of

RECIPE = recipe_of(interface={"entity_cols": ["who"]}, evaluation={"metrics": ["accuracy", "roc_auc"]})
PEOPLE, EACH = 40, 10


def judged(rng: np.random.Generator, each: int, related: bool = True) -> tuple[Evaluation, float]:
    """A model that is sure of some people and wrong of others, whatever the row."""
    known = rng.random(PEOPLE)[np.repeat(np.arange(PEOPLE), each)] < 0.8
    truth = rng.random(len(known)) < 0.5
    share = np.where(truth == known, 0.7, 0.3) + rng.normal(0, 0.05, len(known))
    rows = pd.DataFrame(
        {"who": np.repeat(np.arange(PEOPLE), each).astype(str), "target": np.where(truth, "yes", "no")}
    )
    said: dict[str, Any] = {"prediction": np.where(share >= 0.5, "yes", "no")}
    predictions = pd.DataFrame(said | {"probability_no": 1 - share, "probability_yes": share})
    found = evaluate(RECIPE, rows["target"], predictions, rows["target"], metric="accuracy")
    design = losses_design(RECIPE, rows if related else rows.drop(columns="who"), predictions)
    return of_related(found, design), design


def test_an_interval_of_95_percent_holds_the_truth_as_often() -> None:
    held, plain = [], []
    for seed in range(150):
        score = judged(np.random.default_rng(seed), EACH)[0].scores["accuracy"]
        alone = judged(np.random.default_rng(seed), EACH, related=False)[0].scores["accuracy"]
        held.append(score.low <= 0.8 <= score.high)
        plain.append(alone.low <= 0.8 <= alone.high)
    assert np.mean(held) >= 0.9
    assert np.mean(plain) < 0.7, "rows taken for independent witnesses"


def test_all_intervals_are_widened_and_stay_what_a_metric_can_be() -> None:
    found, design = judged(np.random.default_rng(1), EACH)
    assert 6 < design < 14 and found.design == design
    for score in found.scores.values():
        assert 0 <= score.low <= score.value <= score.high <= 1
        assert score.high - score.low > 0.15
    assert all(
        0 <= low <= high <= 1 for each in found.class_intervals.values() for low, high in each.values()
    )
    alone, one = judged(np.random.default_rng(1), 1)
    assert one == 1.0 and alone.design == 1.0


def test_an_error_does_not_end_below_nothing() -> None:
    evaluation = Evaluation(
        metric="rmse",
        direction="minimize",
        rows=9,
        scores={"rmse": Score(value=1.0, low=0.5, high=2.0)},
        baseline={},
    )
    assert of_related(evaluation, 9.0).scores["rmse"] == Score(value=1.0, low=0.0, high=4.0)


def test_a_score_of_the_positive_class_has_one_interval() -> None:
    rng = np.random.default_rng(0)
    truth, share = rng.random(200) < 0.5, rng.random(200)
    said: dict[str, Any] = {"prediction": np.where(share >= 0.5, "yes", "no")}
    predictions = pd.DataFrame(said | {"probability_no": 1 - share, "probability_yes": share})
    y = pd.Series(np.where(truth, "yes", "no"))
    recipe = recipe_of(evaluation={"metrics": ["precision", "recall", "f1"]})
    found = evaluate(recipe, y, predictions, y)
    for name in ("precision", "recall", "f1"):
        score = found.scores[name]
        assert found.class_intervals["yes"][name] == (score.low, score.high)
