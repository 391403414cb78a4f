"""`ml-assets explain-prediction`: one row in words, as JSON and as a page."""

from __future__ import annotations

import numpy as np
import pytest

from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets


def test_a_row_is_explained_in_words_as_json_and_as_a_page(trained_shop: Shop) -> None:
    page = trained_shop.folder / "row.html"
    found = ml_assets("explain-prediction", "good", "3", "--to", page, "--json").result
    assert np.isclose(
        found["base"] + sum(part["adds"] for part in found["parts"]), found["answer"], atol=1e-12
    )
    assert found["row"] == 3 and found["version"] == 1 and 0 <= found["answer"] <= 1
    sizes = [abs(part["adds"]) for part in found["parts"]]
    assert sizes == sorted(sizes, reverse=True)
    text = page.read_text()
    assert "<svg" in text and "<script" not in text and found["parts"][0]["column"] in text
    told = ml_assets("explain-prediction", "good", "3")
    assert told.code == 0 and "mean answer" in told.out and found["of"] in told.out
    one = found["parts"][0]
    again = ml_assets("explain-prediction", "good", f"{one['column']}={one['value']}", "--json")
    assert again.code != 0 or again.result["row"] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("good", "0"), "has the rows 1 to"),
        (("good", "nonsense"), "COLUMN=VALUE"),
        (("good", "nothing=1"), "COLUMN=VALUE"),
        (("good", "1", "--batch", "1999"), "batch '1999' was not taken in"),
        (("good", "1", "--target", "other"), "'other' is no target"),
        (("good", "1", "--version", "99"), "99"),
    ],
)
def test_what_is_no_row_is_told(trained_shop: Shop, arguments: tuple[str, ...], words: str) -> None:
    assert words in ml_assets("explain-prediction", *arguments, "--json").message
