"""What a feed does to a month after nine good ones is a fault with evidence; what the world does is none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from ml_assets.features.columns import Roles
from ml_assets.monitoring.drift import drift_report
from ml_assets.monitoring.reference import InMemory, Reference
from ml_assets.monitoring.whole import _hashes, too_few
from ml_assets.records import DriftReport

ROWS = 400
CITIES = ["Köln", "Bonn", "Münster", "Essen", "Düren"]
NUMERIC, CATEGORICAL = ("load", "rain", "visits", "wage"), ("city", "kind", "code")
LABELS = [str(day.date()) for day in pd.date_range("2024-01-01", periods=11, freq="MS")]


def month(k: int, rows: int = ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(k)
    return pd.DataFrame(
        {
            "load": rng.normal(50, 8, rows),
            "rain": np.where(rng.random(rows) < 0.7, 0.0, rng.gamma(2, 4, rows)),
            "visits": rng.poisson(3, rows).astype(float),
            "wage": np.where(rng.random(rows) < 0.1, np.nan, rng.gamma(9, 300, rows).round(2)),
            "city": rng.choice(CITIES, rows, p=[0.4, 0.2, 0.2, 0.1, 0.1]),
            "kind": rng.choice(["a", "b", "c"], rows),
            "code": rng.choice([f"{n:03d}" for n in range(60)], rows),
        }
    )


MONTHS = {label: month(k) for k, label in enumerate(LABELS[:9])}


def report(current: pd.DataFrame, k: int = 9, earlier: tuple[DriftReport, ...] = ()) -> DriftReport:
    """Report on a month after nine good ones, and after those in `earlier`."""
    learned = pd.concat([frame.assign(batch__=label) for label, frame in MONTHS.items()], ignore_index=True)
    champion = Reference.of_rows(InMemory(learned, Roles(NUMERIC, CATEGORICAL)), 100, version=1)
    known = MONTHS | {each.batch: month(9) for each in earlier}
    return drift_report(
        LABELS[k],
        current,
        champion,
        earlier=earlier,
        trailing=dict(list(known.items())[-4:]),
        volumes={label: len(frame) for label, frame in MONTHS.items()} | {e.batch: e.rows for e in earlier},
    )


def test_what_was_measured_of_training_rows_for_one_batch_serves_the_next() -> None:
    learned = pd.concat([frame.assign(batch__=label) for label, frame in MONTHS.items()], ignore_index=True)
    kept = InMemory(learned, Roles(NUMERIC, CATEGORICAL))
    champion = Reference.of_rows(kept, 100, version=1)
    drift_report(LABELS[9], month(9), champion)
    measured = dict(kept.past.measured)
    again = drift_report(LABELS[9], MONTHS[LABELS[3]], champion)
    assert measured and all(kept.past.measured[what] is found for what, found in measured.items())
    fresh = Reference.of_rows(InMemory(learned, Roles(NUMERIC, CATEGORICAL)), 100, version=1)
    assert again == drift_report(LABELS[9], MONTHS[LABELS[3]], fresh)
    assert again.status == "fault"  # a month that was learned, sent again


ALIKE = {
    "type": lambda f: f.assign(visits=f["visits"].astype("Int64"), city=f["city"].astype("category")),
    "order of columns": lambda f: f[f.columns[::-1]],
    "sign of 0": lambda f: f.assign(rain=f["rain"] * np.where(f["rain"] == 0, -1.0, 1.0)),
    "an empty column that is absent": lambda f: f.assign(wage=np.nan).drop(columns="wage"),
}
OTHERWISE = {
    "two columns swapped": lambda f: f.rename(columns={"load": "rain", "rain": "load"}),
    "a number": lambda f: f.assign(load=f["load"] + 1e-9),
    "a level": lambda f: f.assign(city="Bonn "),
    "a hole": lambda f: f.assign(visits=np.nan),
}


@pytest.mark.parametrize("change", [*ALIKE, *OTHERWISE])
def test_rows_are_equal_by_what_they_hold(change: str) -> None:
    frame = month(2).assign(**({"wage": np.nan} if "absent" in change else {}))
    names = [*NUMERIC, *CATEGORICAL]
    before, after = _hashes(frame, names), _hashes((ALIKE | OTHERWISE)[change](frame), names)
    assert (before == after).all() if change in ALIKE else not (before == after).any()
    assert len(set(before)) == len(frame.drop_duplicates())


def some(frame: pd.DataFrame, name: str, value: object, share: float) -> pd.DataFrame:
    return frame.assign(**{name: frame[name].where(np.arange(len(frame)) >= share * len(frame), value)})


Feed = Callable[[pd.DataFrame], pd.DataFrame]
BROKEN: dict[str, tuple[Feed, str]] = {
    "stuck": (lambda f: f.assign(load=51.25), "column 'load' is 51.25 in all 400 rows"),
    "stuck for a part": (lambda f: some(f, "load", 51.25, 0.4), "column 'load' is 51.25 in 160 of 400 rows"),
    "zeros": (lambda f: f.assign(wage=0.0), "column 'wage' is 0 in all 400 rows"),
    "no rain at all": (lambda f: f.assign(visits=0.0), "column 'visits' is 0 in all"),
    "a mark": (lambda f: f.assign(load=-999.0), "column 'load' is -999 in all"),
    "some marks": (lambda f: some(f, "load", -999.0, 0.06), "column 'load' is -999 in 24 of 400 rows"),
    "marks for no value": (lambda f: f.assign(wage=f["wage"].fillna(99999.0)), "column 'wage' is 99999 in"),
    "one level": (lambda f: f.assign(kind="b"), "column 'kind' is 'b' in all 400 rows"),
    "one shop's rows": (lambda f: f.assign(city="Bonn"), "column 'city' is 'Bonn' in all"),
    "UTF-8 read as Latin-1": (
        lambda f: f.assign(city=[c.encode().decode("latin-1") for c in f["city"]]),
        "column 'city' holds known levels in another encoding in 7",
    ),
    "letters lost": (lambda f: f.assign(city=f["city"].str.replace("[öü]", "\ufffd", regex=True)), "encoding"),
    "upper case": (lambda f: f.assign(city=f["city"].str.upper()), "holds known levels written otherwise in 100%"),
    "zeros before lost": (lambda f: f.assign(code=f["code"].str.lstrip("0")), "column 'code' holds known levels"),
    "doubled": (lambda f: pd.concat([f, f]), "400 of 800 rows are there before in the same batch"),
    "a third twice": (lambda f: pd.concat([f, f.head(ROWS // 3)]), "133 of 533 rows are there before"),
    "an old month": (lambda f: MONTHS[LABELS[8]], "100% of the rows of 2024-09-01 are there again"),
    "an older month": (lambda f: MONTHS[LABELS[2]], "100% of the rows of 2024-03-01 are there again"),
    "an old month and some": (lambda f: pd.concat([MONTHS[LABELS[8]], f.head(150)]), "rows of 2024-09-01"),
    "half a file": (lambda f: f.head(ROWS // 2), "there are 200 rows, where 400 are usual"),
    "hardly a file": (lambda f: f.head(20), "there are 20 rows, where 400 are usual"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_feed_is_a_fault_twice_over_with_its_evidence(name: str) -> None:
    spoil, words = BROKEN[name]
    first = report(spoil(month(9)))
    second = report(spoil(month(10)), 10, (first,))
    for found in (first, second):
        assert found.status == "fault" and len(found.faults) == 1 and words in found.faults[0], found.text


HARMLESS: dict[str, Feed] = {
    "a usual month": lambda f: f,
    "a dry month": lambda f: some(f, "rain", 0.0, 0.5),
    "a new city": lambda f: some(f, "city", "Aachen", 0.15),
    "a few typed otherwise": lambda f: some(f, "city", "bonn", 0.03),
    "more of the same": lambda f: pd.concat([f, month(77, 300)]),
    "a third less": lambda f: f.head(ROWS * 2 // 3),
    "a few rows twice": lambda f: pd.concat([f, f.head(20)]),
    "a floor": lambda f: f.assign(load=f["load"].clip(lower=45)),
    "larger numbers": lambda f: f.assign(wage=f["wage"] * 1.3),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_the_world_does_is_no_fault(name: str) -> None:
    found = report(HARMLESS[name](month(9)))
    assert found.status in ("ok", "drift"), found.text


def test_rows_that_are_alike_in_every_batch_are_no_fault() -> None:
    """Three categories have few different rows, and a customer may be the same each month."""
    rng = np.random.default_rng(0)
    people = pd.DataFrame({"kind": rng.choice(list("ab"), 300), "born": rng.integers(1940, 2000, 300) + 0.5})
    learned = pd.concat([people.assign(batch__=label) for label in LABELS[:5]], ignore_index=True)
    champion = Reference.of_rows(InMemory(learned, Roles(("born",), ("kind",))), 100, version=1)
    trailing = dict.fromkeys(LABELS[1:5], people)
    assert drift_report(LABELS[5], people, champion, trailing=trailing).status == "ok"
    assert drift_report(LABELS[0], people, champion).status == "ok"  # learned, and reported once more


def test_fewer_rows_in_a_season_or_on_a_holiday_are_no_cut_file() -> None:
    year = [100, 100, 95, 90, 80, 60, 35, 40, 70, 90, 100, 100]
    months = [str(day.date()) for day in pd.date_range("2023-01-01", periods=24, freq="MS")]
    rows = dict(zip(months, year * 2, strict=True))
    said = [too_few(label, rows[label], {b: n for b, n in rows.items() if b < label}) for label in months]
    assert not any(said)
    assert too_few(months[23], 44, {b: n for b, n in rows.items() if b < months[23]})
    days = [str(day.date()) for day in pd.date_range("2024-01-01", periods=60)]
    week = {day: (20 if k % 7 == 6 else 100) for k, day in enumerate(days)} | {days[50]: 15}
    assert not any(too_few(day, week[day], {b: n for b, n in week.items() if b < day}) for day in days)


def test_counts_are_of_all_rows_not_of_the_sample() -> None:
    big = pd.concat([month(k, 5_000) for k in range(100, 106)], ignore_index=True)
    found = report(big.assign(load=51.25))
    assert found.rows == 30_000 and "in all 30,000 rows" in found.text
