from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.names import POINT
from ml_assets.training.splits import folds, labelled_rows, split
from ml_assets_tests.support.shop import points
from ml_assets_tests.support.training_examples import mixed_rows, recipe_of, weekly_rows

BATCHES = {"column": "at", "period": "weekly"}
SVD = "sklearn.decomposition.TruncatedSVD"


@given(st.integers(20, 120), st.floats(0.05, 0.6), st.booleans(), st.booleans())
@settings(max_examples=40)
def test_parts_are_a_partition(n: int, share: float, by_time: bool, stratify: bool) -> None:
    recipe = recipe_of(
        evaluation={"validation": {"test_size": share, "stratify": stratify}},
        **({"batches": BATCHES} if by_time else {}),
    )
    frame = weekly_rows(n)
    train, test = split(frame, recipe)
    assert sorted([*train["row_id__"], *test["row_id__"]]) == sorted(frame["row_id__"])
    assert len(test) == int(np.ceil(share * n))
    if by_time:
        assert train["at"].max() <= test["at"].min()


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_split_does_not_depend_on_the_order_of_rows(seed: int) -> None:
    for recipe in (recipe_of(), recipe_of(batches=BATCHES)):
        frame = weekly_rows(100)
        shuffled = frame.sample(frac=1, random_state=seed)
        for part, again in zip(split(frame, recipe), split(shuffled, recipe), strict=True):
            assert list(part["row_id__"]) == list(again["row_id__"])


def test_classes_keep_their_shares() -> None:
    frame = mixed_rows(500)
    train, test = split(frame, recipe_of())
    assert (test["target"] == "yes").mean() == pytest.approx((train["target"] == "yes").mean(), abs=0.01)


def test_rows_without_a_target_are_in_no_part() -> None:
    frame = mixed_rows(100)
    frame.loc[:9, "target"] = None
    assert sum(map(len, split(frame, recipe_of()))) == 90
    with pytest.raises(ValueError, match="none of the 100 rows has a target"):
        split(frame.assign(target=None), recipe_of())


def test_a_class_with_one_row_does_not_stop_the_split() -> None:
    frame = mixed_rows(60)
    frame.loc[0, "target"] = "maybe"
    train, test = split(frame, recipe_of())
    assert (len(train), len(test)) == (48, 12)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_folds_are_a_partition_class_by_class(task: str) -> None:
    rows = labelled_rows(mixed_rows(103, task=task), recipe_of(task))
    parts = folds(rows, recipe_of(task))
    assert len(parts) == 5
    assert sorted(np.concatenate([validation for _, validation in parts])) == list(range(103))
    for train, validation in parts:
        assert set(train) | set(validation) == set(range(103))
        assert not set(train) & set(validation)
        if task == "classification":
            assert (rows["target"].iloc[validation] == "yes").mean() == pytest.approx(
                (rows["target"] == "yes").mean(), abs=0.06
            )


def test_folds_by_time_judge_on_newer_rows() -> None:
    recipe = recipe_of(batches=BATCHES)
    rows = labelled_rows(weekly_rows(), recipe)
    for train, validation in folds(rows, recipe):
        assert rows["at"].iloc[train].max() <= rows["at"].iloc[validation].min()


def test_folds_of_one_class_are_left_out() -> None:
    recipe = recipe_of(batches=BATCHES)
    rows = labelled_rows(weekly_rows(), recipe)
    rows["target"] = np.where(np.arange(len(rows)) < 90, "no", rows["target"])
    parts = folds(rows, recipe)
    assert 0 < len(parts) < 5
    for fold in parts:
        assert all(rows["target"].iloc[part].nunique() == 2 for part in fold)


def test_a_class_too_rare_to_judge_still_teaches() -> None:
    rows = labelled_rows(mixed_rows(60), recipe_of())
    rows.iloc[:2, list(rows.columns).index("target")] = "maybe"
    for train, validation in folds(rows, recipe_of()):
        assert {0, 1} <= set(train)
        assert not {0, 1} & set(validation)


