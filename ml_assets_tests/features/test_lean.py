"""The imputer and the transformer of columns that copy less give scikit-learn's own numbers, to the last bit."""

import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ml_assets.features import preprocessing
from ml_assets.features.columns import Roles
from ml_assets.features.lean import LeanColumns, LeanImputer, LeanScaler
from ml_assets.recipe.schema import Recipe

VALUES = st.sampled_from([np.nan, 0.0, -0.0, 1.5, 1e300, -1e-300]) | st.floats(-1e9, 1e9)
TABLES = arrays(np.float64, st.tuples(st.integers(1, 30), st.integers(1, 5)), elements=VALUES)


def same(first: Any, second: Any) -> bool:
    return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()


@given(TABLES, TABLES, st.sampled_from(["median", "mean", "most_frequent"]), st.booleans(), st.booleans())
def test_the_imputer_is_scikit_learns(
    learned: Any, asked: Any, strategy: str, indicator: bool, keep: bool
) -> None:
    width = min(learned.shape[1], asked.shape[1])
    learned, asked = np.asfortranarray(learned[:, :width]), np.asfortranarray(asked[:, :width])
    options = {"strategy": strategy, "add_indicator": indicator, "keep_empty_features": keep}
    if not keep and np.isnan(learned).all(axis=0).any():
        return  # it leaves the column out, and warns
    theirs, ours = SimpleImputer(**options).fit(learned), LeanImputer(**options).fit(learned)
    assert same(ours.statistics_, theirs.statistics_)
    assert same(np.ascontiguousarray(ours.transform(asked)), np.ascontiguousarray(theirs.transform(asked)))
    assert list(ours.get_feature_names_out()) == list(theirs.get_feature_names_out())


WIDE = arrays(np.float64, st.tuples(st.integers(2, 40), st.integers(1, 11)), elements=VALUES)


@given(WIDE, st.booleans(), st.booleans())
@pytest.mark.filterwarnings("ignore:(overflow|invalid value|divide by zero):RuntimeWarning")
def test_the_scaler_is_scikit_learns(learned: Any, mean: bool, by_columns: bool) -> None:
    X = np.asfortranarray(learned) if by_columns else learned
    theirs, ours = (kind(with_mean=mean).fit(X) for kind in (StandardScaler, LeanScaler))
    for name in ("mean_", "var_", "scale_"):
        assert same(getattr(ours, name), getattr(theirs, name))
    assert np.array_equal(ours.n_samples_seen_, theirs.n_samples_seen_)
    assert ours.n_features_in_ == theirs.n_features_in_
    assert same(ours.transform(X), theirs.transform(X))


def test_no_more_than_one_copy_of_many_rows_is_made() -> None:
    """The frame and what becomes of it: the columns that are selected are prepared in their place."""
    recipe = Recipe.model_validate(
        {
            "name": "wide",
            "model": {
                "class_path": "sklearn.linear_model.Ridge",
                "loader": {"source_uri": "rows.csv"},
                "data_interface": {"task_type": "regression", "target_col": "y"},
            },
        }
    )
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{k}": rng.normal(size=20_000) for k in range(30)})
    before = frame.copy()
    transformer = preprocessing.build(Roles(tuple(frame.columns), ()), recipe)
    size = frame.to_numpy().nbytes
    tracemalloc.start()
    found = transformer.fit_transform(frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.nbytes == size and peak < 1.5 * size
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("branches", [1, 2])
@pytest.mark.parametrize("pandas", [False, True])
def test_the_transformer_of_columns_is_scikit_learns(branches: int, pandas: bool) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.normal(size=50), "b": rng.normal(size=50), "c": rng.choice(list("xy"), 50)}
    )
    parts = [("numbers", StandardScaler(), ["a", "b"]), ("levels", OneHotEncoder(sparse_output=False), ["c"])]
    made = []
    for kind in (ColumnTransformer, LeanColumns):
        one = kind(parts[:branches], sparse_threshold=0.0)
        one = one.set_output(transform="pandas") if pandas else one
        made.append((one.fit_transform(frame), one.transform(frame), one.output_indices_))
    assert made[0][2] == made[1][2]
    for theirs, ours in zip(made[0][:2], made[1][:2], strict=True):
        assert type(theirs) is type(ours)
        np.testing.assert_array_equal(np.asarray(theirs), np.asarray(ours))
