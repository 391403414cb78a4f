"""The imputer and the transformer of columns that copy less give scikit-learn's own numbers, to the last bit."""

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

from ml_assets.features.lean import LeanColumns, LeanImputer

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
