"""Rows in quarantine as a person meets them: at training, in `status`, as a list and as a file."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets, shoppers


def test_rows_that_were_set_aside_are_listed_counted_and_written(shop: Shop) -> None:
    frame = shoppers()
    frame["spent"] = frame["spent"].where(frame.index != 3, np.inf)
    path = shop.recipe("good", frame)
    shop.write("good.yaml", f"{path.read_text()}\nquality: {{rows: [{{columns: [age], max: 200}}]}}\n")
    assert ml_assets("train", "--recipe-file", path, "--json").code == 0
    listed = ml_assets("quarantine", "good", "--json").result
    (row,) = listed["rows"]
    assert (row["row"], row["rule"], row["column"], row["value"]) == (4, "infinite", "spent", "inf")
    assert listed["batches"][0]["rows"] == 1 and listed["batches"][0]["read"] == len(frame)
    place = shop.folder / "aside.csv"
    told = ml_assets("quarantine", "good", "all", "--to", place).out
    assert "1 with an infinite" in told and f"written to {place}" in told
    written = pd.read_csv(place)
    assert len(written) == 1 and str(frame["age"][3]) in written["content"][0]
    assert "`ml-assets quarantine good` lists them" in ml_assets("status", "good").err
    wrong = ml_assets("quarantine", "good", "2024-01-01", "--json")
    assert wrong.code == 1 and "was not taken in" in wrong.message
    shop.recipe("good", shoppers())
    assert ml_assets("train", "--recipe-file", path, "--json").code == 0
    assert ml_assets("quarantine", "good").out.strip() == "good: no row is in quarantine"
