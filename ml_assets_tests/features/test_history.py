"""Lags, windows and carried values: of the entity, by time, of earlier rows alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.features.cleaning import clean
from ml_assets.features.columns import Roles, roles
from ml_assets.features.history import beyond, naive_column, past_of, with_past
from ml_assets.features.preprocessing import build, output_columns
from ml_assets.lifecycle.backtest import stream_of_source
from ml_assets.lifecycle.intake import clean_step, raw_step
from ml_assets.lifecycle.state import ModelState
from ml_assets.names import ROW_ID
from ml_assets.quality.contract import check_raw
from ml_assets.recipe.schema import Recipe
from ml_assets.settings import Settings

NAN = float("nan")
LAGS = {"columns": ["price"], "steps": [1, 2]}
ROLLING = {
    "columns": ["price"],
    "windows": [2, "3d"],
    "statistics": ["mean", "std", "min", "max", "sum", "count"],
}
CARRY = {"columns": ["price"], "missing_strategy": "interpolation"}


def recipe(source: str = "rows.csv", entities: tuple[str, ...] = ("shop",), **made: Any) -> Recipe:
    """A recipe of daily batches that looks back."""
    return Recipe.model_validate(
        {
            "name": "looks_back",
            "model": {
                "loader": {"source_uri": source},
                "preprocessor": {"name": "custom_preprocessor", "params": {"column_sets": [CARRY]}},
                "feature_engineering": made or {"lags": LAGS, "rolling": ROLLING},
                "data_interface": {
                    "task_type": "regression",
                    "target_col": "sold",
                    "entity_cols": list(entities),
                },
            },
            "batches": {"column": "at", "period": "daily"},
        }
    )


def rows(*values: tuple[str | None, str | None, float]) -> pd.DataFrame:
    """Shop, day of January and price of each row."""
    frame = pd.DataFrame(values, columns=["shop", "at", "price"]).astype({"shop": object})
    frame["at"] = pd.to_datetime("2024-01-" + frame["at"].astype("string"), format="ISO8601").astype(
        "datetime64[us]"
    )
    return frame.assign(sold=np.arange(len(frame), dtype=float))


TABLE = rows(
    ("a", "01", 10.0), ("b", "01", 1.0), ("a", "02", 20.0), ("a", "02", 40.0), ("a", "05", NAN), ("a", "06", 7.0),
    (None, "06", 5.0), ("a", None, 5.0),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("price_lag_1", [NAN, NAN, 10, 10, 30, NAN, NAN, NAN]),
        ("price_lag_2", [NAN, NAN, NAN, NAN, 10, 30, NAN, NAN]),
        ("price_last_known", [NAN, NAN, 10, 10, 30, 30, NAN, NAN]),
        ("price_mean_2", [NAN, NAN, 10, 10, 20, 30, NAN, NAN]),
        ("price_sum_2", [NAN, NAN, 10, 10, 40, 30, NAN, NAN]),
        ("price_count_2", [0, 0, 1, 1, 2, 1, NAN, NAN]),
        ("price_std_2", [NAN, NAN, NAN, NAN, np.std([10, 30], ddof=1), NAN, NAN, NAN]),
        ("price_max_2", [NAN, NAN, 10, 10, 30, 30, NAN, NAN]),
        ("price_min_2", [NAN, NAN, 10, 10, 10, 30, NAN, NAN]),
        ("price_mean_3d", [NAN, NAN, 10, 10, 30, NAN, NAN, NAN]),
        ("price_count_3d", [0, 0, 1, 1, 1, 0, NAN, NAN]),
    ],
)
def test_figures_of_the_past_follow_their_definition(name: str, expected: list[float]) -> None:
    """Two rows of shop a on the 2nd count as one of 30; on the 6th the 5th misses its price."""
    np.testing.assert_allclose(with_past(TABLE, recipe())[name], expected)


def test_without_an_entity_the_table_is_one_series() -> None:
    found = with_past(TABLE, recipe(entities=()))
    np.testing.assert_allclose(found["price_lag_1"], [NAN, NAN, 5.5, 5.5, 30, NAN, NAN, NAN])


PRICES = st.one_of(st.just(NAN), st.floats(-1e6, 1e6))
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]), st.sampled_from(["01", "02", "03 06:00", "03 18:00", "04"]), PRICES
    ),
    min_size=1,
    max_size=25,
)


@given(ROWS, st.integers(1, 4), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_no_row_changes_what_an_earlier_row_knows_nor_what_it_knows_itself(
    values: list[tuple[str, str, float]], day: int, random: Any
) -> None:
    frame, made = rows(*values), recipe()
    known = with_past(frame, made)
    border = pd.Timestamp(f"2024-01-0{day}")
    later = frame["at"] >= border
    poisoned = frame.assign(
        price=frame["price"].where(~later, -frame["price"].fillna(3.0) * 1e3 + 7), sold=frame["sold"] * 99
    )
    first = (frame["at"] <= frame.loc[later, "at"].min()) if later.any() else ~later
    without = with_past(frame[~later], made)
    for name, column in with_past(poisoned, made).items():
        np.testing.assert_array_equal(column[first], known[name][first])
        np.testing.assert_array_equal(without[name], known[name][~later])
    order = random.sample(range(len(frame)), len(frame))
    for name, column in with_past(frame.iloc[order].reset_index(drop=True), made).items():
        np.testing.assert_array_equal(column, known[name][order])


@given(ROWS)
@settings(max_examples=40)
def test_batch_by_batch_is_as_all_at_once(values: list[tuple[str, str, float]]) -> None:
    frame, made = rows(*values), recipe()
    whole = with_past(frame, made)
    frames: dict[str, pd.DataFrame] = {}
    for day, part in frame.groupby(frame["at"].dt.strftime("%Y-%m-%d")):
        found = with_past(part.reset_index(drop=True), made, past_of(frames, str(day), made))
        frames[str(day)] = part
        for name, column in found.items():
            np.testing.assert_allclose(column, whole[name][part.index], rtol=1e-9, atol=1e-6)


def forecast(horizon: str | None, season: str | None = None, **made: Any) -> Recipe:
    """A time series of prices, told of its past a horizon before each row."""
    section = {"lags": LAGS, "rolling": ROLLING} | made
    section |= {
        name: value for name, value in (("horizon", horizon), ("season", season)) if value is not None
    }
    found = recipe(**section)
    interface = found.model.data_interface.model_copy(
        update={"task_type": "timeseries", "target_col": "price"}
    )
    return found.model_copy(update={"model": found.model.model_copy(update={"data_interface": interface})})


HORIZONS = st.sampled_from([None, "12h", "1d", "2d"])
LATER = pd.Timedelta(1, "us")
"""What is known without a horizon is earlier than the row."""


def by_definition(frame: pd.DataFrame, row: int, ahead: pd.Timedelta) -> dict[str, float]:
    """What is known of the prices of a row's shop at its origin, by one look at each row of the table."""
    shop, at = frame.loc[row, ["shop", "at"]]
    mine = frame[frame["shop"] == shop].groupby("at")["price"].mean()
    known, prices = mine[mine.index <= at - ahead], mine[mine.index <= at - ahead].to_numpy()
    stretch = (
        known[known.index > at - ahead - pd.Timedelta("3d")]
        if ahead != LATER
        else (known[known.index >= at - pd.Timedelta("3d")])
    )
    day = pd.Timedelta("1d")
    season = mine[mine.index <= at - day * max(1, -(-ahead // day))]
    last_two = pd.Series(prices[-2:])
    return {
        "price_lag_1": prices[-1] if len(prices) else NAN,
        "price_lag_2": prices[-2] if len(prices) > 1 else NAN,
        "price_last_known": known.dropna().iloc[-1] if known.notna().any() else NAN,
        "price_mean_2": last_two.mean(),
        "price_count_2": last_two.count(),
        "price_max_3d": stretch.max(),
        "price_mean_3d": stretch.mean(),
        "price_count_3d": stretch.count(),
        "price_season": season.iloc[-1] if len(season) else NAN,
    }


SIZES = st.one_of(
    st.just(NAN), st.floats(9.9, 10.1), st.sampled_from([0.1, 1e5, -1e7, 1e9, 1e9 + 1, 1e18, -1e37, 1e-30])
)


@given(st.lists(SIZES, min_size=3, max_size=30), HORIZONS, st.sampled_from([3, "3d"]))
@settings(max_examples=80)
def test_what_has_left_a_window_does_not_count_however_large_it_was(
    values: list[float], horizon: str | None, window: int | str
) -> None:
    """Each figure is that of the window's values alone."""
    days = pd.date_range("2024-01-01", periods=len(values)).astype("datetime64[us]")
    frame = pd.DataFrame({"shop": "a", "at": days, "price": values, "sold": 0.0})
    names = ("mean", "std", "min", "max", "sum", "count")
    found = with_past(
        frame, forecast(horizon, rolling={"columns": ["price"], "windows": [window], "statistics": [*names]})
    )
    ahead = LATER if horizon is None else pd.Timedelta(horizon)
    for row, at in enumerate(frame["at"]):
        known = pd.Series(values, index=days)[days <= at - ahead]
        begins = at - pd.Timedelta("3d") if horizon is None else at - ahead - pd.Timedelta("2d 23h")
        inside = known.tail(3) if isinstance(window, int) else known[known.index >= begins]
        # Of adding up alone; a spread is that of values less their mean.
        rounding = np.abs(inside).sum() * 1e-15
        for name in names:
            spread = np.std(inside.dropna(), ddof=1) if inside.count() > 1 else NAN
            expected = spread if name == "std" else getattr(inside, name)()
            if name == "sum" and not inside.count():
                expected = found[f"price_sum_{window}"][row]
            np.testing.assert_allclose(
                found[f"price_{name}_{window}"][row], expected, rtol=1e-4, atol=rounding, err_msg=name
            )


@given(ROWS, HORIZONS)
@settings(max_examples=60)
def test_a_horizon_ends_the_past_that_long_before_the_row(
    values: list[tuple[str, str, float]], horizon: str | None
) -> None:
    frame = rows(*values)
    found = with_past(frame, forecast(horizon, "1d"))
    ahead = LATER if horizon is None else pd.Timedelta(horizon)
    for row in frame.index:
        for name, expected in by_definition(frame, row, ahead).items():
            np.testing.assert_allclose(found[name][row], expected, rtol=1e-9, atol=1e-5, err_msg=name)


@given(ROWS, HORIZONS, st.integers(1, 4))
@settings(max_examples=60)
def test_no_value_nearer_than_the_horizon_changes_what_a_row_is_predicted_from(
    values: list[tuple[str, str, float]], horizon: str | None, day: int
) -> None:
    """A value at or after the origin changes nothing of the rows before it, nor of rows nearer than the horizon."""
    frame, made = rows(*values), forecast(horizon, "1d")
    border = pd.Timestamp(f"2024-01-0{day}")
    later = frame["at"] >= border
    poisoned = frame.assign(price=frame["price"].where(~later, 7 - frame["price"].fillna(3.0) * 1e3))
    ahead = LATER if horizon is None else pd.Timedelta(horizon)
    untouched = frame["at"] < border + ahead
    known = with_past(frame, made)
    for name, column in with_past(poisoned, made).items():
        np.testing.assert_array_equal(column[untouched], known[name][untouched])


@given(ROWS, HORIZONS, st.integers(2, 4))
@settings(max_examples=40)
def test_rows_to_come_are_told_what_their_batch_would_be_as_far_ahead_as_is_known(
    values: list[tuple[str, str, float]], horizon: str | None, day: int
) -> None:
    """Without their own values; what lies farther ahead is told apart."""
    frame, made = rows(*values).fillna({"price": 1.0}), forecast(horizon, "1d")
    come = (frame["at"] >= pd.Timestamp(f"2024-01-0{day}")).to_numpy()
    before, after = frame[~come], frame[come].reset_index(drop=True)
    past = past_of({"a": before}, None, made)
    if past is None or after.empty:
        return
    found = with_past(after.drop(columns="price"), made, past)
    far = beyond(after.drop(columns="price"), made, past)
    whole = with_past(frame, made)
    for row, (_, shop, at) in enumerate(after[["shop", "at"]].itertuples()):
        known = before.loc[before["shop"] == shop, "at"].max()
        moments = after.loc[(after["shop"] == shop) & (after["at"] > known), "at"]
        last = moments.min() if horizon is None else known + pd.Timedelta(horizon)
        assert far[row] == (at > last)
        if not far[row] and known == known:
            # What ends at a row's origin is the same; without a horizon the row before is the last that is known.
            for name in ("price_lag_1", "price_lag_2", "price_mean_2", "price_last_known", "price_mean_3d"):
                np.testing.assert_allclose(found[name][row], whole[name][come][row], rtol=1e-9, atol=1e-5)


def test_a_series_is_told_its_own_past_where_the_recipe_asks_for_none() -> None:
    bare = {"lags": None, "rolling": None}
    assert naive_column(forecast(None, **bare)) == "price_lag_1"
    assert naive_column(forecast(None, "7d", **bare)) == "price_season"
    own = {"price_lag_1", "price_lag_2", "price_lag_3", "price_last_known"}
    assert set(with_past(TABLE, forecast(None, **bare))) == {*own, "price_mean_7"}
    assert set(with_past(TABLE, forecast("1d", "7d", **bare))) == {*own, "price_mean_7d", "price_season"}
    assert naive_column(recipe()) is None


def test_the_target_and_batches_out_of_reach_are_not_looked_at() -> None:
    made = recipe(lags=LAGS, history=1)
    frames = {day: rows(("a", day[-2:], float(day[-2:]))) for day in ("2024-01-01", "2024-01-02")}
    past = past_of(frames, "2024-01-03", made)
    assert past is not None
    assert past.columns.tolist() == ["shop", "at", "price"]
    assert past["price"].tolist() == [2.0]
    assert past_of(frames, "2024-01-01", made) is None


def test_a_column_that_is_empty_in_some_batches_or_not_there_yet_has_a_past() -> None:
    made = recipe(entities=("shop",))
    first = rows(("a", "01", 4.0)).drop(columns="price")
    second = rows(("a", "02", 4.0)).assign(price=pd.Series([None], dtype=object))
    third = rows(("a", "03", 6.0))
    frames = {"2024-01-01": first, "2024-01-02": second, "2024-01-03": third}
    found = with_past(rows(("a", "04", 9.0)), made, past_of(frames, "2024-01-04", made))
    assert (found["price_lag_1"][0], found["price_last_known"][0], found["price_count_2"][0]) == (
        6.0,
        6.0,
        1.0,
    )
    assert np.isnan(with_past(second, made, past_of(frames, "2024-01-02", made))["price_lag_1"]).all()
    assert len(with_past(third.iloc[:0], made, past_of(frames, "2024-01-03", made))["price_lag_1"]) == 0
    assert len(with_past(first, made)["price_lag_1"]) == 1


def test_a_missing_number_is_the_last_known_one_and_else_the_median() -> None:
    made = recipe(lags=LAGS)
    frame = clean(TABLE.iloc[:6].assign(at=TABLE["at"]), made, "all").frame
    found = roles(frame, made)
    assert found.numeric == ("price", "price_lag_1", "price_lag_2", "price_last_known")
    transformer = build(found, made).fit(frame)
    names = list(transformer.get_feature_names_out())
    assert not any("last_known" in name for name in names)
    prepared = transformer.named_transformers_["numeric"]
    filled = prepared[:-1].transform(frame[["price", "price_last_known"]])
    assert filled[:, 0].tolist() == [10.0, 1.0, 20.0, 40.0, 30.0, 7.0]
    nothing = pd.DataFrame({"price": [NAN], "price_last_known": [NAN]})
    assert prepared[:-1].transform(nothing)[0, 0] == np.median([10.0, 1.0, 20.0, 40.0, 30.0, 7.0])
    assert output_columns(transformer) is None


def test_a_carrier_that_is_no_feature_leaves_the_median() -> None:
    found = Roles(("price",), (), {"price_last_known": "no values"})
    frame = pd.DataFrame({"price": [1.0, 3.0, NAN]})
    assert np.isfinite(build(found, recipe(lags=LAGS)).fit_transform(frame)).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"price": ["cheap", "dear"] * 4}, "lags: column 'price' holds no numbers, as 'cheap'"),
        ({"price_lag_1": 1.0}, "lags: would make a column 'price_lag_1', and the data has one"),
        ({"price_last_known": 1.0}, "column_sets: would make a column 'price_last_known', and"),
    ],
)
def test_a_past_that_cannot_be_told_is_refused(change: dict[str, Any], words: str) -> None:
    (finding,) = check_raw(TABLE.assign(**change), recipe(lags=LAGS))
    assert words in finding.message


