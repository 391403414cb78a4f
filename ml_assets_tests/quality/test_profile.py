"""What a data profile says is what the table is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ml_assets.quality.profile import BINS, TOGETHER, _pairs, association
from ml_assets.records import ColumnProfile
from ml_assets_tests.reports.test_data import profiled, shop

RANDOM = np.random.default_rng(3)


def column(frame: pd.DataFrame, name: str) -> ColumnProfile:
    return next(each for each in profiled(frame).columns if each.column == name)


def test_figures_of_a_column_are_those_of_a_frame_made_by_hand() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 100.0, None, 2.5, 3.5, 1.5, 4.5]
    found = column(pd.DataFrame({"x": values, "y": ["a", "b"] * 5}), "x")
    known = np.array([v for v in values if v is not None])
    assert found.missing == 0.1
    assert found.distinct == 9
    assert found.mean == pytest.approx(known.mean())
    assert found.sd == pytest.approx(known.std())
    assert found.quantiles == pytest.approx((1, 2, 3, 4, 100))
    assert found.outliers == pytest.approx(1 / 9)
    assert sum(found.bins) == 9
    assert len(found.bins) == BINS


def test_association_is_what_the_textbook_has() -> None:
    x = pd.Series(RANDOM.normal(size=400))
    y = pd.Series(x + RANDOM.normal(size=400))
    assert association(x, y) == pytest.approx(abs(stats.spearmanr(x, y)[0]), abs=1e-4)
    first, second = pd.Series(list("aabb") * 50), pd.Series(list("ccdd") * 50)
    assert association(first, second) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("kinds", ["numbers", "categories", "number and category", "category and number"])
def test_what_is_independent_does_not_go_together(kinds: str) -> None:
    """Chance is taken off, with as many levels as a category may have: on average nothing is left of it."""
    number, text = RANDOM.normal(size=2_000), RANDOM.choice([f"l{k}" for k in range(40)], 2_000)
    pairs = {
        "numbers": (number, RANDOM.normal(size=2_000)),
        "categories": (text, RANDOM.choice(list("abc"), 2_000)),
        "number and category": (number, RANDOM.choice(list("abc"), 2_000)),
        "category and number": (text, number),
    }
    first, second = (pd.Series(values) for values in pairs[kinds])
    assert (association(first, second) or 0.0) < 0.1


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=40), st.floats(0.5, 100), st.floats(-10, 10))
def test_units_change_no_association(values: list[float], factor: float, shift: float) -> None:
    x = pd.Series(values).round(3)
    y = pd.Series(np.arange(len(values), dtype=float))
    before, after = association(x, y), association(x * 2.0**4, y)
    assert before == after
    assert before is None or 0 <= before <= 1


def test_features_come_in_the_order_in_which_they_tell() -> None:
    frame = shop(2_000)
    frame["y"] = np.where(frame["age"] > 50, "yes", "no")
    profile = profiled(frame)
    features = [each for each in profile.columns if each.role == "feature"]
    assert [each.column for each in features] == ["age", "channel"]
    assert features[0].tells > 0.8 > 0.1 > features[1].tells


def test_columns_that_say_the_same_are_named_as_a_pair() -> None:
    frame = shop(500).assign(euros=lambda f: f["age"] * 2.5 + 1, noise=RANDOM.normal(size=500))
    (pair,) = profiled(frame).pairs
    assert {pair.first, pair.second} == {"age", "euros"}
    assert pair.correlation >= TOGETHER


@given(st.floats(0.0, 0.85), st.integers(0, 50))
def test_what_is_missing_makes_no_pair_and_hides_none(missing: float, seed: int) -> None:
    """Two columns that are missing in the same rows need not go together; two that are one in other rows do."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(2_000, 3))
    gone = random.random((2_000, 2)) < missing
    frame = pd.DataFrame(
        {
            "a": np.where(gone[:, 0], np.nan, values[:, 0]),
            "b": np.where(gone[:, 0], np.nan, values[:, 1]),
            "c": np.where(gone[:, 0], np.nan, values[:, 2]),
            "d": np.where(gone[:, 1], np.nan, values[:, 2]),
        }
    )
    (pair,) = _pairs(frame, list("abcd"))
    assert {pair.first, pair.second} == {"c", "d"}
    assert pair.correlation == pytest.approx(frame["c"].rank().corr(frame["d"].rank()), abs=1e-3)


def test_batches_tell_rows_and_labels() -> None:
    frame = shop(900).assign(batch__=lambda f: f["day"].dt.strftime("%Y-%m-01"))
    frame.loc[frame["batch__"] == "2024-03-01", "y"] = None
    profile = profiled(frame)
    assert profile.share_of == "yes"
    assert [each.batch for each in profile.batches] == ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert sum(each.rows for each in profile.batches) == 900
    assert profile.batches[-1].labelled == 0
    assert profile.batches[-1].target is None
    first = frame[frame["batch__"] == "2024-01-01"]["y"]
    assert profile.batches[0].target == pytest.approx((first == "yes").mean())
