"""A hold-out that is told almost perfectly is suspected; one that is easy, small or told by the row before is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.quality.score import too_good
from ml_assets_tests.support.training_examples import recipe_of

RNG = np.random.default_rng(0)
ROWS = 4_000
CODE, FLAG = RNG.choice(list("abcdef"), ROWS), RNG.integers(0, 2, ROWS)
RULE = np.where(np.isin(CODE, list("abc")) == (FLAG == 1), "yes", "no")
FEE = pd.Series(CODE).map({k: 10.0 + 7 * n for n, k in enumerate("abcdef")}) * (1 + FLAG)
HIDDEN = pd.DataFrame({"code": CODE, "flag": FLAG, "x": RNG.normal(size=ROWS), "z": RNG.normal(size=ROWS)})
EASY = pd.DataFrame({f"part{k}": (RULE == "yes") * 4 + RNG.normal(size=ROWS) for k in range(12)})
HOURLY: dict[str, Any] = {"batches": {"column": "t", "period": "monthly"}}
HOURS = pd.date_range("2024-01-01", periods=ROWS, freq="h")


def found(
    rows: pd.DataFrame,
    y: Any,
    predicted: Any,
    task: str = "classification",
    held_out: int = 800,
    **sections: Any,
) -> list[tuple[set[str], bool]]:
    window = rows.assign(y=y, t=HOURS)
    test, answers = window[-held_out:], pd.DataFrame({"prediction": predicted})[-held_out:]
    leaks = too_good(test, answers, window, list(rows.columns), recipe_of(task, target="y", **sections))
    return [(set(leak.columns), leak.sure) for leak in leaks]


def wrong(share: float) -> Any:
    return np.where(RNG.random(ROWS) < share, "yes", RULE)


@pytest.mark.parametrize(("held_out", "sure"), [(800, [True]), (300, [False]), (150, [])])
def test_no_error_at_all_is_suspected_from_enough_rows_on(held_out: int, sure: list[bool]) -> None:
    named = found(HIDDEN, RULE, RULE, held_out=held_out)
    assert [each for _, each in named] == sure
    assert all({"code", "flag"} <= columns for columns, _ in named)


def test_good_scores_are_honest() -> None:
    assert found(HIDDEN, RULE, wrong(0.04)) == []
    assert found(HIDDEN, FEE, FEE * (1 + RNG.normal(size=ROWS) / 20), "regression") == []


@pytest.mark.parametrize(("off", "sure"), [(0.001, [True]), (0.02, [False]), (0.2, [])])
def test_numbers(off: float, sure: list[bool]) -> None:
    predicted = FEE + off * FEE.std() * RNG.normal(size=ROWS)
    assert [each for _, each in found(HIDDEN, FEE, predicted, "regression")] == sure


def test_easy_target_that_is_told_more_than_once_is_only_a_doubt() -> None:
    assert [sure for _, sure in found(EASY, RULE, RULE)] == [False]


def test_row_before_is_the_baseline_of_what_lasts() -> None:
    state = np.where(np.cumsum(RNG.random(ROWS) < 0.02) % 2 == 0, "on", "off")
    walk = np.cumsum(RNG.normal(size=ROWS)) + 1_000
    assert found(HIDDEN, state, state, **HOURLY) == []
    assert found(HIDDEN, walk, walk + RNG.normal(size=ROWS) / 20, "regression", **HOURLY) == []
    assert found(HIDDEN, state, state) != []
    assert found(HIDDEN, walk, walk + RNG.normal(size=ROWS) / 1_000, "regression", **HOURLY) != []
