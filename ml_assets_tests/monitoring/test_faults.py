"""Faults are named with their evidence; a bad column costs no other its report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.trust.drift import columns, kind, odd_inputs, report, world
from ml_assets.records import DriftReport

NAMES = columns()


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    return world(np.random.default_rng(0), 4000, NAMES)


@pytest.fixture
def batch() -> pd.DataFrame:
    return world(np.random.default_rng(1), 1000, NAMES)


def drifted(found: DriftReport) -> set[str]:
    return {column.column for column in found.columns if column.drifted}


@pytest.mark.parametrize("name", sorted(odd_inputs()))
def test_odd_input_is_answered_with_its_state(name: str) -> None:
    answered, words = odd_inputs()[name]
    assert answered, words


def test_swapped_columns_are_named_both_ways(reference: pd.DataFrame, batch: pd.DataFrame) -> None:
    swapped = batch.assign(normal2=batch["skewed0"], skewed0=batch["normal2"])
    found = report(swapped, reference)
    assert found.status == "fault" and drifted(found) == {"normal2", "skewed0"}
    assert found.faults == (
        "columns are swapped: 'normal2' holds what 'skewed0' held; 'skewed0' holds what 'normal2' held",
    )


def test_columns_moved_on_by_one_are_one_circle(reference: pd.DataFrame, batch: pd.DataFrame) -> None:
    moved = batch.assign(normal2=batch["skewed0"], skewed0=batch["count0"], count0=batch["normal2"])
    found = report(moved, reference)
    assert len(found.faults) == 1 and found.faults[0].count(" holds ") == 3


def test_swapped_categories_of_one_vocabulary(reference: pd.DataFrame, batch: pd.DataFrame) -> None:
    found = report(batch.assign(level0=batch["many0"], many0=batch["level0"]), reference)
    assert len(found.faults) == 1 and "swapped" in found.faults[0]


def test_columns_that_drift_together_are_not_swapped(reference: pd.DataFrame, batch: pd.DataFrame) -> None:
    found = report(batch.assign(normal2=batch["normal2"] + 2, normal3=batch["normal3"] + 2), reference)
    assert found.status == "drift" and drifted(found) == {"normal2", "normal3"}


def test_some_infinite_values_are_a_fault_and_a_few_are_not(
    reference: pd.DataFrame, batch: pd.DataFrame
) -> None:
    values = batch["normal2"].to_numpy(copy=True)
    values[:2] = np.inf
    assert report(batch.assign(normal2=values), reference).status == "ok"
    values[:20] = -np.inf
    found = report(batch.assign(normal2=values), reference)
    assert found.faults == ("column 'normal2' holds 20 infinite values of 1000",)


def test_wholly_outside_the_range_is_drift_unless_far(reference: pd.DataFrame, batch: pd.DataFrame) -> None:
    months = reference.assign(normal2=np.arange(len(reference)) % 3 + 100.0)
    next_month = report(batch.assign(normal2=np.arange(len(batch)) % 2 + 103.0), months)
    assert next_month.status == "drift" and drifted(next_month) == {"normal2"}
    kelvin = report(
        batch.assign(normal2=batch["normal2"] + 273), reference.assign(normal2=reference["normal2"] + 15)
    )
    assert kelvin.status == "fault" and "normal2" in kelvin.faults[0]


@pytest.mark.parametrize(
    "values",
    [
        lambda rows: [{"a": 1}] * rows,
        lambda rows: [[1, 2]] * rows,
        lambda rows: pd.date_range("2025-01-01", periods=rows),
        lambda rows: pd.Series([1 + 2j] * rows),
        lambda rows: pd.Categorical(["x"] * rows),
        lambda rows: [b"x", 1, None, "y"] * (rows // 4),
        lambda rows: pd.Series([10**400] * rows, dtype=object),
        lambda rows: pd.Series([pd.NA, True] * (rows // 2), dtype="boolean"),
    ],
)
@pytest.mark.parametrize("column", ["normal2", "level0"])
def test_values_of_any_type_cost_no_other_column_its_report(
    reference: pd.DataFrame, batch: pd.DataFrame, column: str, values
) -> None:
    for now, then in ((batch, reference), (reference, batch)):
        strange = now.assign(**{column: values(len(now))})
        found = report(strange, then)
        assert found.status == "fault" and len(found.columns) == 30 and drifted(found) == {column}
        past = report(then, strange)
        assert len(past.columns) + len(past.set_aside) == 30


def test_every_kind_of_column_is_there() -> None:
    assert len(NAMES) == 30 == len({*NAMES}) and {kind(name) for name in columns(100)} == {
        kind(n) for n in NAMES
    }
