"""`ml-assets profile`: the page of a recipe's data, before anything is trained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ml_assets.reports.papers import ANALYSIS, NOTEBOOK, PROBLEM, REQUIREMENTS
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets, shoppers


def test_page_and_summary_of_a_recipe(shop: Shop) -> None:
    path = shop.recipe("odd", shoppers(400).assign(id=range(400)))
    page = shop.folder / "page.html"
    refused = ml_assets("profile", "--recipe-file", path, "--to", path / "page.html", "--json")
    assert f"--to {path / 'page.html'}: it cannot be written" in refused.message
    told = ml_assets("profile", "--recipe-file", path, "--to", page, "--json").result
    assert told["file"] == str(page)
    assert told["summary"].startswith("400 rows; 2 numbers and 1 category to learn from, 1 other column.")
    assert "row counter" in page.read_text()
    assert {each["column"] for each in told["columns"]} == {"age", "spent", "channel", "id", "bought"}
    assert ml_assets("status", "odd", "--json").result["recipes"][0]["champion_version"] is None


def test_papers_say_what_the_recipe_and_its_data_say_and_the_notebook_runs(shop: Shop) -> None:
    rules = "\nquality: {rows: [{columns: [age], min: 18, max: 99}]}\n"
    path = shop.recipe("odd", shoppers(400).rename(columns={"spent": "sp|ent"}))
    path.write_text(path.read_text() + rules)
    folder = shop.folder / "papers"
    told = ml_assets(
        "profile", "--recipe-file", path, "--to", shop.folder / "p.html", "--papers", folder, "--json"
    )
    assert [Path(name).name for name in told.result["papers"]] == [PROBLEM, REQUIREMENTS, ANALYSIS, NOTEBOOK]
    texts = {name: (folder / name).read_text() for name in (PROBLEM, REQUIREMENTS, ANALYSIS)}
    for part in (
        "## Goal",
        "## Task",
        "## Success",
        "## Constraints",
        "Predict `bought`",
        "`roc_auc`",
        "500 MB",
    ):
        assert part in texts[PROBLEM]
    assert "`age`: at least 18, at most 99. A row that breaks it is set aside." in texts[REQUIREMENTS]
    assert "LogisticRegression" in texts[REQUIREMENTS] and "a random 20" in texts[REQUIREMENTS]
    (row,) = [line for line in texts[ANALYSIS].splitlines() if "sp\\|ent" in line and line.startswith("|")]
    heads = next(line for line in texts[ANALYSIS].splitlines() if line.startswith("| column"))
    assert row.replace("\\|", "").count("|") == heads.count("|")
    notebook = json.loads((folder / NOTEBOOK).read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    code = "\n\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    environ = {**os.environ, "MPLBACKEND": "Agg"}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("400 rows, 3 features, target bought")


def test_source_that_is_gone_is_one_line(shop: Shop) -> None:
    path = shop.recipe("odd", shoppers(50))
    (shop.folder / "odd.csv").unlink()
    page = shop.folder / "page.html"
    told = ml_assets("profile", "--recipe-file", path, "--to", page, "--json")
    assert told.code != 0
    assert "odd.csv" in told.result["error"]
    assert not page.exists()
