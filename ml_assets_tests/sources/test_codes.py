"""Names that are written in digits stay the names that they are, wherever they are read."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ml_assets.features.cleaning import clean
from ml_assets.quality.contract import check_raw, learn_schema
from ml_assets.sources.source import open_source
from ml_assets.sources.streamed import streamed
from ml_assets.sources.wanted import Columns, Sql, Wanted
from ml_assets_tests.support.training_examples import recipe_of

NAMED = Columns(categories=frozenset({"shop"}))
LARGE = [2**60, 2**60 + 1, 2**60 + 2]


def read(place: Path, name: str, columns: Columns = NAMED, **more: Any) -> pd.DataFrame:
    return open_source(Wanted(name, place, columns=columns, **more)).read().frame


@pytest.mark.parametrize(
    "values", [["007", "07", "7"], ["12E3", "120E2", "12000"], [*map(str, LARGE)], ["1", "2", "3"]]
)
def test_a_category_keeps_its_levels(tmp_path: Path, values: list[str]) -> None:
    (tmp_path / "a.csv").write_text("\n".join(["shop,x", *(f"{value},1" for value in values)]) + "\n")
    assert [str(value) for value in read(tmp_path, "a.csv")["shop"]] == values


def test_whole_numbers_that_a_float_does_not_hold_are_levels(tmp_path: Path) -> None:
    pd.DataFrame({"shop": LARGE, "few": [1, 2, 3]}).to_parquet(tmp_path / "a.parquet")
    with sqlite3.connect(tmp_path / "a.db") as database:
        pd.read_parquet(tmp_path / "a.parquet").to_sql("a", database, index=False)
    columns = Columns(categories=frozenset({"shop", "few"}))
    places: list[tuple[str, dict[str, Any]]] = [
        ("a.parquet", {}),
        ("SELECT * FROM a", {"sql": Sql(f"sqlite:///{tmp_path / 'a.db'}")}),
    ]
    for uri, more in places:
        frame = read(tmp_path, uri, columns, **more)
        assert frame["shop"].tolist() == [str(value) for value in LARGE]
        assert frame["few"].tolist() == [1, 2, 3]
        (part,) = streamed(Wanted(uri, tmp_path, columns=columns, **more), 10, ["shop"])
        assert part["shop"].to_pylist() == [str(value) for value in LARGE]


def test_numbers_that_become_fewer_are_told(tmp_path: Path) -> None:
    frame = pd.DataFrame({"shop": LARGE, "wide": [2**60, 2**61, 2**62]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        (note,) = open_source(Wanted(name, tmp_path)).read().account.notes
        assert note.startswith("column 'shop': 3 whole numbers beyond 2^53 become 1 as numbers")
        assert not open_source(Wanted(name, tmp_path, columns=NAMED)).read().account.notes


def test_first_codes_after_numbers_are_numbers_to_the_model() -> None:
    recipe = recipe_of(preprocessor={"categorical_features": ["shop"]})
    before = pd.DataFrame({"shop": [10, 20, 20, 10], "target": ["a", "b", "a", "b"]})
    after = before.assign(shop=pd.Series(["007", "10", "20", None], dtype=object))
    schema = learn_schema(before, recipe)
    assert check_raw(after, recipe, schema) == []
    assert clean(after, recipe, "all", schema).frame["shop"].tolist()[:3] == [7.0, 10.0, 20.0]
    (finding,) = check_raw(after.replace("007", "A1"), recipe, schema)
    assert finding.rule == "type_change"


def test_what_the_recipe_calls_missing_is_missing_as_a_number_too(tmp_path: Path) -> None:
    """-999.0 is -999, in a CSV file as in a Parquet file, in a batch and in a request."""
    pd.DataFrame({"x": [-999.0, 1.5, 2.0], "n": [-999, 1, 2], "g": ["-999", "a", "b"]}).to_csv(
        tmp_path / "a.csv", index=False
    )
    pd.read_csv(tmp_path / "a.csv").to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        frame = read(tmp_path, name, Columns(), na_values=("-999",))
        assert frame.isna().sum().to_dict() == {"x": 1, "n": 1, "g": 1}
    notes = open_source(Wanted("a.csv", tmp_path, na_values=("-999",))).read().account.notes
    assert len([note for note in notes if "read as missing" in note]) == 3, notes
