"""Small batches are judged together, each once, as one batch of all their rows would be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.features.columns import Roles
from ml_assets.monitoring.detectable import batches_until_told, small_batches, smallest_shift
from ml_assets.monitoring.drift import drift_report
from ml_assets.monitoring.performance import performance_report
from ml_assets.monitoring.pooling import waiting
from ml_assets.monitoring.reference import InMemory, Scored
from ml_assets.records import DriftReport, PerformanceReport, Score
from ml_assets_tests.support.references import champion

RNG = np.random.default_rng(0)
COLUMNS = list("abcd")
LEARNED = pd.DataFrame(RNG.normal(size=(3_000, 4)), columns=COLUMNS)
NUMBERS = InMemory(LEARNED, Roles(tuple(COLUMNS), ()))
HOLDOUT = Score(value=0.8, low=0.78, high=0.82)


def label(place: int) -> str:
    return f"2024-01-{1 + place:02}"


def drifts(batches: list[pd.DataFrame], version: int = 1) -> list[DriftReport]:
    reports: list[DriftReport] = []
    for place, batch in enumerate(batches):
        pool = waiting(reports, version, label(place))
        frames = {each: batches[int(each[-2:]) - 1] for each in pool}
        known = champion(NUMBERS)
        reports.append(drift_report(label(place), batch, known, earlier=reports, pool=frames))
    return reports


def scored(place: int, right: float, rows: int, learned: int = 0) -> Scored:
    y = pd.Series(RNG.choice(["no", "yes"], rows), dtype=object)
    wrong = RNG.permutation(rows) >= round(right * rows)
    other = np.where(y == "no", "yes", "no")
    return Scored(
        label(place), y, pd.DataFrame({"prediction": np.where(wrong, other, y)}), np.arange(rows) < learned
    )


def performances(batches: list[Scored]) -> list[PerformanceReport]:
    known = champion(metric="accuracy", holdout=HOLDOUT)
    reports: list[PerformanceReport] = []
    by_label = {batch.batch: batch for batch in batches}
    for place, batch in enumerate(batches):
        pool = [by_label[each] for each in waiting(reports, 1, batch.batch)]
        reports.append(performance_report(label(place + 1), known, batch, reports, pool))
    return reports


def normal(rows: int, shift: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame(RNG.normal(size=(rows, 4)), columns=COLUMNS) + shift * np.array([1, 0, 0, 0])


def test_shift_that_no_batch_can_show_is_shown_by_five() -> None:
    reports = drifts([normal(70, 0.5) for _ in range(7)])
    assert [report.status for report in reports] == ["insufficient_data"] * 4 + ["drift"] + [
        "insufficient_data"
    ] * 2
    found = reports[4]
    assert found.pooled == tuple(label(place) for place in range(4)) and found.rows == 70
    assert found.text.startswith("5 batches together, 2024-01-01 to 2024-01-05, 350 rows: ")
    assert "140 of 300 rows in 2 batches so far" in reports[6].text
    assert [column.column for column in found.columns if column.drifted] == ["a"]


def test_small_batches_raise_no_false_alarm() -> None:
    reports = drifts([normal(40) for _ in range(25)])
    assert {report.status for report in reports} == {"ok", "insufficient_data"}


def test_column_that_is_absent_from_a_small_batch_is_a_fault_and_left_out_of_the_pool() -> None:
    batches = [normal(100), normal(100).drop(columns="b"), normal(100), normal(100)]
    reports = drifts(batches)
    assert [report.status for report in reports] == ["insufficient_data", "fault", "insufficient_data", "ok"]
    assert reports[3].pooled == (label(0), label(2))


def test_pool_is_scored_as_one_batch_of_its_rows() -> None:
    parts = [scored(0, 0.6, 120), scored(1, 0.7, 120, learned=20), scored(2, 0.5, 120)]
    found = performances(parts)[-1]
    fresh = [slice(0, None), slice(20, None), slice(0, None)]
    y = pd.concat([part.y[rows] for part, rows in zip(parts, fresh, strict=True)], ignore_index=True)
    answers = [part.predictions[rows] for part, rows in zip(parts, fresh, strict=True)]
    whole = Scored(label(2), y, pd.concat(answers, ignore_index=True))
    alone = performance_report(label(3), champion(metric="accuracy", holdout=HOLDOUT), whole)
    assert (found.rows, found.score, found.p_value) == (340, alone.score, alone.p_value)
    assert found.pooled == (label(0), label(1)) and "340 rows of 3 batches together" in found.text


@settings(max_examples=20)
@given(st.lists(st.integers(1, 320), min_size=1, max_size=12))
def test_every_row_is_judged_once_at_most(sizes: list[int]) -> None:
    reports = performances([scored(place, 0.8, rows) for place, rows in enumerate(sizes)])
    used = [
        each for report in reports if report.status == "ok" for each in (*report.pooled, report.scored_batch)
    ]
    assert len(used) == len(set(used))
    rows = 0
    for size, report in zip(sizes, reports, strict=True):
        enough = size >= 300 or rows + size >= 300
        assert (report.status == "ok") == enough
        rows = 0 if enough else rows + size


@pytest.mark.parametrize(
    ("statuses", "versions", "left"),
    [
        (["insufficient_data", "insufficient_data"], [1, 1], [0, 1]),
        (["insufficient_data", "ok", "insufficient_data"], [1, 1, 1], [2]),
        (["insufficient_data", "in_sample", "waiting", "insufficient_data"], [1] * 4, [0, 3]),
        (["insufficient_data", "insufficient_data"], [1, 2], [1]),
        (["insufficient_data", "insufficient_data", "insufficient_data"], [2, 1, 2], [2]),
        ([], [], []),
    ],
)
def test_what_waits(statuses: list[str], versions: list[int], left: list[int]) -> None:
    now = versions[-1] if versions else 1
    reports = [
        PerformanceReport.model_validate(
            {
                "batch": label(place + 1), "scored_batch": label(place), "champion_version": version,
                "status": status, "metric": "accuracy", "direction": "maximize", "rows": 10, "coverage": 1.0,
            }
        )
        for place, (status, version) in enumerate(zip(statuses, versions, strict=True))
    ]  # fmt: skip
    assert waiting(reports, now, label(9)) == [label(place) for place in left]


def test_what_is_said_to_show_is_shown() -> None:
    """Four of five pools show the shift that is promised; a tenth more is allowed to chance and to ranks."""
    shift = smallest_shift(350, 3_000, 4)
    found = [drifts([normal(350, 1.05 * shift)])[0].status == "drift" for _ in range(60)]
    assert 0.6 <= np.mean(found) <= 0.97


def test_larger_batches_tell_sooner() -> None:
    told = [batches_until_told(rows, 2_000) for rows in (20, 60, 200, 1_000)]
    assert (
        all(each is not None for each in told)
        and told == sorted(told, reverse=True)
        and told[0] > told[-1] == 1
    )
    assert batches_until_told(1_000, 60) is None
    assert "10 can ask for a training" in small_batches(60, 600, 120, 3, 300, 2)