def test_a_time_column_that_holds_no_times_is_refused() -> None:
    frame = TABLE.assign(when="soon", extra=np.arange(8.0))
    (finding,) = check_raw(frame, recipe(lags=LAGS, time_col="when"))
    assert "time_col: column 'when' holds no times, as 'soon'" in finding.message


def test_the_past_of_a_batch_follows_what_was_sent_again(tmp_path: Path) -> None:
    """Three days are taken in; then the first comes again with another price."""
    days = {
        day: rows(("a", day, price), ("b", day, 2 * price))
        for day, price in (("01", 1.0), ("02", 5.0), ("03", 9.0))
    }

    def send() -> None:
        pd.concat(days.values()).to_csv(tmp_path / "rows.csv", index=False)

    send()
    state = ModelState(
        recipe(str(tmp_path / "rows.csv"), lags=LAGS), tmp_path / "r.yaml", Settings(home=tmp_path / "home")
    )
    for day in days:
        assert raw_step(state, f"2024-01-{day}").problems == []
        clean_step(state, f"2024-01-{day}")

    def lags(day: str) -> list[float]:
        frame = state.store.read_frame("cleaned_features", f"2024-01-{day}").sort_values("shop")
        return [*frame["price_lag_1"], *frame["price_lag_2"]]

    assert lags("02") == [1.0, 2.0, pytest.approx(NAN, nan_ok=True), pytest.approx(NAN, nan_ok=True)]
    assert lags("03") == [5.0, 10.0, 1.0, 2.0]
    days["01"] = days["01"].assign(price=[100.0, 200.0])
    send()
    before = state.store.read_frame("cleaned_features", "2024-01-03")
    assert raw_step(state, "2024-01-01").problems == []
    done = clean_step(state, "2024-01-01")
    assert list(done) == ["2024-01-01", "2024-01-02", "2024-01-03"]
    assert lags("03") == [5.0, 10.0, 100.0, 200.0]
    after = state.store.read_frame("cleaned_features", "2024-01-03")
    assert set(after[ROW_ID]) == set(before[ROW_ID])
    assert list(clean_step(state, "2024-01-01")) == ["2024-01-01"]
    replayed = stream_of_source(state).frames
    for day, frame in replayed.items():
        pd.testing.assert_frame_equal(frame, state.store.read_frame("cleaned_features", day))
