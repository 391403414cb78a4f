"""A made shop's months as they come, what breaks a feed, and what looks odd and is none of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.recipe.loading import parse_recipe

RECIPE = parse_recipe("""
name: shop
model:
  class_path: xgboost.XGBClassifier
  loader: {source_uri: "made/*.csv"}
  data_interface: {task_type: classification, target_col: y, positive_class: "1"}
hyperparameter_tuning: {metric: roc_auc}
batches: {column: day, period: monthly}
training: {window: 9, first: 9}
monitoring: {label_delay: 1}
""")
START = "2023-01-01"
ROWS = 600
CITIES = ["Köln", "Bonn", "Münster", "Essen", "Düren", "Aachen", "Hürth", "Wesel"]
SHARES = [0.3, 0.2, 0.12, 0.1, 0.1, 0.08, 0.06, 0.04]
HOLIDAYS = {1: "New Year", 2: "Carnival", 4: "Easter", 5: "May Day", 10: "Unity", 12: "Christmas"}

Rng = np.random.Generator
Change = Callable[[pd.DataFrame, Rng], pd.DataFrame]
Oddity = Callable[[pd.DataFrame, Rng, int], pd.DataFrame]


def month(place: int, rng: Rng, rows: int = ROWS) -> pd.DataFrame:
    """Rows of one month, raw: seasons, seldom codes, calendar columns, and a target that depends on five of them."""
    first = pd.Timestamp(START) + pd.DateOffset(months=place)
    day = first + pd.to_timedelta(rng.integers(0, first.days_in_month, rows), unit="D")
    day = pd.DatetimeIndex(np.sort(day.to_numpy()))
    warm = 11 - 10 * np.cos(2 * np.pi * (day.dayofyear - 15) / 365) + rng.normal(0, 3, rows)
    frame = pd.DataFrame(
        {
            "day": day,
            "week": day.isocalendar().week.to_numpy().astype("int64"),
            "month": day.month_name(),
            "days_open": (day - pd.Timestamp("2019-05-03")).days,
            "load": rng.normal(50, 8, rows).round(2),
            "warmth": warm.to_numpy().round(1),
            "price": rng.gamma(4, 20, rows).round(2),
            "weight": rng.normal(70, 12, rows).round(1),
            "seconds": rng.exponential(180, rows).round(0),
            "visits": rng.poisson(3, rows),
            "rain": np.where(rng.random(rows) < 0.7, 0.0, rng.gamma(2, 4, rows).round(1)),
            "wage": np.where(rng.random(rows) < 0.1, np.nan, rng.gamma(9, 300, rows).round(2)),
            "city": rng.choice(CITIES, rows, p=SHARES),
            "kind": rng.choice(["new", "known", "lost"], rows, p=[0.5, 0.3, 0.2]),
            "code": rng.choice([f"{n:03d}" for n in range(40)], rows),
            "coupon": np.where(rng.random(rows) < 0.04, "TEN", None),
        }
    )
    holiday = HOLIDAYS.get(first.month)
    frame["holiday"] = np.where((day.day <= 2) & (holiday is not None), holiday, None)
    return labelled(frame, rng)


def labelled(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """Rows with the target that such rows have."""
    effect = (
        0.12 * (frame["load"] - 50)
        + 0.02 * (80 - frame["price"])
        + 0.8 * (frame["kind"] == "known")
        + 0.5 * (frame["city"] == "Köln")
        + 0.3 * (frame["visits"] - 3)
    )
    return frame.assign(y=(effect + rng.logistic(size=len(frame)) > 0.3).astype(int))


def some(frame: pd.DataFrame, rng: Rng, share: float, **values: Any) -> pd.DataFrame:
    """Rows of which a share has other values; a callable makes them from the old ones."""
    hit = rng.random(len(frame)) < share
    return frame.assign(
        **{
            name: np.where(hit, value(frame[name]) if callable(value) else value, frame[name])
            for name, value in values.items()
        }
    )


def times(name: str, factor: float) -> Change:
    """Change a unit."""
    return lambda frame, rng: frame.assign(**{name: frame[name] * factor})


FAULTS: dict[str, tuple[Change, str]] = {
    "cents for euros (×100)": (times("price", 100), "'price'"),
    "tenths for ones (×10)": (times("load", 10), "'load'"),
    "a year's for a month's (×12)": (times("wage", 12), "'wage'"),
    "seconds in minutes (÷60)": (times("seconds", 1 / 60), "'seconds'"),
    "grams for kilograms (×1,000)": (times("weight", 1000), "'weight'"),
    "pounds for kilograms": (times("weight", 2.204623), "'weight'"),
    "°F for °C": (lambda f, rng: f.assign(warmth=f["warmth"] * 1.8 + 32), "'warmth'"),
    "cents in a third of the rows": (lambda f, rng: some(f, rng, 0.3, price=lambda v: v * 100), "'price'"),
    "a stuck sensor": (lambda f, rng: f.assign(load=51.25), "'load'"),
    "a sensor stuck since the 15th": (
        lambda f, rng: f.assign(load=np.where(f["day"].dt.day >= 15, 51.25, f["load"])),
        "'load'",
    ),
    "zeros": (lambda f, rng: f.assign(price=0.0), "'price'"),
    "-999 for no value": (lambda f, rng: some(f, rng, 0.1, load=-999.0), "'load'"),
    "-999 in all rows": (lambda f, rng: f.assign(wage=-999.0), "'wage'"),
    "an emptied column": (lambda f, rng: f.assign(load=np.nan), "'load'"),
    "two thirds emptied": (lambda f, rng: some(f, rng, 0.65, kind=None), "'kind'"),
    "an absent column": (lambda f, rng: f.drop(columns="load"), "'load'"),
    "text among numbers": (
        lambda f, rng: some(f.assign(load=f["load"].astype(object)), rng, 0.05, load="error"),
        "'load'",
    ),
    "UTF-8 read as Windows-1252": (
        lambda f, rng: f.assign(city=[c.encode().decode("cp1252") for c in f["city"]]),
        "'city'",
    ),
    "categories in upper case": (lambda f, rng: f.assign(kind=f["kind"].str.upper()), "'kind'"),
    "new codes for all": (
        lambda f, rng: f.assign(kind=f["kind"].map({"new": "N1", "known": "K1", "lost": "L1"})),
        "'kind'",
    ),
    "codes without their zeros": (lambda f, rng: f.assign(code=f["code"].astype(int).astype(str)), "'code'"),
    "one city's rows alone": (lambda f, rng: f[f["city"] == "Köln"], "rows, where"),
    "two columns swapped": (
        lambda f, rng: f.rename(columns={"weight": "price", "price": "weight"}),
        "'weight'",
    ),
    "rows sent twice": (lambda f, rng: pd.concat([f, f]), "rows are there before in the same batch"),
    "half a file": (lambda f, rng: f.head(len(f) // 2), "rows, where"),
}
"""What breaks a feed, and what its sentence must name. "An old month sent again" is `SENT_AGAIN`."""
SENT_AGAIN = "an old month sent again"
SENT_AGAIN_WORDS = "are there again"


def _new_store(frame: pd.DataFrame, rng: Rng, place: int) -> pd.DataFrame:
    return some(frame, rng, 0.12, city="Trier") if place >= 14 else frame


def _holiday_trade(frame: pd.DataFrame, rng: Rng, place: int) -> pd.DataFrame:
    if place % 12 != 11:
        return frame
    return labelled(frame.assign(visits=frame["visits"] + rng.poisson(1, len(frame))), rng)


def _summer(frame: pd.DataFrame, rng: Rng, place: int) -> pd.DataFrame:
    return frame.head(int(len(frame) * {5: 0.8, 6: 0.6, 7: 0.6, 8: 0.85}.get(place % 12, 1.0)))


def _shuffled(frame: pd.DataFrame, rng: Rng, place: int) -> pd.DataFrame:
    names = rng.permutation(frame.columns)
    return frame.sample(frac=1, random_state=place)[list(names)].assign(
        visits=frame["visits"].astype(float if place % 2 else "int64")
    )


def _stray(frame: pd.DataFrame, rng: Rng, place: int) -> pd.DataFrame:
    return frame.assign(remark="x", extra=rng.normal(size=len(frame))) if place in (12, 20) else frame


def _closed(frame: pd.DataFrame, rng: Rng, place: int) -> pd.DataFrame:
    return frame[frame["city"] != "Wesel"] if place in (15, 16) else frame


def _careless(frame: pd.DataFrame, rng: Rng, place: int) -> pd.DataFrame:
    frame = some(frame, rng, 0.01, city=lambda v: v.str.lower())
    return pd.concat([frame, frame.head(8)])


ODDITIES: dict[str, Oddity] = {
    "nothing odd": lambda frame, rng, place: frame,
    "no coupon for months": lambda f, rng, place: f.assign(coupon=None) if place % 5 == 3 else f,
    "more of the calendar": lambda f, rng, place: f.assign(
        year=f["day"].dt.year,
        yyyymm=100 * f["day"].dt.year + f["day"].dt.month,
        of_year=f["day"].dt.dayofyear,
        turn=np.sin(2 * np.pi * f["day"].dt.month / 12).round(3),
        label=f["day"].dt.strftime("%G-W%V"),
        rate=1.1 + 0.02 * np.sin(place * 1.7),
    ),
    "a new store": _new_store,
    "holidays that have not been before": lambda f, rng, place: f.assign(
        holiday=np.where(f["day"].dt.day.isin([9, 17]), f"day off {place}", f["holiday"])
    ),
    "more visits at Christmas": _holiday_trade,
    "fewer rows in summer": _summer,
    "more rows each month": lambda f, rng, place: pd.concat([f, month(place, rng, 12 * place)]),
    "order of rows and columns": _shuffled,
    "stray columns": _stray,
    "a store shut for two months": _closed,
    "slips of the pen, a few rows twice": _careless,
    "a few outliers": lambda f, rng, place: some(f, rng, 0.004, price=lambda v: v * 40),
}
"""What the world does, by place of the month."""


def stream_of(
    months: int, seed: int, changes: Mapping[int, Change] | None = None, oddity: Oddity | None = None
) -> dict[str, pd.DataFrame]:
    """Raw months by label: those in `changes` broken, all of them odd."""
    made = {}
    for place in range(months):
        rng = np.random.default_rng([seed, place])
        frame = month(place, rng)
        frame = oddity(frame, rng, place) if oddity is not None else frame
        frame = changes[place](frame, rng) if changes is not None and place in changes else frame
        label = str((pd.Timestamp(START) + pd.DateOffset(months=place)).date())
        made[label] = frame.reset_index(drop=True)
    return made


def sent_again(of: int, seed: int) -> Change:
    """The rows of an earlier month under the days of this one."""

    def change(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
        old = month(of, np.random.default_rng([seed, of]))
        return old.assign(**{name: frame[name] for name in ("day", "week", "month", "days_open", "holiday")})

    return change
