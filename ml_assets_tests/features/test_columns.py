import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.features.columns import roles, roles_of
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of

N = 30
ROWS = pd.DataFrame(
    {
        "target": ["a", "b"] * (N // 2),
        "row_id__": np.arange(N, dtype=np.uint64),
        "batch__": ["2024-01-01"] * N,
        "at": pd.date_range("2024-01-01", periods=N),
        "customer": [f"c{k % 7}" for k in range(N)],
        "secret": np.linspace(0, 1, N),
        "code": [f"id-{k}" for k in range(N)],
        "counter": np.arange(N, dtype=float),
        "same": [1.0] * N,
        "empty": [np.nan] * N,
        "void": [None] * N,
        "holes": [1.0, np.nan] * (N // 2),
        "age": np.linspace(20, 60, N) + 0.5,
        "level": ["x", "y", None] * (N // 3),
        "flag": [True, False] * (N // 2),
    }
)


def test_every_column_is_a_feature_or_has_a_reason() -> None:
    recipe = recipe_of(interface={"entity_cols": ["customer"]}, preprocessor={"exclude_cols": ["secret"]})
    found = roles(ROWS, recipe)
    assert found.numeric == ("age", "holes")
    assert found.categorical == ("flag", "level")
    assert {column: reason.split()[0] for column, reason in found.excluded.items()} == {
        "target": "target",
        "row_id__": "reserved",
        "batch__": "reserved",
        "at": "date",
        "customer": "identifies",
        "secret": "left",
        "code": "identifier:",
        "counter": "row",
        "same": "constant",
        "empty": "no",
        "void": "no",
    }


@given(st.permutations(list(ROWS.columns)), st.integers(0, 100))
def test_roles_do_not_depend_on_order(columns: list[str], seed: int) -> None:
    shuffled = ROWS[columns].sample(frac=1, random_state=seed)
    found, expected = roles(shuffled, recipe_of()), roles(ROWS, recipe_of())
    assert (found.features, found.excluded) == (expected.features, expected.excluded)


def test_a_list_names_all_columns_of_its_kind() -> None:
    found = roles(ROWS, recipe_of(preprocessor={"categorical_features": ["holes", "flag"]}))
    assert found.categorical == ("flag", "holes")
    assert "not in the preprocessor's list" in found.excluded["level"]
    found = roles(ROWS, recipe_of(preprocessor={"numerical_features": ["counter"]}))
    assert found.numeric == ("counter",)
    assert "not in the preprocessor's list" in found.excluded["age"]


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_repeated_whole_numbers_are_no_counter(share: float) -> None:
    frame = mixed_rows()
    frame["visits"] = np.arange(len(frame)) * share // 1
    assert "visits" in roles(frame, recipe_of()).numeric


def test_chosen_features_keep_their_kinds() -> None:
    found = roles(ROWS, recipe_of())
    again = roles_of(found.features, ROWS.head(4), recipe_of())
    assert (again.numeric, again.categorical) == (found.numeric, found.categorical)