def test_one_class_cannot_be_learned() -> None:
    rows = labelled_rows(mixed_rows(60).assign(target="no"), recipe_of())
    with pytest.raises(ValueError, match="all 60 rows are of one class, 'no'"):
        folds(rows, recipe_of())


def test_many_rows_of_an_automatic_search_get_three_folds() -> None:
    rows = pd.DataFrame({"target": np.tile(["a", "b"], 2501)})
    assert len(folds(rows, recipe_of())) == 3
    assert len(folds(rows, recipe_of(training={"folds": 4}))) == 4
    assert len(folds(rows, recipe_of(class_path="xgboost.XGBClassifier"))) == 5


@given(st.integers(8, 120), st.floats(0.05, 0.6), st.integers(1, 5), st.booleans())
@settings(max_examples=40)
def test_a_time_series_is_parted_between_moments(n: int, share: float, alike: int, batches: bool) -> None:
    made = {"batches": BATCHES} if batches else {"model": {"feature_engineering": {"time_col": "at"}}}
    recipe = recipe_of("timeseries", evaluation={"validation": {"test_size": share}})
    recipe = recipe.model_validate(merged(recipe.model_dump(mode="json"), made))
    frame = weekly_rows(n).assign(target=1.0)
    frame["at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) // alike, unit="D")
    frame = frame.sample(frac=1, random_state=n)
    if -(-n // alike) < 4:
        return
    train, test = split(frame, recipe)
    assert train["at"].max() < test["at"].min()
    assert len(train) + len(test) == n
    rows = labelled_rows(frame, recipe)
    for older, newer in folds(rows, recipe):
        assert rows["at"].iloc[older].max() < rows["at"].iloc[newer].min()


def test_a_time_series_of_one_time_cannot_be_parted() -> None:
    frame = weekly_rows(40).assign(at=pd.Timestamp("2024-01-01"), target=1.0)
    recipe = recipe_of("timeseries", batches=BATCHES)
    with pytest.raises(ValueError, match="at: all 40 labelled rows are of one time"):
        split(frame, recipe)
    with pytest.raises(ValueError, match="1 different times are too few"):
        folds(labelled_rows(frame, recipe), recipe)


@given(st.integers(0, 99), st.floats(0.05, 0.5), st.integers(1, 40))
@settings(max_examples=40)
def test_what_a_user_had_at_one_time_is_not_parted(seed: int, share: float, moments: int) -> None:
    recipe = recipe_of(
        "recommendation", SVD, batches=BATCHES, evaluation={"validation": {"test_size": share}}
    )
    random = np.random.default_rng(seed)
    frame = weekly_rows(300)[["row_id__"]].assign(batch__="all")
    days = np.sort(random.integers(0, moments, 300))
    frame["at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D")
    frame["user"], frame["item"] = random.choice(["a", "b", "c", "d"], 300), random.choice(["x", "y"], 300)
    frame[POINT] = points(frame)
    train, test = split(frame.sample(frac=1, random_state=seed), recipe)
    assert len(train) and sorted([*train["row_id__"], *test["row_id__"]]) == sorted(frame["row_id__"])
    assert train["at"].max() <= test["at"].min()
    visits = [set(zip(part["at"], part["user"], strict=True)) for part in (train, test)]
    assert not visits[0] & visits[1]
    many = frame["at"].value_counts().max() <= share * 300 / 2
    assert not many or train["at"].max() < test["at"].min()
    if frame["at"].nunique() > 5:
        rows = labelled_rows(frame, recipe)
        for older, newer in folds(rows, recipe):
            assert rows["at"].iloc[older].max() < rows["at"].iloc[newer].min()


def merged(base: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    return base | {
        name: merged(base[name], value) if isinstance(base.get(name), dict) else value
        for name, value in part.items()
    }
