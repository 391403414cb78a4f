"""What is hardly meant is said, and what is honest is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.features.cleaning import clean
from ml_assets.features.columns import roles
from ml_assets.quality.hints import (
    Seen,
    hints,
    marks_of_nothing,
    repeated_rows,
    spelled_in_ways,
    written_otherwise,
)
from ml_assets_tests.support.training_examples import recipe_of

ROWS = 200
RNG = np.random.default_rng(0)
AMOUNTS = (RNG.permutation(ROWS) * 1.37 + 0.05).round(2)
DAYS = pd.date_range("2023-01-01", periods=ROWS)
UNITS = ["kg", "g", "lb"]


def seen(**columns: Any) -> Seen:
    recipe = recipe_of("regression", target="y")
    rows = clean(pd.DataFrame({"y": AMOUNTS[::-1], **columns}), recipe, "all").frame
    return Seen(rows, roles(rows, recipe), recipe, True)


LIKE_NUMBERS = {
    "one unit": [f"{amount} kg" for amount in AMOUNTS],
    "several units": [f"{amount} {UNITS[place % 3]}" for place, amount in enumerate(AMOUNTS)],
    "whole numbers with a unit": [f"{place % 60} min" for place in range(ROWS)],
    "thousands in letters": [f"{amount:.1f}k" for amount in AMOUNTS],
    "points and commas": [
        str(amount).replace(".", "," if place % 2 else ".") for place, amount in enumerate(AMOUNTS)
    ],
    "exponents of Fortran": [f"{amount:.3E}".replace("E", "D") for amount in AMOUNTS],
    "thousands with a line between": [f"{1000 * place + 1000:_}" for place in range(ROWS)],
    "two currencies": [f"{'$€'[place % 2]}{amount}" for place, amount in enumerate(AMOUNTS)],
}
LIKE_DAYS = {
    "the day first": DAYS.strftime("%d/%m/%Y"),
    "the month first, two digits": DAYS.strftime("%m-%d-%y"),
    "with a time": DAYS.strftime("%d.%m.%Y 12:30"),
}
HONEST = {
    "names": [f"customer {place % 50}" for place in range(ROWS)],
    "addresses": [f"{place} Main Street" for place in range(ROWS)],
    "addresses of machines": [f"10.0.{place % 7}.{place % 90}" for place in range(ROWS)],
    "versions": [f"1.{place % 9}.{place % 30}" for place in range(ROWS)],
    "times of day": [f"{place % 24}:{place % 60:02d}" for place in range(ROWS)],
    "a few terms": [f"{12 * (place % 5)} months" for place in range(ROWS)],
    "codes": [f"{place % 40}A" for place in range(ROWS)],
}


@pytest.mark.parametrize("name", LIKE_NUMBERS)
def test_text_that_looks_like_numbers_is_named(name: str) -> None:
    (text,) = written_otherwise(seen(x=LIKE_NUMBERS[name]))
    assert text.startswith(f"column 'x' is text, which looks like numbers, as '{LIKE_NUMBERS[name][0]}'")


@pytest.mark.parametrize("name", LIKE_DAYS)
def test_text_that_looks_like_days_is_named(name: str) -> None:
    (text,) = written_otherwise(seen(x=LIKE_DAYS[name]))
    assert text.startswith("column 'x' is text, which looks like days")


@pytest.mark.parametrize("name", HONEST)
def test_names_are_names(name: str) -> None:
    assert [*written_otherwise(seen(x=HONEST[name]))] == []


@pytest.mark.parametrize("mark", [-999, 99999, -99])
@pytest.mark.parametrize(("times", "said"), [(20, 1), (1, 0)])
def test_a_mark_far_from_all_values_is_named(mark: int, times: int, said: int) -> None:
    values = np.where(np.arange(ROWS) < times, mark, RNG.uniform(1, 9, ROWS))
    found = [*marks_of_nothing(seen(x=values))]
    assert len(found) == said
    assert not said or (f"column 'x' is {mark} in 20 of 200 rows" in found[0] and f"['{mark}']" in found[0])


@pytest.mark.parametrize(
    "values", [np.arange(ROWS) % 100, np.full(ROWS, 999), np.where(np.arange(ROWS) < 9, 999, 400)]
)
def test_nines_among_numbers_of_their_size_are_numbers(values: Any) -> None:
    assert [*marks_of_nothing(seen(x=values, z=AMOUNTS))] == []


def test_rows_that_are_there_again_are_counted() -> None:
    table = {"x": AMOUNTS, "c": RNG.choice(["a", "b"], ROWS), "y": AMOUNTS}
    again = {name: np.concatenate([values, values[:50]]) for name, values in table.items()}
    (text,) = repeated_rows(seen(**again))
    assert text.startswith("50 of 250 rows are there a second time")
    assert [*repeated_rows(seen(**table))] == []
    assert [*repeated_rows(seen(c=table["c"], n=np.arange(ROWS) % 4, y=np.arange(ROWS) % 3))] == []


@pytest.mark.parametrize(
    "ways",
    [
        ["yes", "Yes"],
        ["new york", "new  York"],
        ["a\u00a0b", "a b"],
        ["\uff21\uff22", "ab"],
    ],
)
def test_what_is_written_in_several_ways_is_named(ways: list[str]) -> None:
    (text,) = spelled_in_ways(seen(x=RNG.choice([*ways, "other"], ROWS)))
    assert text.startswith(
        f"column 'x' has {sorted(ways)[0]!r} and {sorted(ways)[1]!r}, each a category of its own"
    )
    for others in (["yes", "no", "yes and no"], ["caf\u00e9", "cafe\u0301"]):  # the latter are one level
        assert [*spelled_in_ways(seen(x=RNG.choice(others, ROWS)))] == []


@pytest.mark.parametrize(
    ("times", "metric", "told"), [(50.0, None, True), (50.0, "r2", False), (5.0, None, False)]
)
def test_targets_of_other_sizes_are_told_where_one_would_decide_alone(
    times: float, metric: str | None, told: bool
) -> None:
    recipe = recipe_of("regression", interface={"target_col": ["small", "large"]})
    if metric is not None:
        tuning = recipe.hyperparameter_tuning.model_copy(update={"metric": metric})
        recipe = recipe.model_copy(update={"hyperparameter_tuning": tuning})
    small = RNG.normal(0, 1, ROWS)
    raw = pd.DataFrame({"x": AMOUNTS, "small": small, "large": times * RNG.normal(0, 1, ROWS)})
    rows = clean(raw.assign(small=raw["small"].mask(raw.index < 3)), recipe, "all").frame
    found = hints(Seen(rows, roles(rows, recipe), recipe, True))
    assert any("follows 'large' alone" in text for text in found) == told
    assert "3 of 200 rows have no label in 'small': they are not learned" in found
