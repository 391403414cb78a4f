"""`validate` tells what was set aside, and what was read otherwise than it is written."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_assets.cli.validate import validate_files
from ml_assets.settings import Settings
from ml_assets_tests.support.databases import QUERIED, database, put

RECIPE = """
name: things
model:
  loader: {source_uri: rows.csv}
  data_interface: {task_type: regression, target_col: y}
"""
BATCHES = "batches: {column: day, period: monthly}\n"


@pytest.mark.parametrize(
    ("rows", "more", "notes"),
    [
        (["x,y", *(f"{place}.5,{place}" for place in range(5))], "", []),
        (
            [",x,y", *(f"{place},{place}.5,{place}" for place in range(5))],
            "",
            ["column 'Unnamed: 0' set aside: the index of a data frame, which says nothing about a row"],
        ),
        (
            ["x;y", "1,5;1", "-;2", "2,5;3", "3,5;4", "4,5;5"],
            "",
            ["column 'x': decimal comma read as numbers", "column 'x': 1 cell read as missing ('-' 1)"],
        ),
        (
            [
                "day,x,y",
                *(f"2024-0{place}-01,{place}.5,{place}" for place in range(1, 6)),
                "9999-12-31,0.5,1",
            ],
            BATCHES,
            ["1 row of a time far from all others set aside (rows.csv: 9999-12-31)"],
        ),
        (
            [
                "day,x,week,y",
                *(
                    f"{day.date()},{(place * 7) % 10}.5,{day.week},{place % 11}"
                    for place, day in enumerate(pd.date_range("2024-01-01", "2024-05-31"))
                ),
            ],
            BATCHES,
            [
                "column 'week' tells the time of its batch (week number): its new values are neither fault nor drift"
            ],
        ),
    ],
)
def test_notes(tmp_path: Path, rows: list[str], more: str, notes: list[str]) -> None:
    (tmp_path / "rows.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "things.yaml").write_text(RECIPE + more)
    settings = Settings(home=tmp_path / "home", recipes=(tmp_path,))
    (report,) = validate_files([tmp_path / "things.yaml"], settings)
    assert (report["ok"], report["notes"]) == (True, notes)
    assert ("all 5 rows" in report["looked_at"]) == (not more)


CHANCE = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {"x": CHANCE.normal(size=120), "z": CHANCE.normal(size=120), "y": CHANCE.integers(0, 2, 120)}
)
QUARTERS = TABLE.assign(day=[f"2024-0{1 + row // 30}-01" for row in range(120)])
BY_THIRTY = BATCHES + "monitoring: {min_rows: 30}\n"


def validated(
    folder: Path, table: pd.DataFrame, task: str = "classification", more: str = ""
) -> dict[str, Any]:
    table.to_csv(folder / "rows.csv", index=False)
    (folder / "things.yaml").write_text(RECIPE.replace("regression", task) + more)
    (report,) = validate_files([folder / "things.yaml"], Settings(home=folder / "home", recipes=(folder,)))
    return report


@pytest.mark.parametrize(
    ("table", "task", "more", "words"),
    [
        (TABLE.assign(y=CHANCE.integers(0, 9, 120) + 0.5), "classification", "", "task_type: regression"),
        (TABLE.assign(y=3.5), "regression", "", "is 3.5 in all 120 labelled rows"),
        (TABLE.assign(y=TABLE["y"].where(TABLE.index > 1, 7)), "classification", "", "a handful of rows"),
        (TABLE.assign(customer_id=CHANCE.integers(0, 10**6, 120)), "classification", "", "in entity_cols"),
        (TABLE.assign(orderNr=CHANCE.integers(0, 10**6, 120)), "classification", "", "in entity_cols"),
        (TABLE.assign(code=[f"c{n}" for n in range(120)]), "classification", "", "nearly every value is"),
        (TABLE.assign(y=TABLE.index % 9), "regression", "evaluation: {metrics: [mape]}\n", "mape is not"),
        (TABLE.assign(paid=3 * TABLE["y"]), "classification", "", "suspected leak: 'paid'"),
        (
            TABLE.assign(y=TABLE["x"] - TABLE["z"]),
            "regression",
            "",
            "'x' and 'z' together tell the target (y = x",
        ),
        (
            TABLE.assign(y=TABLE["y"].where(TABLE.index > 8)),
            "classification",
            "",
            "9 of 120 rows have no label",
        ),
        (TABLE[:40], "classification", "", "the hold-out has 8 labelled rows"),
        (QUARTERS.assign(y=TABLE["y"].where(TABLE.index < 90, 0)), "classification", BY_THIRTY, "class '0'"),
        (
            QUARTERS.assign(y=TABLE.index % 10 // 9),
            "classification",
            BY_THIRTY,
            "some 3 of a usual batch: 4 batches",
        ),
        (
            QUARTERS.assign(z=TABLE["z"].where(TABLE.index // 30 != 2)),
            "classification",
            BY_THIRTY,
            "column 'z' has no value in 2024-03-01",
        ),
    ],
)
def test_what_is_hardly_meant_is_said_before_training(
    tmp_path: Path, table: pd.DataFrame, task: str, more: str, words: str
) -> None:
    report = validated(tmp_path, table, task, more)
    assert report["ok"] and [hint for hint in report["hints"] if words in hint] == report["hints"] != []


@pytest.mark.parametrize("more", ["", BY_THIRTY])
def test_nothing_is_said_of_an_ordinary_table(tmp_path: Path, more: str) -> None:
    table = (QUARTERS if more else TABLE).assign(humid=CHANCE.integers(0, 100, 120))
    report = validated(tmp_path, table, more=more)
    assert (report["ok"], report["hints"], report["errors"]) == (True, [], [])
    four = "120 rows, all 4 batches, 2024-01-01 to 2024-04-01"
    assert report["looked_at"] == (four if more else "all 120 rows")


def test_a_threshold_for_more_than_two_classes_is_refused_with_their_number(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(TABLE.assign(y=TABLE.index % 3).to_csv(index=False))
    text = RECIPE.replace("regression", "classification").replace("model:\n", "model:\n  threshold: 0.3\n")
    (tmp_path / "things.yaml").write_text(text)
    (report,) = validate_files(
        [tmp_path / "things.yaml"], Settings(home=tmp_path / "home", recipes=(tmp_path,))
    )
    (error,) = report["errors"]
    assert error["message"].endswith(
        "things.yaml:4 model.threshold: is for two classes, and the target has 3; leave it out"
    )


def test_batch_in_the_middle_that_would_be_refused_is_named(tmp_path: Path) -> None:
    months = QUARTERS.assign(x=TABLE["x"].where((TABLE.index < 31) | (TABLE.index > 35), np.inf))
    report = validated(tmp_path, months, more=BY_THIRTY)
    (error,) = report["errors"]
    assert not report["ok"] and "batch 2024-02-01: column 'x' has 5 infinite" in error["message"]


def test_rows_that_would_be_set_aside_are_told_and_make_no_recipe_invalid(tmp_path: Path) -> None:
    months = QUARTERS.assign(x=TABLE["x"].where(TABLE.index != 31, np.inf))
    report = validated(tmp_path, months, more=BY_THIRTY)
    (note,) = [note for note in report["notes"] if "would be set aside" in note]
    assert report["ok"] and note.startswith("batch 2024-02-01: 1 of 30 rows: 1 with an infinite")


def test_gaps_and_batches_unlike_all_before_are_told(tmp_path: Path) -> None:
    months = [f"2024-{month:02}-01" for month in (1, 2, 3, 4, 5, 6, 7, 9, 10)]
    table = pd.concat([TABLE.assign(t=month) for month in months], ignore_index=True)
    table = table.assign(x=table["x"].where((table["t"] != "2024-10-01") | (table.index % 3 > 0)))
    table["x"] += np.arange(len(table)) / 7  # no row is there twice
    hints = validated(tmp_path, table, more="batches: {column: t, period: monthly}\n")["hints"]
    assert [hint for hint in hints if "there is no row of batch 2024-08-01: was a file not sent?" in hint]
    assert [
        hint
        for hint in hints
        if hint.startswith("batch 2024-10-01: column 'x' is empty in 33.3% of the rows")
    ]


@pytest.mark.parametrize("kind", QUERIED)
def test_a_query_is_not_run_for_a_column_that_it_does_not_have(kind: str, tmp_path: Path) -> None:
    """This one would never end."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, o.* FROM n, orders o"
    with database(kind, tmp_path) as address:
        put(address, pd.DataFrame({"x": [1.5, 2.5], "y": [1, 2]}))
        recipe = RECIPE.replace("rows.csv", endless).replace("target_col: y", "target_col: yy")
        uri = address.replace("+psycopg", "").replace("+pymysql", "")
        (tmp_path / "things.yaml").write_text(
            recipe.replace("{source_uri: ", '{source_uri: "').replace(
                "}\n  data", f'", connection_uri: "{uri}"}}\n  data'
            )
        )
        [report] = validate_files([tmp_path / "things.yaml"], Settings(home=tmp_path / "home"))
    [error] = report["errors"]
    assert error["key"] == "model.data_interface.target_col"
    assert "'yy' is not a column of" in error["message"]
    assert "(found i, x, y). Did you mean 'y'?" in error["message"]


def test_validate_tells_the_columns_of_a_query(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=40),
            "x": [place / 3 for place in range(40)],
            "y": range(40),
        }
    )
    with database("duckdb", tmp_path) as address:
        put(address, frame)
        recipe = RECIPE.replace("rows.csv", f"SELECT * FROM orders, connection_uri: '{address}'")
        (tmp_path / "things.yaml").write_text(recipe)
        [report] = validate_files([tmp_path / "things.yaml"], Settings(home=tmp_path / "home"))
    assert report["ok"], report
    assert report["columns"] == {"day": "time", "x": "fraction", "y": "whole"}
