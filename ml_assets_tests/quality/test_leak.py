"""A column that holds the answer is found whatever its form; columns that are only good, or only last, are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.features.cleaning import clean
from ml_assets.features.columns import roles
from ml_assets.promotion.leaks import told as sentence
from ml_assets.quality.leak import suspected_leaks
from ml_assets_tests.support.training_examples import SHARED, recipe_of

ROWS = 400
RNG = np.random.default_rng(0)
SIGNAL = RNG.normal(size=ROWS)
CLASS = np.where(SIGNAL + RNG.normal(size=ROWS) > 0, "yes", "no")
THREE = RNG.choice(["a", "b", "c"], ROWS)
PRICE = 100 * RNG.lognormal(size=ROWS)
NOISE = RNG.normal(size=ROWS)
HOURS = pd.date_range("2024-01-01", periods=3_001, freq="h")
WALK = np.cumsum(RNG.normal(size=3_001))
STATE = np.cumsum(RNG.random(3_001) < 0.02) % 2
BY_TIME: dict[str, Any] = {"batches": {"column": "t", "period": "monthly"}}


def found(y: Any, column: Any, task: str = "classification", **sections: Any) -> list[str]:
    rows = pd.DataFrame({"x": RNG.normal(size=len(y)), "column": column, "y": y})
    if sections:
        rows["t"] = HOURS[: len(y)]
    recipe = recipe_of(task, target="y", **sections)
    return [leak.column for leak in suspected_leaks(rows, ["x", "column"], recipe) if leak.sure]


def told(rows: pd.DataFrame, task: str = "regression", **sections: Any) -> list[tuple[set[str], bool]]:
    """Columns that tell `y` and whether that is sure, of all columns but the time."""
    features = [str(name) for name in rows.columns.drop("y") if name != "t"]
    leaks = suspected_leaks(rows, features, recipe_of(task, target="y", **sections))
    return [(set(leak.columns), leak.sure) for leak in leaks]


def flipped(share: float) -> Any:
    return np.where(RNG.random(ROWS) < share, np.where(CLASS == "yes", "no", "yes"), CLASS)


FLIPPED = flipped(0.02)
LEAKS_OF_A_CLASS = {
    "a copy": CLASS,
    "a code": np.where(CLASS == "yes", 7.0, 3.0),
    "a copy with exceptions": FLIPPED,
    "filled in afterwards": np.where(CLASS == "yes", NOISE, np.nan),
    "whether filled in, with exceptions": np.where(FLIPPED == "yes", NOISE, np.nan),
    "many codes": np.where(CLASS == "yes", RNG.choice(list("abcd"), ROWS), RNG.choice(list("efgh"), ROWS)),
    "ids sorted by the answer": np.argsort(np.argsort(CLASS, kind="stable")) * 1.7,
    "two-sided": np.where(CLASS == "yes", np.abs(NOISE), np.abs(NOISE) + 10) * RNG.choice([-1, 1], ROWS),
}
LEAKS_OF_A_NUMBER = {
    "affine": 2 * PRICE + 3,
    "falling": -PRICE,
    "rounded": np.round(PRICE, -1),
    "measured again": PRICE + NOISE * PRICE.std() / 100,
    "logarithm": np.log(PRICE),
    "a copy with exceptions": np.where(RNG.random(ROWS) < 0.03, RNG.permutation(PRICE), PRICE),
    "bands": pd.cut(PRICE, [0, 50, 100, 200, 1e9]).astype(str),
}


@pytest.mark.parametrize("name", LEAKS_OF_A_CLASS)
def test_leak_of_a_class(name: str) -> None:
    assert found(CLASS, LEAKS_OF_A_CLASS[name]) == ["column"]


@pytest.mark.parametrize("name", LEAKS_OF_A_NUMBER)
def test_leak_of_a_number(name: str) -> None:
    assert found(PRICE, LEAKS_OF_A_NUMBER[name], "regression") == ["column"]


def test_function_of_one_of_three_classes() -> None:
    assert found(THREE, THREE == "a") == ["column"]


@given(st.permutations(range(3)), st.booleans())
def test_whatever_the_codes(codes: list[int], as_text: bool) -> None:
    coded = pd.Series(THREE).map(dict(zip("abc", codes, strict=True)))
    assert found(THREE, coded.astype(str) if as_text else coded.astype(float)) == ["column"]


ONE, TWO, THREE_OF_THEM = RNG.lognormal(3, 0.6, (3, ROWS)).round(1)
SUMS = {
    "sum": ONE + TWO,
    "difference": ONE - TWO,
    "of three": 100 - ONE - 2 * TWO - 0.5 * THREE_OF_THEM,
    "product": ONE * TWO,
    "ratio": ONE / TWO,
    "power": ONE / TWO**2,
    "distance": np.abs(ONE - TWO),
    "larger": np.maximum(ONE, TWO),
    "product and sum": ONE * TWO + THREE_OF_THEM,
    "sum with exceptions": np.where(RNG.random(ROWS) < 0.05, RNG.permutation(ONE), ONE + TWO),
    "sum, rounded": (3 * ONE + 3 * TWO).round(),
}


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("empty", [0.0, 0.1])
def test_columns_that_make_up_a_number_are_named(name: str, empty: float) -> None:
    rows = pd.DataFrame({"a": ONE, "b": TWO, "c": THREE_OF_THEM, "d": NOISE, "kind": THREE, "y": SUMS[name]})
    rows["a"] = rows["a"].where(RNG.random(ROWS) >= empty)
    assert told(rows) == [({"a", "b", "c"} if "three" in name or "and" in name else {"a", "b"}, True)]


@pytest.mark.parametrize("made", [ONE - TWO, ONE + TWO, ONE * TWO, ONE / TWO], ids=["-", "+", "×", "/"])
def test_two_columns_that_part_classes_are_named(made: Any) -> None:
    late = np.where(made > np.quantile(made, 0.7), "late", "in time")
    bands = pd.qcut(pd.Series(made), 4).astype(str)
    for classes in (late, bands):
        rows = pd.DataFrame({"a": ONE, "b": TWO, "d": NOISE, "y": classes})
        assert told(rows, "classification") == [({"a", "b"}, True)]


def test_formula_is_told() -> None:
    rows = pd.DataFrame({"net": ONE, "tax": TWO, "off": THREE_OF_THEM})
    made = {
        "y = 2 net + tax - off": 2 * ONE + TWO - THREE_OF_THEM,
        "y = 3 × net / tax^2": 3 * ONE / TWO**2,
    }
    for words, y in made.items():
        (leak,) = suspected_leaks(
            rows.assign(y=y), ["net", "tax", "off"], recipe_of("regression", target="y")
        )
        assert leak.text == f"{words} in all rows"


@given(st.floats(0.1, 2.0))
@settings(max_examples=5, deadline=None)
def test_sum_with_noise_is_honest(noise: float) -> None:
    made = ONE + TWO + noise * ONE.std() * NOISE
    assert told(pd.DataFrame({"a": ONE, "b": TWO, "c": THREE_OF_THEM, "y": made})) == []


def test_what_is_measured_again_is_told_and_is_not_sure() -> None:
    made = ONE + TWO + 0.03 * ONE.std() * NOISE
    assert told(pd.DataFrame({"a": ONE, "b": TWO, "c": THREE_OF_THEM, "y": made})) == [({"a", "b"}, False)]
    again = PRICE + PRICE.std() * NOISE / 20
    assert told(pd.DataFrame({"a": again, "c": ONE, "y": PRICE})) == [({"a"}, False)]


def test_lags_of_a_number_are_no_sum_and_its_parts_are() -> None:
    smooth = np.convolve(WALK, np.ones(5) / 5, "valid")
    rows = pd.DataFrame(
        {"a": smooth[1:-1], "b": smooth[:-2], "d": RNG.normal(size=len(smooth) - 2), "y": smooth[2:]}
    )
    assert told(rows.assign(t=HOURS[: len(rows)]), **BY_TIME) == []
    parts = rows.assign(a=rows["d"], b=rows["y"] - rows["d"], d=rows["a"], t=HOURS[: len(rows)])
    assert told(parts, **BY_TIME) == [({"a", "b"}, True)]


def test_easy_target_that_is_told_more_than_once_is_no_leak() -> None:
    """Each of four parts tells it nearly perfectly; beside noise the same column is a leak."""
    parts = pd.DataFrame({f"part{k}": (CLASS == "yes") * 7 + RNG.normal(size=ROWS) for k in range(4)})
    assert {sure for _, sure in told(parts.assign(y=CLASS), "classification")} <= {False}
    alone = parts[["part0"]].assign(noise=NOISE, y=CLASS)
    assert told(alone, "classification") == [({"part0"}, True)]


def test_less_sure_copies_are_told_and_keep_no_model_out() -> None:
    codes = np.where(FLIPPED == "yes", RNG.choice(list("abcd"), ROWS), RNG.choice(list("efgh"), ROWS))
    blocks = np.lexsort((CLASS, np.arange(ROWS) // 40)).argsort() * 1.7
    for column in (flipped(0.04), codes, blocks):
        assert told(pd.DataFrame({"column": column, "x": NOISE, "y": CLASS}), "classification") == [
            ({"column"}, False)
        ]


@pytest.mark.parametrize("error", [0.02, 0.05, 0.2])
def test_good_is_not_too_good(error: float) -> None:
    """A feature that is wrong in one of fifty rows, as the best of real ones are, is honest."""
    lucky = RNG.random(ROWS) < error
    assert found(CLASS, np.where(lucky, NOISE, (CLASS == "yes") * 5 + NOISE)) == []
    assert found(PRICE, PRICE * (1 + 10 * error * np.abs(NOISE)), "regression") == []


def test_row_before_is_no_leak_of_what_lasts() -> None:
    assert found(WALK[1:], WALK[:-1], "regression", **BY_TIME) == []
    assert found(STATE[1:].astype(str), STATE[:-1], **BY_TIME) == []
    assert found(np.arange(3_000.0) + RNG.random(3_000), HOURS[:3_000].month, "regression", **BY_TIME) == []


def test_leak_of_what_lasts_is_one() -> None:
    assert found(WALK, 3 * WALK + 1, "regression", **BY_TIME) == ["column"]
    assert found(STATE.astype(str), STATE + RNG.normal(size=3_001) / 10, **BY_TIME) == ["column"]
    customers = {"interface": {"entity_cols": ["x"]}}  # each seen once: nothing follows anything
    assert found(WALK, 3 * WALK + 1, "regression", **BY_TIME, **customers) == ["column"]


def test_who_was_treated_is_no_target_and_no_remedy_is_to_hide_it() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"age": rng.integers(18, 80, 2000), "bought": rng.integers(0, 2, 2000)})
    rows["called"] = (rows["age"] < 50).astype(int)
    recipe = recipe_of(
        "causal",
        target="bought",
        interface={"treatment_col": "called"},
        class_path="ml_assets.uplift.SLearner",
        hyperparameters={"learner": {"class_path": "sklearn.linear_model.Ridge"}},
    )
    (leak,) = suspected_leaks(rows, ["age"], recipe)
    said = sentence([leak])
    assert leak.of == "treatment" and "'age' alone tells who was treated" in said
    assert "Leave" not in said and "by chance" in said


def test_few_rows_say_nothing() -> None:
    assert found(CLASS[:29], CLASS[:29]) == []
    assert found(CLASS[:40], CLASS[:40]) == ["column"]


def test_chance_finds_nothing_among_many_columns() -> None:
    rows = pd.DataFrame(RNG.normal(size=(60, 400))).add_prefix("c").assign(y=RNG.choice(["a", "b"], 60))
    for task in ("classification", "regression"):
        target = rows.assign(y=rows["y"] if task == "classification" else RNG.normal(size=60))
        assert suspected_leaks(target, rows.columns[:-1], recipe_of(task, target="y")) == ()


def table(name: str) -> pd.DataFrame:
    if not (SHARED / f"{name}.csv").is_file():
        pytest.skip("the shared data sets are not here")
    return pd.read_csv(SHARED / f"{name}.csv")


@pytest.mark.parametrize(
    ("name", "target", "time"),
    [
        ("adult", "income", None),
        ("bank_marketing", "y", "contact_month"),
        ("bike_hour", "cnt", "timestamp"),  # casual and registered make it up
        ("california_housing", "median_house_value", None),
        ("elec2", "target", "timestamp"),
        ("german_credit", "class", None),
        ("metro_traffic", "traffic_volume", "date_time"),
        ("noaa_weather", "rain", "date"),
        ("occupancy", "Occupancy", "date"),
    ],
)
def test_no_column_of_real_data(name: str, target: str, time: str | None) -> None:
    rows = table(name)
    task = "regression" if target in ("cnt", "median_house_value", "traffic_volume") else "classification"
    for column in {None, time}:
        sections = {"batches": {"column": column, "period": "monthly"}} if column else {}
        recipe = recipe_of(task, target=target, **sections)
        given_rows = rows.assign(**{column: pd.to_datetime(rows[column])}) if column else rows
        known = clean(given_rows, recipe, "all").frame
        found = [leak.columns for leak in suspected_leaks(known, roles(known, recipe).features, recipe)]
        assert found == ([("casual", "registered")] if name == "bike_hour" else [])


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
def test_no_column_of_textbooks(name: str) -> None:
    import sklearn.datasets

    rows = getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame
    recipe = recipe_of("regression" if name == "diabetes" else "classification")
    known = clean(rows, recipe, "all").frame
    assert suspected_leaks(known, roles(known, recipe).features, recipe) == ()
