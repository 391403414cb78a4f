"""Rows that break a row rule are set aside with the reason; every row read is used or counted there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.quality.contract import learn_schema
from ml_assets.quality.quarantine import COLUMNS, held
from ml_assets.quality.rows import broken
from ml_assets.recipe.schema import Recipe

SIZE = 60


def recipe(**quality: Any) -> Recipe:
    interface = {"task_type": "classification", "target_col": "left", "entity_cols": ["customer"]}
    model = {"loader": {"source_uri": "rows.csv"}, "data_interface": interface}
    return Recipe.model_validate(
        {"name": "m", "model": model, "batches": {"column": "month", "period": "monthly"}, "quality": quality}
    )


def good(size: int = SIZE) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "month": pd.to_datetime(["2024-01-15"] * size),
            "customer": [f"C{i}" for i in range(size)],
            "age": pd.array([20 + i % 60 for i in range(size)], dtype="Int64"),
            "paid": [i / 7 for i in range(size)],
            "since": pd.to_datetime("2020-01-01") + pd.to_timedelta(range(size), "D"),
            "plan": ["basic", "plus"] * (size // 2),
            "left": pd.array([0, 1] * (size // 2), dtype="Int64"),
        }
    ).astype({"since": "datetime64[us]", "month": "datetime64[us]"})


RULES = [
    {"columns": ["age"], "min": 18, "max": 110},
    {"columns": ["since"], "min": "2019-12-31", "max": "2024-12-31"},
    {"columns": ["plan"], "allowed": ["basic", "plus"], "required": True},
    {"columns": ["left"], "allowed": ["no", "yes"]},
]
SPOILED: dict[str, tuple[str, Any, str]] = {
    "infinite": ("paid", float("inf"), "infinite"),
    "too large": ("paid", -1e200, "infinite"),
    "text where numbers were": ("age", "old", "text_in_numbers"),
    "a day of no calendar": ("since", "2024-02-30", "impossible_date"),
    "no owner": ("customer", None, "required"),
    "too small": ("age", 17, "out_of_bounds"),
    "too large for the rule": ("age", 111, "out_of_bounds"),
    "too early": ("since", pd.Timestamp("2019-12-30"), "out_of_bounds"),
    "not allowed": ("plan", "gold", "not_allowed"),
    "empty": ("plan", None, "required"),
    "a class of no recipe": ("left", 2, "not_allowed"),
}


def spoiled(frame: pd.DataFrame, row: int, column: str, value: Any) -> pd.DataFrame:
    """One cell is another; a column of dates with a text in it is text, as a reader gives it."""
    if column == "since" and isinstance(value, str):
        frame = frame.assign(since=frame["since"].dt.strftime("%Y-%m-%d").astype(object))
    elif isinstance(value, str):
        frame = frame.astype({column: object})
    frame = frame.copy()
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize("kind", SPOILED)
def test_a_row_that_breaks_a_rule_is_set_aside_and_the_others_are_used(kind: str) -> None:
    column, value, rule = SPOILED[kind]
    schema = learn_schema(good(), recipe(rows=RULES), classes={"left": ["0", "1"]})
    after = held(spoiled(good(), 7, column, value), recipe(rows=RULES), "2024-01-01", schema)
    assert after.findings == [] and not after.quarantine.blocked
    expected = good().drop(index=7).reset_index(drop=True)
    for name in expected:
        if name in ("since", "age"):  # as text and as fractions they are what cleaning makes the same of
            assert after.frame[name].astype(expected[name].dtype).equals(expected[name])
        else:
            pd.testing.assert_series_equal(after.frame[name], expected[name])
    assert list(after.aside.columns) == list(COLUMNS)
    line = after.aside.iloc[0]
    assert (line["batch"], line["row"], line["rule"], line["column"]) == ("2024-01-01", 8, rule, column)
    assert line["value"] == (None if value is None else str(value)) or rule in (
        "out_of_bounds",
        "not_allowed",
    )
    assert f"column '{column}'" in after.quarantine.words and "row 8" in after.quarantine.words


def test_good_rows_are_left_as_they_are() -> None:
    frame = good()
    for rules in ([], RULES):
        after = held(frame, recipe(rows=rules), "2024-01-01")
        assert after.frame is frame and after.findings == [] and len(after.aside) == 0


BREAKING = st.lists(st.tuples(st.integers(0, SIZE - 1), st.sampled_from(sorted(SPOILED))), max_size=12)


@given(spoils=BREAKING, share=st.sampled_from([0.0, 0.01, 0.1, 0.5]), seed=st.integers(0, 9))
def test_every_row_is_used_or_counted_and_too_many_block(
    spoils: list[tuple[int, str]], share: float, seed: int
) -> None:
    frame = good()
    spoils = [
        (row, kind) for row, kind in spoils if SPOILED[kind][0] != "since"
    ]  # its text changes the column
    for row, kind in spoils:
        frame = spoiled(frame, row, *SPOILED[kind][:2])
    rows = {row for row, _ in spoils}
    own = recipe(rows=RULES, quarantine=share)
    schema = learn_schema(good(), own, classes={"left": ["0", "1"]})
    after = held(frame, own, "2024-01-01", schema)
    found = after.quarantine
    assert found.rows == len(rows) == after.aside["row"].nunique() and found.read == SIZE
    assert {row - 1 for row in after.aside["row"]} == rows
    assert sum(each.rows for each in found.rules) == found.rows
    assert found.blocked == (len(rows) > (max(1, int(share * SIZE)) if share else 0))
    assert found.blocked == bool(after.findings)
    assert len(after.frame) == (SIZE if found.blocked else found.kept) and found.kept in (
        0,
        SIZE - found.rows,
    )
    order = np.random.default_rng(seed).permutation(SIZE)
    again = held(frame.iloc[order].reset_index(drop=True), own, "2024-01-01", schema)
    names = ["row_id__", "rule", "column"]
    assert sorted(map(tuple, again.aside[names].values)) == sorted(map(tuple, after.aside[names].values))
    if not found.blocked:  # what is left breaks nothing
        assert broken(after.frame, own, schema) == []


def test_too_many_say_how_many_of_which_and_what_to_do() -> None:
    frame = good().assign(age=pd.array([15] * 30 + [40] * 30, dtype="Int64"))
    (finding,) = held(frame, recipe(rows=RULES), "2024-01-01").findings
    assert finding.message.startswith(
        "30 of 60 rows: 30 with a value below 18 in column 'age' (quality.rows) (row 1: '15')"
    )
    assert "quality.quarantine" in finding.message and "Correct them in the source" in finding.message


def test_text_is_a_fault_of_a_row_only_where_earlier_batches_had_numbers() -> None:
    """In a first batch, 12 beside 'V45' may be codes: that is for a person to say."""
    frame = spoiled(good(), 7, "age", "V45")
    (finding,) = held(frame, recipe(), "2024-01-01").findings
    assert finding.rule == "text_in_numbers" and "categorical_features" in finding.message


def test_a_bound_that_the_column_cannot_be_compared_with_is_said() -> None:
    own = recipe(rows=[{"columns": ["plan"], "min": 3}, {"columns": ["age"], "max": "2024-01-01"}])
    found = held(good(), own, "2024-01-01").findings
    assert [(each.rule, each.column, each.key) for each in found] == [
        ("unfit_rule", "plan", "quality.rows"),
        ("unfit_rule", "age", "quality.rows"),
    ]
    assert "holds no numbers to compare with 3, as 'basic'" in found[0].message
