"""Batches that come late, in whatever order, through the command line."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets
from ml_assets_tests.support.places import BATCH_RECIPE, day, rows


def row_of(name: str) -> dict[str, Any]:
    (row,) = ml_assets("status", name, "--json").result["recipes"]
    return row


def data_of(name: str) -> tuple[list[str], list[str]]:
    """Batches that wait in the source, and those that the champion learned otherwise."""
    row = row_of(name)
    return row["waiting"], row["outdated"]


def test_older_batches_and_late_rows_are_taken_in_and_told(shop: Shop) -> None:
    path = shop.write("tide.yaml", BATCH_RECIPE.replace(", start: 2024-01-01, end: 2024-02-01", ""))

    def arrive(number: int) -> None:
        rows(number, drifted=False).to_csv(shop.folder / f"{day(number)}.csv", index=False)

    path.write_text(path.read_text().replace('"*.csv"', '"2024*.csv"'))
    for number in (4, 6, 7):
        arrive(number)
    walked = ml_assets("backfill", "tide", "--json").result["batches"]
    assert [row["promoted"] for row in walked] == [None, None, 1, None]
    for number in (2, 5):  # older than all, and in the gap
        arrive(number)
    again = ml_assets("backfill", "tide", "--json").result["batches"]
    assert [row["batch"] for row in again] == [day(number) for number in range(2, 8)]
    assert [row["rows"] for row in again] == [300, 0, 300, 300, 300, 300]
    late = [row["reasons"][0].partition(" had")[0] for row in (again[0], again[3])]
    assert late == ["came after champion version 1"] * 2
    assert again[4:] == walked[2:]

    arrive(0)
    whole = pd.read_csv(shop.folder / f"{day(6)}.csv")
    pd.concat([whole, whole.head(10).assign(a=0.5)]).to_csv(shop.folder / f"{day(6)}.csv", index=False)
    assert data_of("tide") == ([day(0), day(6)], [])
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.result["version"] == 2 and not trained.result["promoted"]
    told = f"tide: batch {day(6)} has changed in the source: 310 rows where 300 were taken in; taken in anew"
    assert told in trained.err.splitlines()
    assert data_of("tide") == ([], [day(6)])
    assert f"learned other rows of {day(6)} than are known now" in ml_assets("explain", "tide").out
    taken_in = shop.home / "batches" / "tide" / "cleaned_features"
    found = sorted(file.name.partition(".")[0] for file in taken_in.glob("*.json"))
    assert found == [day(number) for number in (0, 2, 4, 5, 6, 7)]
    assert pd.read_json(shop.home / "batches" / "tide" / "calendar.json", typ="series")["first"] == day(0)
    # What did not come when it was due is missed, until it lies in the source.
    assert f"no batch since {day(7)}: the next was to be there on" in " ".join(row_of("tide")["notes"])
    arrive(8)
    row = row_of("tide")
    assert row["waiting"] == [day(8)] and "not taken in yet" in " ".join(row["notes"])
    assert "no batch since" not in " ".join(row["notes"])


def test_train_learns_from_the_batches_that_pass_and_names_the_others(shop: Shop) -> None:
    path = shop.write("tide.yaml", BATCH_RECIPE.replace("window: 1, first: 2", "window: all"))
    for number in range(5):
        rows(number, drifted=False).to_csv(shop.folder / f"{day(number)}.csv", index=False)
    for number in (1, 4):
        broken = rows(number, drifted=False).drop(columns="c")
        broken.to_csv(shop.folder / f"{day(number)}.csv", index=False)
    path.write_text(path.read_text().replace('"*.csv"', '"2024*.csv"'))
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 0 and trained.result["version"] == 1
    told = [line for line in trained.err.splitlines() if "without batch" in line]
    assert [line.partition(":")[0] for line in told] == ["tide", "tide"]
    assert [
        f"batch {day(number)}: column 'c' is missing" in line
        for number, line in zip((1, 4), told, strict=True)
    ] == [
        True,
        True,
    ]
    assert f"training as of {day(3)}" in trained.err
