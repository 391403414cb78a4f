"""A change of unit is named by its factor or scale, in any season; growth is no change of unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.monitoring.units import change_between, typical
from ml_assets.recipe.schema import Monitoring
from ml_assets_tests.support.references import compared

ROWS = 600
COLUMNS = {
    "weight": lambda month, rng: rng.normal(70, 12, ROWS),
    "price": lambda month, rng: rng.gamma(3, 25, ROWS).round(2),
    "share": lambda month, rng: rng.beta(2, 5, ROWS),
    "seconds": lambda month, rng: rng.exponential(180, ROWS),
    "count": lambda month, rng: rng.poisson(2, ROWS).astype(float),
    "seldom": lambda month, rng: np.where(rng.random(ROWS) < 0.8, 0.0, rng.gamma(4, 10, ROWS)),
    "season": lambda month, rng: (1 + 0.5 * np.sin(month / 2)) * rng.gamma(4, 10, ROWS),
    "celsius": lambda month, rng: 12 - 11 * np.cos((month + 0.5) / 1.91) + rng.normal(0, 4, ROWS),
}
FACTORS = {"10 times": 10, "12 times": 12, "1/12 of": 1 / 12, "60 times": 60, "1/60 of": 1 / 60}
FACTORS |= {"100 times": 100, "1/100 of": 0.01, "1,000 times": 1000, "1/1,000 of": 0.001}
SCALES = {
    "in °F and was in °C": ("celsius", lambda values: values * 1.8 + 32),
    "in °C and was in °F": ("weight", lambda values: (values - 32) / 1.8),
    "in kelvin and was in °C": ("celsius", lambda values: values + 273.15),
    "2.204623 times": ("weight", lambda values: values * 2.204623),
    "1/1.609344 of": ("weight", lambda values: values / 1.609344),
    "the negative": ("price", lambda values: -values),
    "100 times its usual size in 30% of its rows": (
        "weight",
        lambda values: np.where(np.arange(ROWS) < 0.3 * ROWS, values * 100, values),
    ),
}


def month(column: str, number: int) -> Any:
    return COLUMNS[column](number, np.random.default_rng([number, *map(ord, column)]))


def said(column: str, change: Any, number: int) -> str:
    """What is said of a month after nine good ones."""
    past = [np.sort(month(column, k)) for k in range(9)]
    return change_between(np.sort(change(month(column, number))), [np.sort(np.concatenate(past)), *past])


@pytest.mark.parametrize("words", FACTORS)
@pytest.mark.parametrize("column", COLUMNS)
def test_a_factor_is_named(column: str, words: str) -> None:
    heard = [said(column, lambda values: values * FACTORS[words], number) for number in (9, 10)]
    if column in ("season", "celsius"):  # a month that has not been seen yet is between the factors
        assert all(heard), heard
    else:
        assert all(text.startswith(words) for text in heard), heard


@pytest.mark.parametrize("words", SCALES)
def test_a_scale_is_named(words: str) -> None:
    column, change = SCALES[words]
    heard = [said(column, change, number) for number in (9, 10)]
    assert all(text.startswith(words) for text in heard), heard


@pytest.mark.parametrize("column", COLUMNS)
def test_growth_is_no_change_of_unit(column: str) -> None:
    changes = [1.0, 1.2, 1.4, 1.8, 4.0]
    heard = {
        (factor, number): said(column, lambda values: values * factor, number)  # noqa: B023 - called at once
        for factor in changes
        for number in (9, 10)
    }
    assert not any(heard.values()), heard


def test_a_change_of_unit_is_a_fault_whose_sentence_has_the_evidence() -> None:
    frames = [
        pd.DataFrame({"weight": month("weight", k), "x": month("share", k)}).assign(batch__=f"b{k}")
        for k in range(10)
    ]
    now = frames[-1].assign(weight=frames[-1]["weight"] * 12)
    report = compared(
        "b9", now, pd.concat(frames[:9], ignore_index=True), ["weight", "x"], [], Monitoring(min_rows=100)
    )
    assert report.faults == (
        "column 'weight' is 12 times its usual size (median size 847, 70.04 in the reference): a change of unit?",
    )


@pytest.mark.parametrize("seed", range(40))
def test_the_typical_size_is_the_median_of_all_sizes_but_0(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.sort(rng.normal(rng.uniform(-2, 2), 1, rng.integers(0, 30)).round(int(rng.integers(0, 3))))
    sizes = np.abs(values[values != 0])
    assert typical(values) == (np.median(sizes) if len(sizes) else 0.0)
