"""Cleaning: fixed types, counted drops, and an identity that survives order, repetition and late labels."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.features.cleaning import clean, labels, row_ids, spelled_alike
from ml_assets.names import ROW_ID
from ml_assets.quality.contract import learn_schema
from ml_assets.recipe.schema import Recipe
from ml_assets.records import Schema


def recipe(task: str = "classification", entity_cols: tuple[str, ...] = ()) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "things",
            "model": {
                "loader": {"source_uri": "rows.csv"},
                "data_interface": {"task_type": task, "target_col": "y", "entity_cols": list(entity_cols)},
            },
        }
    )


rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.sampled_from([-0.0, 0.0, 1.0, 2.5, 1e300])),
        st.one_of(st.none(), st.sampled_from(["a", "b", "unknown", ""])),
        st.one_of(st.none(), st.booleans()),
        st.sampled_from(["yes", "no"]),
    ),
    min_size=1,
    max_size=12,
)


def table(values: list[tuple[Any, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(values, columns=["x", "text", "flag", "y"])
    return frame.astype({"x": "float64", "text": object, "flag": "boolean", "y": object})


@given(rows)
def test_row_id_is_unique_in_the_batch(values: list[tuple[Any, ...]]) -> None:
    result = clean(table(values), recipe(), "2024-01-01")
    assert result.frame[ROW_ID].is_unique
    assert result.frame[ROW_ID].dtype == np.uint64
    assert len(result.frame) + result.dropped.get("duplicate", 0) == len(values)


@given(rows, st.randoms(use_true_random=False))
def test_row_ids_do_not_depend_on_the_order_of_rows_or_columns(
    values: list[tuple[Any, ...]], random: Any
) -> None:
    frame = table(values)
    order = random.sample(range(len(frame)), len(frame))
    names = random.sample(list(frame.columns), 4)
    given_order = clean(frame, recipe(), "2024-01-01").frame
    other_order = clean(frame.iloc[order][names], recipe(), "2024-01-01").frame
    assert sorted(given_order[ROW_ID]) == sorted(other_order[ROW_ID])
    # Equal rows with different labels may swap; all other rows keep their own identity.
    alone = ~given_order.duplicated(["x", "text", "flag"], keep=False)
    mine = given_order[alone].set_index(ROW_ID).sort_index()
    pd.testing.assert_frame_equal(mine, other_order.set_index(ROW_ID).loc[mine.index, mine.columns])


@given(rows)
def test_row_ids_stay_when_the_target_arrives_later(values: list[tuple[Any, ...]]) -> None:
    late = table(values)
    early = clean(late.assign(y=None), recipe(), "2024-01-01").frame
    assert set(early[ROW_ID]) <= set(clean(late, recipe(), "2024-01-01").frame[ROW_ID])


@given(rows)
def test_row_ids_differ_between_batches(values: list[tuple[Any, ...]]) -> None:
    ids = [set(clean(table(values), recipe(), batch).frame[ROW_ID]) for batch in ("2024-01-01", "2024-02-01")]
    assert not ids[0] & ids[1]


def test_row_ids_are_the_same_on_every_machine() -> None:
    frame = pd.DataFrame(
        {"x": [1.0, None], "text": ["a", None], "when": pd.to_datetime(["2024-01-01", None])}
    )
    assert row_ids(frame, "all").tolist() == [10668100630962295485, 1918657923758653998]


def test_a_row_keeps_its_id_whatever_file_it_came_in() -> None:
    whole = pd.DataFrame(
        {"n": pd.array([1, 2], dtype="Int64"), "when": pd.to_datetime(["2024-01-01"] * 2), "y": "a"}
    )
    other = whole.astype({"n": "float64", "when": "datetime64[ms]"})
    ids = [clean(frame, recipe(), "all").frame[ROW_ID].tolist() for frame in (whole, other)]
    assert ids[0] == ids[1]


def test_minus_zero_is_zero() -> None:
    ids = [row_ids(pd.DataFrame({"x": [zero]}), "all").tolist() for zero in (0.0, -0.0)]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Series([1, 0]), ["1", "0"]),
        (pd.Series([1.0, np.nan, 0.5]), ["1", None, "0.5"]),
        (pd.array([1, None], dtype="Int64"), ["1", None]),
        (pd.Series([True, False]), ["True", "False"]),
        (pd.array([True, None], dtype="boolean"), ["True", None]),
        (pd.Series(["yes", None, "no"]), ["yes", None, "no"]),
        (pd.Series([2**60 + 1]), [str(2**60 + 1)]),
        (pd.Series([None, None]), [None, None]),
        (pd.Series(["", "1.0"]), [None, "1.0"]),
    ],
)
def test_labels_are_text_as_people_write_it(values: Any, expected: list[str | None]) -> None:
    assert labels(pd.Series(values)).tolist() == expected


def test_types_are_few_and_fixed() -> None:
    raw = pd.DataFrame(
        {
            "n": pd.array([1, None], dtype="Int64"),
            "x": np.array([0.5, 1], dtype="float32"),
            "flag": [True, False],
            "text": ["unknown", None],
            "level": pd.Categorical(["low", "high"]),
            "when": pd.to_datetime(["2024-01-01 01:00", None]).tz_localize("Europe/Berlin"),
            "written": ["2024-01-31T13:00:00", "2024-02-01"],
            "id": [2**60 + 1, 2**60 + 2],
            "empty": [None, None],
            "y": [1, 0],
        }
    )
    frame = clean(raw, recipe(entity_cols=("id",)), "all").frame
    assert frame.dtypes.astype(str).to_dict() == {
        "n": "float64",
        "x": "float64",
        "flag": "object",
        "text": "object",
        "level": "object",
        "when": "datetime64[us]",
        "written": "datetime64[us]",
        "id": "object",
        "empty": "object",
        "y": "object",
        ROW_ID: "uint64",
    }
    assert frame["flag"].tolist() == ["True", "False"]
    assert frame["text"].tolist() == ["unknown", None]
    assert frame["when"][0] == pd.Timestamp("2024-01-01 00:00")
    assert frame["id"].tolist() == [str(2**60 + 1), str(2**60 + 2)]
    assert frame["y"].tolist() == ["1", "0"]
    assert clean(raw, recipe("regression"), "all").frame["y"].tolist() == [1.0, 0.0]


def test_the_first_batch_settles_what_a_column_is() -> None:
    schema = Schema(columns={"x": "number", "code": "text", "when": "time", "y": "text"})
    raw = pd.DataFrame({"x": [None, None], "code": [12, 13], "when": [None, None], "y": ["a", "b"]})
    frame = clean(raw, recipe(), "all", schema).frame
    assert frame.dtypes.astype(str).tolist() == ["float64", "object", "datetime64[us]", "object", "uint64"]
    assert frame["code"].tolist() == ["12", "13"]
    written = clean(raw.assign(x=["1", "2.5"]), recipe(), "all", schema).frame
    assert written["x"].tolist() == [1.0, 2.5]


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**60 + k for k in range(4)]), min_size=1)
)
@settings(max_examples=40)
def test_rows_whose_whole_numbers_differ_are_no_duplicates(orders: list[int]) -> None:
    """Also of numbers of so many digits that as floats they would be one."""
    raw = pd.DataFrame({"who": "a", "order": np.array(orders, dtype=np.int64), "y": "yes"})
    for column in (raw["order"], raw["order"].astype("Int64")):
        result = clean(raw.assign(order=column), recipe(entity_cols=("who",)), "all")
        assert len(result.frame) == len(set(orders))
        assert result.dropped.get("duplicate", 0) == len(orders) - len(set(orders))
        assert result.frame[ROW_ID].is_unique


def test_exact_duplicates_of_an_entitys_rows_are_dropped_and_counted() -> None:
    raw = pd.DataFrame({"id": [7, 7, 7, 8], "x": [1.0, 1.0, 1.0, 1.0], "y": ["a", "a", "b", "a"]})
    result = clean(raw, recipe(entity_cols=("id",)), "all")
    assert result.dropped == {"duplicate": 1}
    assert result.frame[["id", "y"]].values.tolist() == [["7", "a"], ["7", "b"], ["8", "a"]]
    assert clean(raw[2:], recipe(entity_cols=("id",)), "all").dropped == {}


def test_equal_rows_without_an_entity_are_all_kept() -> None:
    raw = pd.DataFrame({"x": [1.0, 1.0, 1.0], "y": ["a", "a", "b"]})
    result = clean(raw, recipe(), "all")
    assert result.dropped == {}
    assert result.frame["y"].tolist() == ["a", "a", "b"]
    assert result.frame[ROW_ID].is_unique


@given(rows)
@settings(max_examples=30)
def test_each_row_is_cleaned_as_if_alone(values: list[tuple[Any, ...]]) -> None:
    frame = table(values)
    schema = learn_schema(frame, recipe())
    whole = clean(frame, recipe(), "all", schema).frame.drop(columns=ROW_ID)
    alone = [
        clean(frame[i : i + 1], recipe(), "all", schema).frame.drop(columns=ROW_ID) for i in range(len(frame))
    ]
    pd.testing.assert_frame_equal(pd.concat(alone, ignore_index=True), whole)


def test_raw_rows_are_not_changed_and_no_rows_stay_no_rows() -> None:
    raw = pd.DataFrame({"x": pd.array([1, 1], dtype="Int64"), "y": ["a", "a"]})
    before = raw.copy(deep=True)
    clean(raw, recipe(), "all")
    pd.testing.assert_frame_equal(raw, before)
    assert clean(raw[:0], recipe(), "all").frame.empty


def test_cleaning_twice_changes_nothing() -> None:
    raw = pd.DataFrame({"x": [1, 2], "text": ["a", None], "y": [True, False]})
    once = clean(raw, recipe(), "all").frame
    pd.testing.assert_frame_equal(clean(once, recipe(), "all").frame, once)


@pytest.mark.parametrize(
    ("found", "known", "expected"),
    [
        (["1", "True", "0", "yes"], ["0", "1"], ["1", "1", "0", "1"]),
        (["1", "True", "0", "yes"], [], ["1", "True", "0", "yes"]),
        (["yes", "0"], ["0", "1", "True", "yes"], ["yes", "0"]),
        (["T", "N"], [], ["T", "N"]),
        (["F", "N"], [], ["F", "N"]),
        (["N", "T", "F", "Y"], [], ["N", "T", "F", "Y"]),
        (["T"], ["N", "Y"], ["T"]),
        (["Y", "N"], ["0", "1"], ["Y", "N"]),
        (["y", "n"], ["N", "Y"], ["Y", "N"]),
        (["Y", "N"], ["no", "yes"], ["yes", "no"]),
        (["t"], ["False", "True"], ["True"]),
        (["T", "N"], ["no", "yes"], ["T", "N"]),
        (["t"], ["F"], ["T"]),
        (["True", "False"], ["0", "1"], ["1", "0"]),
        (["1", "0"], ["False", "True"], ["True", "False"]),
        (["YES", "no"], ["No", "Yes"], ["Yes", "No"]),
        (["True"], ["0"], ["1"]),
        (["f", "m"], ["F", "M"], ["F", "M"]),
        (["Late ", "LATE"], ["early", "late"], ["late", "late"]),
        (["a", "A"], ["a", "A"], ["a", "A"]),
        (["0", "1", "2"], [], ["0", "1", "2"]),
        (["no", "maybe"], ["0", "1"], ["no", "maybe"]),
    ],
)
def test_one_class_has_one_spelling(found: list[str], known: list[str], expected: list[str]) -> None:
    assert spelled_alike(pd.Series(found, dtype=object), known).tolist() == expected


def test_a_new_column_waits_and_changes_no_identity() -> None:
    raw = pd.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]})
    schema = Schema(columns={"x": "number"})
    made = recipe()
    before, after = (clean(frame, made, "b", schema) for frame in (raw, raw.assign(w=1)))
    assert (before.waiting, after.waiting) == ((), ("w",))
    pd.testing.assert_frame_equal(before.frame, after.frame)
