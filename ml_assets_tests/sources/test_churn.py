"""The demo's data: two events, nothing else, and what they do to a model."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ml_assets.sources.churn import CONCEPT, SHIFT, generate, main, month, write

FEATURES = ["tenure_months", "monthly_charges", "support_calls", "data_gb", "lines", "satisfaction"]


@pytest.fixture(scope="module")
def months() -> dict[int, pd.DataFrame]:
    return {number: month(number) for number in range(1, 25)}


def matrix(*frames: pd.DataFrame) -> tuple[pd.DataFrame, Any]:
    rows = pd.concat(frames)
    columns = pd.get_dummies(rows.drop(columns=["customer_id", "month", "churned"]), dtype=float)
    return columns.astype(float), rows["churned"].to_numpy(dtype=int)


def test_each_month_is_about_two_thousand_customers_of_that_month(months: dict[int, pd.DataFrame]) -> None:
    for number, frame in months.items():
        assert 1900 <= len(frame) <= 2100
        assert set(frame["month"]) == {pd.Timestamp(2024 + (number - 1) // 12, (number - 1) % 12 + 1, 1)}
        assert 0.16 <= frame["churned"].mean() <= 0.29
    assert len({len(frame) for frame in months.values()}) > 10
    assert pd.concat(months.values())["customer_id"].is_unique


def test_the_same_seed_gives_the_same_month_and_another_seed_another() -> None:
    pd.testing.assert_frame_equal(month(3, 100), month(3, 100))
    assert not month(3, 100, random_state=1).equals(month(3, 100, random_state=2))


def test_only_the_newest_month_waits_for_its_labels() -> None:
    labelled = generate(months=3, rows=50).groupby("month")["churned"].count()
    assert (labelled > 0).tolist() == [True, True, False]


def test_two_columns_have_a_few_per_cent_missing(months: dict[int, pd.DataFrame]) -> None:
    missing = pd.concat(months.values()).isna().mean()
    assert set(missing[missing > 0].index) == {"support_calls", "data_gb"}
    assert missing.max() < 0.06


def test_inputs_move_in_month_13_and_at_no_other_time(months: dict[int, pd.DataFrame]) -> None:
    def moved(number: int) -> set[str]:
        pairs = {
            name: (months[number - 1][name].dropna(), months[number][name].dropna()) for name in FEATURES
        }
        return {name for name, (a, b) in pairs.items() if stats.ks_2samp(a, b).pvalue < 1e-4}

    assert {number for number in range(2, 25) if moved(number)} == {SHIFT}
    assert moved(SHIFT) == {"monthly_charges", "data_gb"}
    shares = [frame["contract"].value_counts(normalize=True)["month-to-month"] for frame in months.values()]
    assert max(shares[: SHIFT - 1]) < 0.5 < 0.55 < min(shares[SHIFT - 1 :])


@pytest.mark.parametrize("random_state", [7, 1])
def test_a_model_of_the_first_months_does_worse_after_each_event_and_a_new_one_recovers(
    random_state: int,
) -> None:
    from sklearn.metrics import roc_auc_score
    from xgboost import XGBClassifier

    months = {number: month(number, random_state=random_state) for number in range(1, 25)}

    def auc(trained_on: range, scored_on: range) -> float:
        model = XGBClassifier(n_estimators=100, max_depth=3, learning_rate=0.1, n_jobs=1, random_state=0)
        model.fit(*matrix(*(months[number] for number in trained_on)))
        scores = []
        for number in scored_on:
            X, y = matrix(months[number])
            scores.append(roc_auc_score(y, model.predict_proba(X)[:, 1]))
        return float(np.mean(scores))

    first, end = range(1, 5), 25
    quiet = auc(first, range(5, SHIFT))
    assert 0.97 <= quiet <= 0.995
    assert auc(first, range(SHIFT, CONCEPT)) <= quiet - 0.02
    assert auc(first, range(CONCEPT, end)) <= quiet - 0.08
    assert auc(range(SHIFT, SHIFT + 2), range(SHIFT + 2, CONCEPT)) >= quiet - 0.02
    assert auc(range(CONCEPT, CONCEPT + 2), range(CONCEPT + 2, end)) >= quiet - 0.02
    assert auc(range(SHIFT, CONCEPT), range(CONCEPT, end)) <= quiet - 0.08


def test_files_are_one_a_month_and_time_passing_only_adds_labels(tmp_path: Path) -> None:
    main([str(tmp_path), "--months", "13", "--rows", "40"])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert (len(names), names[0], names[-1]) == (13, "churn-2024-01.parquet", "churn-2025-01.parquet")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    old = pd.read_parquet(tmp_path / names[-1])
    write(tmp_path, months=14, rows=40)
    assert {name for name, content in before.items() if (tmp_path / name).read_bytes() != content} == {
        names[-1]
    }
    new = pd.read_parquet(tmp_path / names[-1])
    assert old["churned"].isna().all() and new["churned"].notna().all()
    pd.testing.assert_frame_equal(old.drop(columns="churned"), new.drop(columns="churned"))
