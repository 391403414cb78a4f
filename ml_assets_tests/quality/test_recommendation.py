"""Who had what is looked at before it is learned: named columns are there, and a rating is a number."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from ml_assets.features.cleaning import clean
from ml_assets.features.columns import roles
from ml_assets.names import POINT
from ml_assets.quality.contract import check_raw, learn_schema
from ml_assets.quality.hints import Seen, hints
from ml_assets.recipe.schema import Recipe
from ml_assets.tasks.interactions import interactions
from ml_assets.training.splits import labelled_rows
from ml_assets_tests.support.training_examples import recipe_of

FRAME = pd.DataFrame(
    {"user": [7, 8, 7], "item": [1, 1, 2], "stars": [5.0, 1.0, 3.0], "note": ["a", "b", "c"]}
)


def recipe(**interface: Any) -> Recipe:
    return recipe_of(
        "recommendation", "sklearn.decomposition.NMF", interface={"target_col": "stars", **interface}
    )


@pytest.mark.parametrize(
    ("frame", "key", "words"),
    [
        (FRAME.drop(columns="user"), "model.data_interface.user_col", "user_col: 'user' is not a column"),
        (FRAME.rename(columns={"item": "itm"}), "model.data_interface.item_col", "Did you mean 'itm'?"),
        (FRAME.drop(columns="stars"), "model.data_interface.target_col", "'stars' is not a column"),
        (FRAME.assign(stars=["good", "5", "bad"]), None, "rating 'stars' is text, as 'good'"),
        (FRAME.assign(stars=[1.0, float("inf"), 2.0]), None, "infinite"),
    ],
)
def test_what_is_no_interaction_is_refused_in_a_line(
    frame: pd.DataFrame, key: str | None, words: str
) -> None:
    found = check_raw(frame, recipe())
    assert words in found[0].message and found[0].key == key
    assert len({finding.message for finding in found}) == 1


def test_columns_that_are_not_learned_may_come_and_go() -> None:
    schema = learn_schema(FRAME, recipe())
    assert set(schema.columns) == {"stars"}
    assert check_raw(FRAME.drop(columns="note"), recipe(), schema) == []
    assert check_raw(FRAME.assign(note=[1, 2, 3], user=["x", "y", "z"]), recipe(), schema) == []


def test_users_and_items_are_names_and_never_numbers() -> None:
    rows = clean(FRAME.assign(user=[7.0, None, 7.0]), recipe(relevant_from=4, top_k=3), "monday").frame
    assert rows["item"].tolist() == ["1", "1", "2"] and rows[POINT].isna().tolist() == [False, True, False]
    found = interactions(rows[POINT].dropna())
    assert found.users.tolist() == ["7", "7"] and found.gains.tolist() == [5.0, 0.0]
    assert found.batches.tolist() == ["monday", "monday"] and found.top_k == 3


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (FRAME, ""),
        (FRAME.assign(user=7), "user_col: all 3 rows are of one"),
        (FRAME.assign(item="x"), "item_col: all 3 rows are of one"),
        (FRAME.assign(stars=-1.0), "none of the 3 ratings says that an item was liked"),
        (FRAME.assign(user=[7, None, 8]), "1 of 3 rows has no value in 'user' or 'item' or 'stars'"),
    ],
)
def test_what_nothing_is_learned_from_is_said_before_a_training(frame: pd.DataFrame, words: str) -> None:
    rows = clean(frame.drop(columns="note"), recipe(), "all").frame
    (found,) = [*hints(Seen(rows, roles(rows, recipe()), recipe(), True)), ""][:1]
    assert words in found and bool(words) == bool(found) and POINT not in found


def test_rows_of_which_none_can_be_learned_are_told_by_the_columns_of_the_recipe() -> None:
    rows = clean(FRAME.assign(user=[None] * 3), recipe(), "all").frame
    with pytest.raises(ValueError, match=r"^user, item, stars: none of the"):
        labelled_rows(rows, recipe())


def test_a_user_and_an_item_of_an_earlier_batch_meet_again() -> None:
    past = clean(FRAME.iloc[:1], recipe(), "monday").frame
    rows = clean(FRAME, recipe(), "tuesday", past=past).frame
    assert interactions(rows[POINT]).again.tolist() == [True, False, False]
