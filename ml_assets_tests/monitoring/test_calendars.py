"""Columns that tell the time of their batch are known as such, and judged by nothing but being there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from ml_assets.monitoring.calendars import calendar_columns
from ml_assets.monitoring.past import Past
from ml_assets.recipe.schema import Monitoring
from ml_assets_tests.support.references import compared

TELLS = {
    "week": lambda days, rng: days.isocalendar().week.to_numpy(),
    "week_from_sunday": lambda days, rng: days.strftime("%U").astype(float),
    "month": lambda days, rng: days.month,
    "month_sine": lambda days, rng: np.sin(2 * np.pi * days.month / 12).round(3),
    "day_of_year": lambda days, rng: days.dayofyear,
    "days_since_opening": lambda days, rng: (days - pd.Timestamp("2019-05-03")).days,
    "unix": lambda days, rng: days.astype("int64") // 10**9,
    "months_since": lambda days, rng: 12 * days.year + days.month - 12 * 2020,
    "yyyymm": lambda days, rng: 100 * days.year + days.month,
    "rate_of_the_batch": lambda days, rng: np.full(len(days), rng.normal(1.1, 0.02)),
    "name_of_month": lambda days, rng: days.month_name(),
    "year_and_week": lambda days, rng: days.strftime("%G-W%V"),
    "campaign": lambda days, rng: np.where(rng.random(len(days)) < 0.05, days.strftime("%b%y"), None),
}
TELLS_NOTHING = {
    "number": lambda days, rng: rng.normal(size=len(days)),
    "count": lambda days, rng: rng.poisson(3, len(days)),
    "truth": lambda days, rng: rng.integers(0, 2, len(days)),
    "tenure": lambda days, rng: rng.integers(0, 72, len(days)),
    "trend": lambda days, rng: rng.normal(size=len(days)) + 2.0 * days.month,
    "temperature": lambda days, rng: 10 + 9 * np.sin(days.dayofyear / 58) + rng.normal(size=len(days)),
    "kind": lambda days, rng: rng.choice(list("abc"), len(days)),
    "shop": lambda days, rng: rng.choice(200, len(days)).astype(str),
    "holiday": lambda days, rng: np.where(rng.random(len(days)) < 0.04, "yes", None),
}


def rows(first: str, after: str, seed: int = 0, count: int = 400) -> pd.DataFrame:
    """Rows of random days of one batch."""
    rng = np.random.default_rng(seed)
    start, end = pd.Timestamp(first), pd.Timestamp(after)
    days = pd.DatetimeIndex(start + pd.to_timedelta(rng.integers(0, (end - start).days, count), unit="D"))
    made = {name: make(days, rng) for name, make in (TELLS | TELLS_NOTHING).items()}
    return pd.DataFrame(made).assign(batch__=first)


def stream(period: str, batches: int) -> list[pd.DataFrame]:
    starts = pd.date_range(
        "2023-04-03", periods=batches + 1, freq={"monthly": "MS", "weekly": "W-MON"}[period]
    )
    labels = [str(start.date()) for start in starts]
    return [rows(label, after, k) for k, (label, after) in enumerate(pairwise(labels))]


def kinds(frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    names = [name for name in frame if name != "batch__"]
    numeric = [name for name in names if pd.api.types.is_numeric_dtype(frame[name])]
    return numeric, [name for name in names if name not in numeric]


@pytest.mark.parametrize(("period", "batches"), [("monthly", 9), ("monthly", 24), ("weekly", 40)])
def test_what_tells_the_time_of_its_batch_is_known_and_nothing_else(period: str, batches: int) -> None:
    frame = pd.concat(stream(period, batches), ignore_index=True)
    assert calendar_columns(Past(frame), *kinds(frame)).keys() == TELLS.keys()


def test_without_batches_nothing_tells_a_time() -> None:
    frame = pd.concat(stream("monthly", 9), ignore_index=True)
    assert calendar_columns(Past(frame.drop(columns="batch__")), *kinds(frame)) == {}
    assert calendar_columns(Past(frame.head(800)), *kinds(frame)) == {}


def test_a_new_month_is_neither_fault_nor_drift_but_an_emptied_calendar_is_a_fault() -> None:
    *past, now = stream("monthly", 10)
    reference = pd.concat(past, ignore_index=True).drop(columns=["temperature", "trend"])
    numeric, categorical = kinds(reference)
    report = compared("2024-02-01", now, reference, numeric, categorical, Monitoring())
    assert report.status == "ok" and report.set_aside.keys() == TELLS.keys(), report.text
    assert report.set_aside["week"] == "tells the time of its batch (week number)"
    emptied = now.assign(week=np.nan, kind=now["kind"].str.upper())
    report = compared("2024-02-01", emptied, reference, numeric, categorical, Monitoring())
    assert [fault.split()[1] for fault in report.faults] == ["'kind'", "'week'"], report.text


SHARES = {
    "holiday's name": ([0.03, 0.0, 0.05, 0.02], True),
    "discount code": ([0.08, 0.15, 0.1, 0.05], True),
    "since the third batch": ([0.0, 0.0, 0.9, 0.9], False),
    "each second batch": ([0.0, 0.9, 0.0, 0.9], True),
    "mostly empty, and steadily": ([0.19, 0.2, 0.19, 0.2], False),
    "one outage": ([0.9] * 7 + [0.0, 0.9], False),
    "full": ([1.0, 1.0, 1.0, 1.0], False),
}


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("value", ["x", 1.5])
def test_an_emptied_column_is_judged_by_its_own_share_in_each_batch(name: str, value: object) -> None:
    shares, sparse = SHARES[name]
    parts = []
    for k, share in enumerate(shares):
        part = pd.DataFrame(
            {"c": [value] * 400, "x": np.random.default_rng(k).normal(size=400)}, dtype=object
        )
        part.loc[round(400 * share) :, "c"] = None
        parts.append(part.assign(x=part["x"].astype(float), batch__=f"b{k}"))
    now = parts[-1].assign(c=None, x=np.random.default_rng(9).normal(size=400))
    text = ["c"] if isinstance(value, str) else []
    numbers = ["x"] if text else ["x", "c"]
    report = compared("b9", now, pd.concat(parts, ignore_index=True), numbers, text, Monitoring())
    assert (report.status != "fault") == sparse, report.text
