"""Every test of a column has its share of the false alarms, and its effects have floors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ml_assets.monitoring.column_tests import (
    FLOORS,
    LEVEL_TESTS,
    MISSINGNESS,
    NUMBER_TESTS,
    ColumnTest,
    effects,
    outcomes,
)
from ml_assets.monitoring.verdict import SIGNIFICANCE, pair_of, verdict

TESTS = {**NUMBER_TESTS, **LEVEL_TESTS, **MISSINGNESS}


def columns() -> dict[str, tuple[pd.Series, pd.Series]]:
    rng = np.random.default_rng(0)
    number, level = pd.Series(rng.normal(size=900)), pd.Series(rng.choice(["a", "b", "c"], 900))
    return {
        "numeric": (number.mask(number > 1), number.head(500)),
        "categorical": (level.mask(level == "c"), level.head(500)),
    }


def test_no_test_of_a_column_is_without_weight_and_floor() -> None:
    assert len(TESTS) == len(NUMBER_TESTS) + len(LEVEL_TESTS) + len(MISSINGNESS)
    for name, test in TESTS.items():
        assert test.weight > 0, name
        assert set(test.proves) <= set(FLOORS), name
    for kind, (reference, current) in columns().items():
        pair = pair_of(reference, current, len(current), kind == "numeric")
        assert (
            {effect for outcome in outcomes(pair) for effect in outcome.proves}
            <= set(effects(pair))
            <= set(FLOORS)
        )


def test_a_test_cannot_be_made_without_its_weight() -> None:
    (weight,) = [field for field in dataclasses.fields(ColumnTest) if field.name == "weight"]
    assert weight.default is dataclasses.MISSING
    with pytest.raises(TypeError, match="weight"):
        ColumnTest(lambda pair: 1.0, ("KS distance",))  # type: ignore[call-arg]


def test_a_new_test_takes_its_share_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The p-value of the worst test, corrected, is the raw one times all weights over its own."""
    rng = np.random.default_rng(1)
    reference, current = pd.Series(rng.normal(size=900)), pd.Series(rng.normal(0.2, 1, 500))
    pair = pair_of(reference, current, 500, True)
    before = verdict("x", pair, "", {}, 1.0)
    assert before.drifted and before.test == "location" and before.p_value < SIGNIFICANCE
    together = sum(test.weight for test in outcomes(pair))
    monkeypatch.setitem(NUMBER_TESTS, "new", ColumnTest(lambda _: 1.0, ("KS distance",), together))
    assert verdict("x", pair, "", {}, 1.0).p_value == pytest.approx(2 * before.p_value)
