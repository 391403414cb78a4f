import time

import pytest

from ml_assets.lifecycle import news
from ml_assets.lifecycle.news import News


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_trials_are_told_with_the_time_left(clock: list[float]) -> None:
    said: list[str] = []
    told = News("churn", said.append)
    for done in (3, 4, 5):  # goes on after an interruption: two were done before
        told.trial(done, 8, 0.75)
        clock[0] += 20.0
    assert said == [
        "churn: trial 3 of 8, best so far 0.75",
        "churn: trial 4 of 8, best so far 0.75, about 1 min 20 s left",
        "churn: trial 5 of 8, best so far 0.75, about 1 min left",
    ]


def test_no_more_time_is_left_than_the_search_has(clock: list[float]) -> None:
    said: list[str] = []
    told = News("churn", said.append, limit=70.0)
    for done in (1, 2, 3, 4):
        told.trial(done, 90, 0.75)
        clock[0] += 20.0
    assert [line.rpartition(", ")[2] for line in said[1:]] == [
        "about 50 s left",
        "about 30 s left",
        "about 10 s left",
    ]


def test_columns_are_told_now_and_then_only(clock: list[float]) -> None:
    said: list[str] = []
    told = News("wide", said.append)
    for done in range(10, 2001, 10):
        told.column(done, 2000)
        clock[0] += 0.1
    assert len(said) == 3
    assert said[0] == "wide: weight of column 520 of 2,000, about 15 s left"


def test_what_takes_long_is_told_at_once(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    said: list[str] = []
    told = News("wide", said.append)
    with caplog.at_level("INFO", logger=news.logger.name):
        told.begins("the gate")
        told.begins("last fit", 42.0)
    assert said == ["wide: the gate", "wide: last fit, about 42 s"]
    assert [record.message for record in caplog.records] == ["wide: last fit, about 42 s"]
