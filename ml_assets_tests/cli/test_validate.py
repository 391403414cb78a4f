"""`validate` tells what was set aside, and what was read otherwise than it is written."""

from pathlib import Path

import pandas as pd
import pytest

from ml_assets.cli.validate import validate_files
from ml_assets.settings import Settings

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
            ["column 'x': decimal comma read as numbers", "column 'x': 1 cells read as missing ('-' 1)"],
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
