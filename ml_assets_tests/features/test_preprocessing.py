from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from ml_assets.features.columns import Roles, roles
from ml_assets.features.preprocessing import build, output_columns
from ml_assets.features.values import as_numbers, as_text
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of

ROWS = mixed_rows()


def test_missing_and_unseen_values_become_finite_numbers() -> None:
    transformer = build(roles(ROWS, recipe_of()), recipe_of()).fit(ROWS, ROWS["target"])
    odd = pd.DataFrame(
        {
            "income": [np.nan, np.inf, -1e9, None],
            "age": [1.0, None, np.nan, -np.inf],
            "region": ["west", None, np.nan, ""],
            "plan": [None, 3, True, "a"],
        }
    )
    assert np.isfinite(transformer.transform(odd)).all()


@pytest.mark.parametrize("encoder", ["onehot", "label", "target"])
def test_columns_empty_in_training_break_nothing(encoder: str) -> None:
    recipe = recipe_of(preprocessor={"categorical_strategy": encoder})
    found = Roles(("age", "income"), ("plan", "region"))
    empty = ROWS.assign(income=np.nan, plan=None)
    transformer = build(found, recipe).fit(empty, ROWS["target"])
    assert np.isfinite(transformer.transform(ROWS)).all()
    assert np.isfinite(transformer.transform(empty)).all()


@given(st.permutations(["income", "age", "region", "plan"]), st.booleans())
@settings(max_examples=10)
def test_columns_are_taken_by_name(columns: list[str], extra: bool) -> None:
    transformer = build(roles(ROWS, recipe_of()), recipe_of()).fit(ROWS, ROWS["target"])
    given_rows = ROWS[columns].assign(**({"new": "text"} if extra else {}))
    np.testing.assert_array_equal(transformer.transform(given_rows), transformer.transform(ROWS))


@pytest.mark.parametrize(
    ("scaler", "imputation", "expected"),
    [
        ("standard", "mean", (SimpleImputer(strategy="mean"), StandardScaler())),
        ("minmax", "median", (SimpleImputer(strategy="median"), MinMaxScaler())),
        ("robust", "mode", (SimpleImputer(strategy="most_frequent"), RobustScaler())),
    ],
)
def test_numbers_are_imputed_and_scaled_as_the_recipe_says(
    scaler: str, imputation: str, expected: tuple[SimpleImputer, StandardScaler]
) -> None:
    params = {
        "numerical_strategy": scaler,
        "missing_strategy": imputation,
        "categorical_features": ["region"],
    }
    recipe = recipe_of(preprocessor=params)
    got = build(Roles(("age",), ()), recipe).fit_transform(ROWS)
    imputer, scale = expected
    wanted = scale.fit_transform(imputer.fit_transform(ROWS[["age"]]))[:, 0]
    np.testing.assert_allclose(got[:, 0], wanted, atol=1e-12)
    assert len(np.unique(got[ROWS["age"].isna(), 1])) == 1
    assert got.shape == (len(ROWS), 2)


def test_missing_is_a_category_and_rare_levels_share_a_column() -> None:
    frame = pd.DataFrame({"c": ["a"] * 10 + ["b"] * 10 + [None] * 10 + ["r1", "r2"]})
    transformer = build(Roles((), ("c",)), recipe_of()).fit(frame)
    assert list(transformer.get_feature_names_out()) == [
        "categorical__c_a",
        "categorical__c_b",
        "categorical__c_missing",
        "categorical__c_infrequent_sklearn",
    ]
    unseen, rare = transformer.transform(pd.DataFrame({"c": ["new", "r1"]}))
    np.testing.assert_array_equal(unseen, rare)


def test_no_row_s_own_target_is_in_its_code() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"c": [f"level {k}" for k in rng.integers(0, 150, 300)]})
    y = np.where(rng.random(300) < 0.5, "yes", "no")
    recipe = recipe_of(preprocessor={"categorical_strategy": "target"})
    code = build(Roles((), ("c",)), recipe).fit_transform(frame, y)[:, 0]
    assert np.corrcoef(code, y == "yes")[0, 1] < 0.15


@pytest.mark.parametrize("strategy", ["onehot", "label", "target"])
def test_every_encoder_tells_levels_apart(strategy: str) -> None:
    recipe = recipe_of(task="regression", preprocessor={"categorical_strategy": strategy})
    frame = pd.DataFrame({"c": ["a", "b"] * 50})
    code = build(Roles((), ("c",)), recipe).fit(frame, np.tile([1.0, 5.0], 50)).transform(frame)
    assert (code[0] != code[1]).any()
    np.testing.assert_array_equal(code[0], code[2])


def test_text_in_a_number_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"age: is a numeric feature of the model, but .*old"):
        as_numbers(pd.DataFrame({"age": ["12", "old"]}))


def test_a_number_reads_the_same_however_it_is_stored() -> None:
    kinds = [
        pd.Series([1.0, 2.0]),
        pd.Series([1, 2]),
        pd.Series(["1", "2"]),
        pd.Series([1, 2], dtype="Int64"),
    ]
    assert {tuple(as_text(pd.DataFrame({"c": values}))["c"]) for values in kinds} == {("1", "2")}


def test_no_feature_left_says_why() -> None:
    with pytest.raises(ValueError, match=r"No feature is left of 1 columns: target: target"):
        build(roles(ROWS[["target"]], recipe_of()), recipe_of())


OWN: list[dict[str, Any]] = [
    {},
    {"missing_strategy": "mode"},
    {"outlier_detection": True},
    {"outlier_detection": True, "outlier_method": "isolation_forest"},
    {"outlier_detection": True, "outlier_method": "zscore", "outlier_treatment": "flag"},
    {
        "column_sets": [
            {"columns": ["age", "plan"], "missing_strategy": "mode", "categorical_strategy": "label"}
        ]
    },
]


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("encoder", ["onehot", "label", "target"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("more", OWN)
def test_a_feature_changes_its_own_outputs_only(
    encoder: str, typed: bool, classes: int, more: dict[str, Any]
) -> None:
    rng = np.random.default_rng(0)
    frame = mixed_rows(400).drop(columns=["target", "row_id__"])
    frame["town"] = [f"t{k}" for k in (rng.integers(0, 20, 400) ** 2) // 9]  # some of them rare
    recipe = recipe_of(preprocessor={"categorical_strategy": encoder, **more})
    found = roles(frame.assign(target="x"), recipe)
    y = rng.integers(0, classes, 400).astype(str)
    transformer = build(found, recipe, typed=typed)
    before = np.asarray(
        transformer.fit_transform(frame, y) if typed else transformer.fit(frame, y).transform(frame)
    )
    places = output_columns(transformer)
    assert places is not None
    assert sorted(k for own in places.values() for k in own) == list(range(before.shape[1]))
    for name in found.features:
        shuffled = frame.assign(**{name: rng.permutation(frame[name].to_numpy())})
        after = np.asarray(transformer.transform(shuffled))
        changed = ~((before == after) | (np.isnan(before) & np.isnan(after))).all(axis=0)
        assert set(np.flatnonzero(changed)) == set(places[name])
