"""Search spaces and estimators inside hyperparameters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.recipe.faults import Faults, dotted
from ml_assets.recipe.space import (
    Categorical,
    Float,
    Int,
    Nested,
    Space,
    as_written,
    filled,
    searched,
)
from ml_assets.recipe.space_text import parse_hyperparameters

FOREST = "sklearn.ensemble.RandomForestClassifier"
XGB = "xgboost.XGBClassifier"
TREES = {"n_estimators": {"type": "int", "low": 50, "high": 200}}
VOTING = {
    "estimators": [
        {"name": "rf", "estimator": {"class_path": FOREST, "hyperparameters": TREES}},
        {"name": "xgb", "estimator": {"class_path": XGB, "hyperparameters": TREES}},
    ],
    "voting": "soft",
}

WHOLE = st.integers(-1000, 1000)
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)
CHOICES = st.none() | st.booleans() | WHOLE | st.text(max_size=5) | st.lists(WHOLE, max_size=2)
SPACES = st.one_of(
    st.builds(lambda a, b: {"type": "int", "low": min(a, b), "high": max(a, b)}, WHOLE, WHOLE),
    st.builds(lambda a, b: {"type": "float", "low": min(a, b), "high": max(a, b)}, NUMBERS, NUMBERS),
    st.builds(
        lambda a, b: {"type": "int", "low": a, "high": a + b, "log": True},
        st.integers(1, 9),
        st.integers(0, 9),
    ),
    st.builds(
        lambda found: {"type": "categorical", "choices": found},
        st.lists(CHOICES, min_size=1, max_size=4, unique_by=repr),
    ),
)
HYPERPARAMETERS = st.dictionaries(st.from_regex(r"[a-z]{3,8}", fullmatch=True), SPACES | CHOICES, max_size=5)


@pytest.mark.parametrize(
    ("written", "space"),
    [
        ({"type": "int", "low": 1, "high": 9}, Int(1, 9)),
        ({"type": "int", "low": 1, "high": 9, "step": 2}, Int(1, 9, step=2)),
        ({"type": "int", "low": 1, "high": 9, "log": True}, Int(1, 9, log=True)),
        ({"type": "float", "low": 0, "high": 1}, Float(0.0, 1.0)),
        ({"type": "float", "low": 0.1, "high": 1, "log": True}, Float(0.1, 1.0, log=True)),
        ({"type": "categorical", "choices": ["a", None, [1, 2]]}, Categorical(("a", None, (1, 2)))),
    ],
)
def test_spaces_are_read(written: dict[str, Any], space: Space) -> None:
    assert parse_hyperparameters({"x": written}) == {"x": space}


@pytest.mark.parametrize(
    ("written", "key", "words"),
    [
        ({"type": "int", "low": 5, "high": 1}, "x.low", "low 5 is above high 1"),
        ({"type": "int", "low": 1.5, "high": 3}, "x.low", "found 1.5; allowed: a whole number"),
        ({"type": "int", "low": True, "high": 3}, "x.low", "found True"),
        ({"type": "int", "low": 1, "high": 9, "step": 2, "log": True}, "x.step", "exclude each other"),
        ({"type": "int", "low": 1, "high": 9, "step": 0}, "x.step", "1 or more"),
        ({"type": "int", "low": 0, "high": 9, "log": True}, "x.low", "above 0"),
        ({"type": "int", "low": 1, "high": 9, "log": "yes"}, "x.log", "true or false"),
        ({"type": "int", "low": 1}, "x", "needs `high`"),
        ({"type": "int", "low": 1, "hihg": 2}, "x.hihg", "Did you mean 'high'?"),
        ({"type": "float", "low": 0, "high": 1, "step": 0.1}, "x.step", "Allowed: type, low, high, log"),
        ({"type": "float", "low": 0, "high": float("inf")}, "x.high", "finite"),
        ({"type": "float", "low": "1e-3", "high": 1}, "x.low", "found '1e-3'"),
        ({"type": "categorical", "choices": []}, "x.choices", "at least one"),
        ({"type": "categorical", "choices": "abc"}, "x.choices", "a list"),
        ({"type": "categorical", "choices": ["a", "a"]}, "x.choices[1]", "twice"),
        ({"type": "categorical", "choices": [{"a": 1}]}, "x.choices[0]", "text, numbers"),
        ({"type": "uniform", "low": 0, "high": 1}, "x.type", "Allowed: int, float, categorical"),
        ({"type": ["int"], "low": 0, "high": 1}, "x.type", "Allowed: int, float, categorical"),
        ({"low": 0, "high": 1}, "x", "needs `type`"),
        ({"class_path": "os.system"}, "x.class_path", "is not allowed"),
        ({"class_path": 3}, "x.class_path", "found 3"),
        ({"class_path": XGB, "params": {}}, "x.params", "Allowed: class_path, hyperparameters"),
        ({"class_path": XGB, "hyperparameters": 3}, "x.hyperparameters", "found 3"),
        ({"class_path": XGB, "hyperparameters": {"y": {"type": "in"}}}, "x.hyperparameters.y.type", "'int'"),
        ([{"type": "int", "low": 5, "high": 1}], "x[0].low", "above"),
    ],
)
def test_a_wrong_space_is_refused_at_its_key(written: Any, key: str, words: str) -> None:
    with pytest.raises(Faults) as caught:
        parse_hyperparameters({"x": written})
    ((found, message),) = caught.value.faults
    assert dotted(found) == key
    assert words in message


@pytest.mark.parametrize(
    ("members", "key"),
    [
        ([{"name": "rf"}], "estimators[0]"),
        (["rf"], "estimators[0]"),
        ([{"name": "a.b", "estimator": {"class_path": XGB}}], "estimators[0].name"),
        ([{"name": "a", "estimator": {"class_path": XGB}}] * 2, "estimators[1].name"),
        ([{"name": "a", "estimator": "drop"}], "estimators[0].estimator"),
        ([{"name": "a", "estimator": {"class_path": "os.system"}}], "estimators[0].estimator.class_path"),
    ],
)
def test_a_wrong_member_of_an_ensemble_is_refused_at_its_key(members: list[Any], key: str) -> None:
    with pytest.raises(Faults) as caught:
        parse_hyperparameters({"estimators": members})
    ((found, _),) = caught.value.faults
    assert dotted(found) == key


def test_every_fault_is_reported() -> None:
    with pytest.raises(Faults) as caught:
        parse_hyperparameters({"a": {"type": "int", "low": 2, "high": 1}, "b": {"type": "x"}})
    assert [dotted(key) for key, _ in caught.value.faults] == ["a.low", "b.type"]


def test_class_weights_are_no_search_space() -> None:
    weights = {"class_weight": {"low": 1, "high": 5}}
    assert parse_hyperparameters(weights) == weights


def test_spaces_inside_estimators_are_walked_by_dotted_path() -> None:
    assert searched(parse_hyperparameters(VOTING)) == {
        "estimators.rf.n_estimators": Int(50, 200),
        "estimators.xgb.n_estimators": Int(50, 200),
    }


def test_filling_the_spaces_keeps_the_structure() -> None:
    parsed = parse_hyperparameters(VOTING)
    full = filled(parsed, {"estimators.rf.n_estimators": 60, "estimators.xgb.n_estimators": 70})
    assert full["estimators"][1] == {"name": "xgb", "estimator": Nested(XGB, {"n_estimators": 70})}
    assert full["voting"] == "soft"
    assert searched(parsed), "the given hyperparameters are not changed"
    with pytest.raises(KeyError, match=r"estimators\.xgb\.n_estimators"):
        filled(parsed, {"estimators.rf.n_estimators": 60})


@given(HYPERPARAMETERS)
def test_written_hyperparameters_are_read_again(hyperparameters: dict[str, Any]) -> None:
    parsed = parse_hyperparameters(hyperparameters)
    assert parse_hyperparameters(as_written(parsed)) == parsed
    assert parse_hyperparameters(parsed) == parsed


@given(HYPERPARAMETERS)
def test_nothing_is_left_to_search_once_filled(hyperparameters: dict[str, Any]) -> None:
    parsed = parse_hyperparameters(hyperparameters)
    values = {path: space.choices[0] if isinstance(space, Categorical) else space.low
              for path, space in searched(parsed).items()}  # fmt: skip
    full = filled(parsed, values)
    assert searched(full) == {}
    assert full.keys() == parsed.keys()
