"""A suspected leak keeps a first model out, with the way to allow it; a champion's own keeps nobody out."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from ml_assets.promotion.gate import decide_promotion
from ml_assets.promotion.judged import Judged, Measure
from ml_assets.promotion.leaks import leak_checks
from ml_assets.recipe.schema import PromotionSection, Quality
from ml_assets.records import Evaluation, Leak, Promotion, Score

LEAKS = (
    Leak(column="code", score=1.0, text="each class has a value of its own"),
    Leak(column="paid", score=0.999, text="almost"),
)
SUM = (Leak(column="net", beside=("tax",), score=1.0, text="total = net + tax", by="relation"),)
SCORE = (Leak(column="net", beside=("tax",), score=1.0, text="wrong in 0 of 900 rows", by="score"),)
DOUBT = (Leak(column="code", score=0.96, text="its values stand for the classes", sure=False),)


def first(
    leaks: tuple[Leak, ...] = LEAKS, learned: tuple[str, ...] = (), baseline: float = 0.5, **quality: Any
) -> Promotion:
    evaluation = Evaluation(
        metric="accuracy",
        direction="maximize",
        rows=200,
        scores={"accuracy": Score(value=0.8, low=0.75, high=0.85)},
        baseline={"accuracy": baseline},
        leaks=leaks,
    )
    seen = Judged(pd.Series(["a", "b"]), None, pd.DataFrame({"prediction": ["a", "b"]}))
    checks = leak_checks(evaluation.leaks, Quality(**quality), learned)
    measure = Measure("accuracy", "maximize", positive=None)
    return decide_promotion(seen, measure, PromotionSection(), evaluation, suspicions=checks)


@pytest.mark.parametrize(
    ("given", "outcome", "named"),
    [
        ({}, "keep", ["code", "paid"]),
        ({"not_a_leak": ["code"]}, "keep", ["paid"]),
        ({"not_a_leak": ["code", "paid"]}, "promote", []),
        ({"leak": "warn"}, "promote", ["code", "paid"]),
        ({"learned": ("code", "paid")}, "promote", ["code", "paid"]),
        ({"learned": ("code",)}, "keep", ["code", "paid"]),
        ({"baseline": 0.9}, "keep", ["code", "paid"]),
    ],
)
def test_leak_at_the_gate(given: dict[str, Any], outcome: str, named: list[str]) -> None:
    answer = first(**given)
    assert answer.outcome == outcome
    assert [name for name in ("code", "paid") if f"'{name}'" in answer.reason] == named
    assert ("quality.not_a_leak" in answer.reason) == bool(named)


@pytest.mark.parametrize("leaks", [SUM, SCORE], ids=["relation", "score"])
@pytest.mark.parametrize(
    ("given", "outcome", "told"),
    [
        ({}, "keep", True),
        ({"not_a_leak": ["net"]}, "keep", True),
        ({"not_a_leak": ["net", "tax"]}, "promote", False),
        ({"deterministic": True}, "promote", False),
        ({"leak": "warn"}, "promote", True),
        ({"learned": ("net",)}, "keep", True),
        ({"learned": ("net", "tax")}, "promote", True),
    ],
)
def test_columns_together_at_the_gate(
    leaks: tuple[Leak, ...], given: dict[str, Any], outcome: str, told: bool
) -> None:
    answer = first(leaks, **given)
    assert answer.outcome == outcome
    assert told == all(
        words in answer.reason for words in ("'net' and 'tax'", leaks[0].text, "quality.deterministic")
    )
    assert told == bool([check for check in answer.checks if check.name == "leak"])


def test_deterministic_allows_no_single_column() -> None:
    assert first(deterministic=True).outcome == "keep"


def test_a_doubt_is_told_and_keeps_nobody_out() -> None:
    answer = first(DOUBT)
    assert (
        answer.outcome == "promote" and "perhaps a leak" in answer.reason and "'code' alone" in answer.reason
    )
    both = first((*LEAKS, *DOUBT))
    assert both.outcome == "keep" and both.reason.index("suspected leak") < both.reason.index(
        "perhaps a leak"
    )
