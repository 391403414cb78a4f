"""Time of a single row: a median, of the form that is served."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from ml_assets.compiled import latency
from ml_assets.compiled.latency import FEWEST, REPEATS, WARM, of_estimator, seconds_alone


def ticking(seconds: list[float]) -> Iterator[float]:
    """A clock that is looked at before and after each answer."""
    now = 0.0
    for each in seconds:
        yield now
        now += each
        yield now


@given(st.lists(st.sampled_from([0.001, 5.0]), min_size=REPEATS, max_size=REPEATS))
def test_the_time_is_that_of_most_answers_whatever_a_few_take(taken: list[float]) -> None:
    slow = taken.count(5.0)
    clock = ticking(taken)
    found, answers = seconds_alone(str, ["a", "b"], clock.__next__)
    assert FEWEST <= answers <= REPEATS
    seen = taken[:answers]
    assert found == pytest.approx(float(np.median(seen)))
    assert slow or (found, answers) == (pytest.approx(0.001), REPEATS)


def test_each_row_has_its_turn_and_the_first_answers_do_not_count() -> None:
    asked: list[int] = []
    clock = ticking([0.0] * REPEATS)
    seconds_alone(asked.append, [1, 2, 3], clock.__next__)
    assert asked == [1, 2, 3] * ((WARM + REPEATS) // 3) + [1, 2, 3][: (WARM + REPEATS) % 3]


def test_an_estimator_is_timed_compiled_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=["a", "b", "c"])
    linear, near = Ridge().fit(X, X["a"]), KNeighborsRegressor().fit(X, X["a"])
    asked: list[object] = []

    def keep(answer: object, rows: list[object], *_: object) -> tuple[float, int]:
        asked.append(answer)
        return 1.0, 1

    monkeypatch.setattr(latency, "seconds_alone", keep)
    assert of_estimator(linear, X[:1]) == of_estimator(near, X[:1]) == 1.0
    assert asked[0] != linear.predict and asked[1] == near.predict
