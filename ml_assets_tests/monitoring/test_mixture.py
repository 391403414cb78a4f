"""A training window of two units is found in any order and season; a usual one is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml_assets.features.history import figures, with_past
from ml_assets.monitoring.mixture import mixed_units
from ml_assets.recipe.schema import Recipe
from ml_assets_tests.monitoring.test_units import COLUMNS, month

LABELS = [str(day.date()) for day in pd.date_range("2024-01-01", periods=9, freq="MS")]


def window(
    column: str, changed: tuple[int, ...] = (), factor: float = 1.0, more: float = 0.0
) -> pd.DataFrame:
    values = [
        month(column, k) * (factor if k in changed else 1) + (more if k in changed else 0) for k in range(9)
    ]
    parts = [pd.DataFrame({column: v, "batch__": label}) for v, label in zip(values, LABELS, strict=True)]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("changed", [(7, 8), (0, 1, 2, 3, 4), (4,)])
@pytest.mark.parametrize("factor", [12, 0.01])
@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in ("season", "celsius")])
def test_a_window_of_two_units_is_told_with_the_batches(
    column: str, factor: float, changed: tuple[int, ...]
) -> None:
    (found,) = mixed_units(window(column, changed, factor), [column])
    odd = changed if len(changed) < 5 else (5, 6, 7, 8)
    assert found.startswith(f"column '{column}' is ") and f"in {len(odd)} of 9 training batches" in found
    assert all(LABELS[k] in found for k in odd[:3])


def test_fahrenheit_among_celsius() -> None:
    (found,) = mixed_units(window("celsius", (7, 8), 1.8, 32.0), ["celsius"])
    assert "in °F and was in °C in 2 of 9 training batches (2024-08-01, 2024-09-01)" in found


@pytest.mark.parametrize("column", COLUMNS)
def test_a_usual_window_and_one_that_grows_mix_nothing(column: str) -> None:
    assert mixed_units(window(column), [column]) == ()
    frame = window(column)
    faster = 1.0 if column == "celsius" else 1.15
    grown = frame[column] * frame["batch__"].map({label: faster**k for k, label in enumerate(LABELS)})
    assert mixed_units(frame.assign(**{column: grown}), [column]) == ()


def test_calendars_texts_and_tables_without_batches_mix_nothing() -> None:
    frame = window("price", (7, 8), 100.0)
    days = pd.to_datetime(frame["batch__"])
    told = frame.assign(
        yyyymm=100.0 * days.dt.year + days.dt.month, text="a", number=np.float64(days.dt.month)
    )
    assert mixed_units(told, ["yyyymm", "text", "number"]) == ()
    assert mixed_units(frame.drop(columns="batch__"), ["price"]) == ()


FORECAST = Recipe.model_validate(
    {
        "name": "rides",
        "model": {
            "loader": {"source_uri": "rides.csv"},
            "feature_engineering": {"horizon": "1d", "season": "7d"},
            "data_interface": {"task_type": "timeseries", "target_col": "rides"},
        },
        "batches": {"column": "at", "period": "monthly"},
    }
)


def rides(seed: int) -> pd.DataFrame:
    """Two values a day over two years, with a season; from the second March on twice as many."""
    random = np.random.default_rng(seed)
    at = pd.date_range("2024-01-01", "2025-12-31", freq="12h")
    level = 150 * (1.0 + (at > "2025-03-15")) * (1 - 0.2 * np.cos(2 * np.pi * at.dayofyear / 365))
    frame = pd.DataFrame({"at": at, "rides": (level * random.gamma(4, 1 / 4, len(at))).round()})
    return frame.assign(batch__=at.strftime("%Y-%m-01"))


def told(frame: pd.DataFrame) -> tuple[str, ...]:
    whole = frame.assign(**with_past(frame, FORECAST, None))
    names = [name for name in whole.columns if name.startswith("rides_")]
    return mixed_units(whole, sorted(set(names) - figures(FORECAST, names)))


@pytest.mark.parametrize("seed", range(12))
def test_a_mean_of_earlier_values_is_in_the_unit_of_these_values(seed: int) -> None:
    frame = rides(seed)
    assert told(frame) == ()
    late = frame["batch__"] >= "2025-07-01"
    (newest, *_) = told(frame.assign(rides=frame["rides"] * np.where(late, 1e3, 1)))
    assert newest.startswith("column 'rides_lag_1' is ") and "times its usual size" in newest
