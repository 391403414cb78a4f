"""A treatment has two values, of which one says that a row was not treated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.features.cleaning import clean, two_values
from ml_assets.features.columns import roles
from ml_assets.lifecycle.looked import hints_of
from ml_assets.quality.contract import check_raw
from ml_assets.quality.hints import Seen, hints
from ml_assets.recipe.loading import parse_recipe
from ml_assets_tests.support.calls import RECIPE, STREAM, calls

CONTROL = RECIPE.replace("treatment_col: called", "treatment_col: called, control: CONTROL")


@pytest.mark.parametrize(
    ("values", "control", "words"),
    [
        (["a", "b", "c", "a"], None, "3 different values (a, b, c), and an effect is of two"),
        (["mail", "none", "mail", "none"], None, "Write model.data_interface.control"),
        (["mail", "none", "mail", "none"], "nothing", "control is 'nothing': name one of them"),
        ([1, 1, 1, 1], None, "needs treated and untreated"),
        ([1, 2, 1, 2], None, "which of them says that a row was not treated"),
    ],
)
def test_what_is_no_treatment_is_refused(values: list[Any], control: str | None, words: str) -> None:
    recipe = parse_recipe(RECIPE if control is None else CONTROL.replace("CONTROL", control))
    frame = calls(4).drop(columns="effect").assign(called=values, bought=[0, 1, 1, 0])
    (found,) = check_raw(frame, recipe)
    assert found.column == "called" and words in found.message


def test_an_outcome_of_text_is_told_as_one_of_an_effect() -> None:
    frame = calls(4).drop(columns="effect").assign(called=[0, 1, 0, 1], bought=["x", "y", "z", "x"])
    (found,) = check_raw(frame, parse_recipe(RECIPE))
    assert "'bought' is text, as 'x', and an effect is a change of a number" in found.message
    assert "regression" not in found.message and "classification" not in found.message


@pytest.mark.parametrize(
    ("values", "control"),
    [(["yes", "no"], None), ([True, False], None), ([1, 0], None), (["mail", "none"], "none"), ([7, 3], "3")],
)
def test_two_values_are_one_and_zero(values: list[Any], control: str | None) -> None:
    recipe = parse_recipe(RECIPE if control is None else CONTROL.replace("CONTROL", control))
    frame = calls(2).drop(columns="effect").assign(called=values, bought=["yes", "no"])
    assert check_raw(frame, recipe) == []
    made = clean(frame, recipe, "all").frame
    assert made[["called", "bought"]].to_numpy().tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_missing_column_is_told_by_its_own_key() -> None:
    (found,) = check_raw(calls(4).drop(columns="called"), parse_recipe(RECIPE))
    assert found.key == "model.data_interface.treatment_col" and "treatment_col: 'called'" in found.message


def test_a_number_stays_a_number() -> None:
    assert two_values(pd.Series([0.0, 12.5, None])).tolist()[:2] == [0.0, 12.5]


@pytest.mark.parametrize("chosen", [False, True])
def test_treatment_that_the_columns_tell_is_told(chosen: bool) -> None:
    frame = calls(1200).drop(columns="effect")
    if chosen:
        likely = 1 / (1 + np.exp(-1.5 * frame["loyal"]))
        frame["called"] = np.where(np.random.default_rng(0).random(1200) < likely, "yes", "no")
    recipe = parse_recipe(RECIPE)
    rows = clean(frame, recipe, "all").frame
    told = [text for text in hints(Seen(rows, roles(rows, recipe), recipe, True)) if "chance did not" in text]
    assert len(told) == chosen


def test_holdout_of_one_arm_is_told_before_a_training() -> None:
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(600) // 100, unit="D")
    frame = calls(600).drop(columns="effect").assign(at=at)
    frame.loc[frame["at"] >= "2024-01-05", "called"] = "no"
    recipe = parse_recipe(RECIPE + STREAM)
    rows = clean(frame, recipe, "all").frame.assign(batch__=frame["at"].dt.strftime("%Y-%m-%d"))
    (told,) = [
        text for text in hints_of(Seen(rows, roles(rows, recipe), recipe, True)) if "cannot judge" in text
    ]
    assert "all 120 rows are untreated" in told
