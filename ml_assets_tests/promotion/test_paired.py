"""Exchanged models exchange the sign; unlabelled rows are nothing; Holm corrects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.evaluation.segments import holm, segments
from ml_assets.promotion.paired import compare
from ml_assets.quality.groups import edges_of, groups_of


def classifiers(rows: int, random_state: int = 0) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(random_state)
    yes = random.random(rows) < 0.3
    noise = random.normal(size=rows)
    sides = []
    for signal in (0.8, 1.2):
        chance = 1 / (1 + np.exp(-(signal * (yes - 0.5) + noise + random.normal(size=rows))))
        answer = np.where(chance > 0.5, "yes", "no")
        sides.append(
            pd.DataFrame({"prediction": answer, "probability_no": 1 - chance, "probability_yes": chance})
        )
    return pd.Series(np.where(yes, "yes", "no"), dtype=object), *sides


def test_metric_without_a_formula_has_an_error() -> None:
    result = compare(*classifiers(400), "f1", positive="yes")
    assert result is not None and result.error > 0


def test_exchanged_models_exchange_the_sign() -> None:
    y, first, second = classifiers(500)
    there, back = (
        compare(y, first, second, "roc_auc", positive="yes"),
        compare(y, second, first, "roc_auc", positive="yes"),
    )
    assert there is not None and back is not None
    assert there.gain == -back.gain and there.error == pytest.approx(back.error)
    assert there.p_worse() == pytest.approx(1 - back.p_worse())


def test_of_unlabelled_rows_nothing_is_made() -> None:
    y, first, second = classifiers(500)
    some = y.where(y.index < 300, None)
    assert compare(some, first, second, "roc_auc", positive="yes") == compare(
        y[:300], first[:300], second[:300], "roc_auc", positive="yes"
    )


def test_one_class_has_no_area_under_the_curve() -> None:
    y, first, second = classifiers(50)
    assert compare(y.where(y == "none", "no"), first, second, "roc_auc", positive="yes") is None


def test_holm_is_between_the_raw_value_and_bonferroni() -> None:
    random = np.random.default_rng(2)
    for size in (1, 2, 5, 30):
        raw = list(random.random(size) ** 3)
        for p_value, corrected in zip(raw, holm(raw), strict=True):
            assert p_value - 1e-12 <= corrected <= min(1.0, size * p_value) + 1e-12
    assert holm([]) == []


def test_segments_cover_each_value_and_what_is_missing() -> None:
    frame = pd.DataFrame(
        {
            "region": ["north", "north", "south", None, "south"] * 20,
            "age": np.arange(100.0),
            "children": [0.0, 1.0, 2.0, np.nan] * 25,
            "twin": [1.0, 1.0, 1.0, None] * 25,
            "full": [1.0] * 100,
        }
    )
    found = segments(frame, ["region", "age", "children"], ["children", "twin", "full"])
    sizes = {name: int(rows.sum()) for name, rows in found.items()}
    assert sizes == {
        "region=north": 40,
        "region=south": 40,
        "region missing": 20,
        "age 0 to 24.75": 25,
        "age 24.75 to 49.5": 25,
        "age 49.5 to 74.25": 25,
        "age 74.25 to 99": 25,
        "children=0.0": 25,
        "children=1.0": 25,
        "children=2.0": 25,
        "children missing and twin missing": 25,
    }
    with pytest.raises(KeyError, match=r"evaluation\.segments: 'county'"):
        segments(frame, ["county"], [])


NUMBERS = st.one_of(
    st.lists(st.one_of(st.floats(), st.integers(0, 40).map(float)), min_size=1, max_size=80),
    st.builds(  # a narrow band far from 0: air pressure, a place on a map
        lambda start, step, count: [start + step * k for k in range(count)],
        st.sampled_from([0.0, 45.1, 1_013.0, -101_325.0, 1.7e9]),
        st.floats(1e-9, 1e-1),
        st.integers(11, 60),
    ),
)


@given(NUMBERS)
def test_each_row_is_in_one_segment_of_a_number_an_infinite_one_in_the_missing(values: list[float]) -> None:
    column = pd.Series(values)
    found = segments(pd.DataFrame({"ratio": column}), ["ratio"], ["ratio"])
    assert not found or (sum(rows.astype(int) for rows in found.values()) == 1).all()
    unseen = ~(column.abs() <= 1e38).to_numpy()
    if 0 < unseen.sum() < len(unseen):
        assert (found["ratio missing"] == unseen).all()


@given(NUMBERS)
def test_each_row_is_in_one_group_of_people_however_near_the_numbers_are(values: list[float]) -> None:
    column = pd.Series(values)
    column = column[column.isna() | (column.abs() <= 1e38)]
    found = groups_of(column, edges_of(column, None))
    assert (sum((rows.astype(int) for rows in found.values()), np.zeros(len(column))) == 1).all()
