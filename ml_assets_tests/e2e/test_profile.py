"""`ml-assets profile`: the page of a recipe's data, before anything is trained."""

from __future__ import annotations

from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets, shoppers


def test_page_and_summary_of_a_recipe(shop: Shop) -> None:
    path = shop.recipe("odd", shoppers(400).assign(id=range(400)))
    page = shop.folder / "page.html"
    told = ml_assets("profile", "--recipe-file", path, "--to", page, "--json").result
    assert told["file"] == str(page)
    assert told["summary"].startswith("400 rows; 2 numbers and 1 category to learn from, 1 other column.")
    assert "row counter" in page.read_text()
    assert {each["column"] for each in told["columns"]} == {"age", "spent", "channel", "id", "bought"}
    assert ml_assets("status", "odd", "--json").result["recipes"][0]["champion_version"] is None


def test_source_that_is_gone_is_one_line(shop: Shop) -> None:
    path = shop.recipe("odd", shoppers(50))
    (shop.folder / "odd.csv").unlink()
    page = shop.folder / "page.html"
    told = ml_assets("profile", "--recipe-file", path, "--to", page, "--json")
    assert told.code != 0
    assert "odd.csv" in told.result["error"]
    assert not page.exists()
