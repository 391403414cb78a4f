"""On live labels a worse champion is rolled back, an equal one stays, and few rows prove nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.trust.gate import classifiers, flapping
from ml_assets.promotion.judged import Judged, Measure
from ml_assets.promotion.probation import decide_probation
from ml_assets.recipe.schema import PromotionSection
from ml_assets.records import Probation


def decide(champion: float, previous: float, rows: int, *, batches: int = 1, seed: Any = 0) -> Probation:
    pair = classifiers(np.random.default_rng(seed), previous, champion, rows=rows)
    return decide_probation(
        Judged(pair.y, pair.champion, pair.challenger),
        Measure("accuracy", "maximize", positive=None),
        PromotionSection(probation=2),
        [f"b{number}" for number in range(batches)],
        2,
        1,
    )


def test_bad_champion_is_rolled_back_at_its_first_labels() -> None:
    outcomes = [decide(0.7, 0.8, 500, seed=seed).outcome for seed in range(40)]
    assert outcomes.count("rollback") >= 38


def test_equal_champion_is_rolled_back_as_rarely_as_promised() -> None:
    """Two looks, each with half of 2.5 %."""
    rolled_back = 0
    for seed in range(300):
        pair = classifiers(np.random.default_rng([1, seed]), 0.8, 0.8, rows=1000)
        for batches, rows in ((1, 500), (2, 1000)):
            part = Judged(pair.y[:rows], pair.champion[:rows], pair.challenger[:rows])
            labels = ["a", "b"][:batches]
            decision = decide_probation(
                part, Measure("accuracy", "maximize", positive=None), PromotionSection(), labels, 2, 1
            )
            if decision.outcome == "rollback":
                rolled_back += 1
                break
    assert rolled_back <= 15  # 7.5 expected at most; a test at 5 % a look has 28


def test_better_champion_passes_and_probation_ends() -> None:
    assert decide(0.85, 0.8, 500, batches=1).outcome == "watching"
    passed = decide(0.85, 0.8, 500, batches=2)
    assert passed.outcome == "passed" and "probation is over" in passed.reason
    assert passed.loss is not None and passed.loss < 0
    assert "gain +0.0" in passed.reason


def test_few_labels_are_watched_on() -> None:
    few = decide(0.1, 0.9, 49, batches=2)
    assert few.outcome == "watching" and "min_rows is 50" in few.reason
    assert decide(0.1, 0.9, 50, batches=2).outcome == "rollback"


def test_reason_names_both_versions_and_scores() -> None:
    decision = decide(0.7, 0.8, 500)
    assert decision.champion_score is not None and decision.previous_score is not None
    assert f"version 2 has {decision.champion_score:.4g}" in decision.reason
    assert f"version 1 would have had {decision.previous_score:.4g}" in decision.reason


def test_flapping_metric_with_challengers_that_tie_trains_within_the_budget() -> None:
    for seed in range(3):
        trained, allowed = flapping(np.random.default_rng(seed))
        assert (
            2 <= trained <= 12 < allowed
        )  # two, then one for each pause of 12 batches; the budget alone: 36
