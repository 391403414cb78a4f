"""A better average that groups of people pay for is not promoted; what widens no gap is not held up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.promotion.gaps import Protected, gap_check
from ml_assets.promotion.gate import decide_promotion
from ml_assets.promotion.judged import Judged, Measure
from ml_assets.quality.groups import groups_of
from ml_assets.recipe.schema import PromotionSection
from ml_assets.records import Evaluation, Gap, Promotion, ProtectedGroups, Score

ACCURACY = Measure("accuracy", "maximize", "yes")
EVALUATION = Evaluation(
    metric="accuracy", direction="maximize", rows=4_000, baseline={"accuracy": 0.5},
    scores={"accuracy": Score(value=0.85, low=0.83, high=0.87)},
)  # fmt: skip


def pair_of(
    rows: int, seed: int, before: dict[str, float], after: dict[str, float], tolerance: float = 0.02
) -> Judged:
    """Two models that are right in a share of each group's rows, mostly in the same ones."""
    generator = np.random.default_rng(seed)
    group = generator.choice(["f", "m"], rows)
    truth, luck = generator.random(rows) < 0.5, generator.random(rows)
    answers = []
    for shares in (before, after):
        own = np.where(generator.random(rows) < 0.85, luck, generator.random(rows))
        told = np.where(own < np.where(group == "f", shares["f"], shares["m"]), truth, ~truth)
        answers.append(pd.DataFrame({"prediction": np.where(told, "yes", "no")}))
    return Judged(
        pd.Series(np.where(truth, "yes", "no")),
        *answers,
        protected=Protected(
            {"sex": groups_of(pd.Series(group), ())}, ("equal_opportunity_difference",), tolerance, 50
        ),
    )


def decided(judged: Judged) -> Promotion:
    return decide_promotion(judged, ACCURACY, PromotionSection(when="better"), EVALUATION)


def without(judged: Judged) -> Judged:
    from dataclasses import replace

    return replace(judged, protected=None)


EQUAL = {"f": 0.8, "m": 0.8}


@pytest.mark.parametrize("turn", range(5))
def test_a_group_that_is_one_entity_is_judged_by_its_rows_and_not_as_known_for_sure(turn: int) -> None:
    """Of 60 rows of one shop two are answered otherwise by chance: that widens no gap surely."""
    rows, few = 600, 60
    group = np.where(np.arange(rows) < few, "one shop", "others")
    right = np.random.default_rng(turn).random(rows) < 0.8
    worse = right.copy()
    worse[np.flatnonzero(right[:few])[:2]] = False
    answers = [pd.DataFrame({"prediction": np.where(side, "yes", "no")}) for side in (right, worse)]
    judged = Judged(
        pd.Series(["yes"] * rows),
        *answers,
        blocks=np.where(group == "one shop", 0, np.arange(rows)),
        protected=Protected(
            {"shop": groups_of(pd.Series(group), ())}, ("equal_opportunity_difference",), 0.0, 50
        ),
    )
    check = gap_check(judged, ACCURACY)
    assert check is not None and check.passed, check


def test_a_better_model_that_widens_a_gap_is_kept_out_and_the_reason_names_the_groups() -> None:
    judged = pair_of(4_000, 0, EQUAL, {"f": 0.78, "m": 0.92})
    assert decided(without(judged)).outcome == "promote"
    kept = decided(judged)
    assert kept.outcome == "keep"
    assert "it treats groups of 'sex' more unequally: equal_opportunity_difference" in kept.reason
    assert "between 'm' and 'f'" in kept.reason
    (check,) = [each for each in kept.checks if each.name == "groups of people"]
    assert not check.passed


def test_a_gap_that_was_there_before_keeps_nobody_out() -> None:
    wide = {"f": 0.7, "m": 0.85}
    promoted = decided(pair_of(4_000, 1, wide, {"f": 0.76, "m": 0.91}))
    assert promoted.outcome == "promote"
    assert "no gap between groups of sex is surely wider" in [each.text for each in promoted.checks]


def test_within_the_tolerance_a_gap_may_widen() -> None:
    after = {"f": 0.83, "m": 0.92}
    assert decided(pair_of(6_000, 2, EQUAL, after)).outcome == "keep"
    assert decided(pair_of(6_000, 2, EQUAL, after, tolerance=0.15)).outcome == "promote"


@pytest.mark.parametrize(("p", "outcome"), [(0.01, "keep"), (0.2, "promote")])
def test_a_first_model_surely_above_a_limit_waits(p: float, outcome: str) -> None:
    gap = Gap(
        measure="equal_opportunity_difference", figure="true_positive_rate", value=0.3, low=0.2, high=0.4,
        most="m", least="f", limit=0.15, p=p,
    )  # fmt: skip
    groups = ProtectedGroups(column="sex", gaps=(gap,))
    y = pd.Series(["yes", "no"] * 100)
    judged = Judged(y, None, pd.DataFrame({"prediction": y}))
    found = EVALUATION.model_copy(update={"protected": (groups,)})
    answer = decide_promotion(judged, ACCURACY, PromotionSection(), found)
    assert answer.outcome == outcome
    (check,) = answer.checks
    assert check.passed == (outcome == "promote")
    told = "groups of 'sex' too unequally: equal_opportunity_difference 0.3 between 'm' and 'f', surely above"
    assert (told in answer.reason) == (outcome == "keep")


def vetoes(after: dict[str, float], pairs: int = 80) -> float:
    found: list[Any] = [gap_check(pair_of(1_500, seed, EQUAL, after), ACCURACY) for seed in range(pairs)]
    return sum(not check.passed for check in found) / pairs


def test_law_where_no_gap_widens_by_more_than_its_tolerance_few_are_held_up() -> None:
    """Of two per cent more for all, and of a gap that widens just by the tolerance, at most 20 % by chance."""
    assert vetoes({"f": 0.82, "m": 0.82}) <= 0.2 + 2 * np.sqrt(0.2 * 0.8 / 80)
    assert vetoes({"f": 0.81, "m": 0.83}) <= 0.2 + 2 * np.sqrt(0.2 * 0.8 / 80)
    assert vetoes({"f": 0.76, "m": 0.9}) > 0.8
