"""`ml-assets promote`: by the gate, or by force, which is marked; and what `explain` says of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets, shoppers


def test_promote_asks_the_gate_unless_forced(trained_shop: Shop) -> None:
    recipe = trained_shop.folder / "good.yaml"
    again = ml_assets("promote", "good", "1", "--json")
    assert again.code == 0 and again.result["promoted"] and not again.result["changed"]
    assert (
        "version 1 is champion already, nothing was changed: first model"
        in ml_assets("promote", "good", "1").out
    )
    unknown = ml_assets("promote", "good", "7", "--json")
    assert unknown.code == 1 and "no version 7" in unknown.message

    recipe.write_text(recipe.read_text().replace("C: 1.0", "C: 0.5"))
    assert not ml_assets("train", "--recipe-file", recipe, "--json").result["promoted"]
    refused = ml_assets("promote", "good", "2", "--json")
    assert refused.code == 1
    assert refused.result["outcome"] == "inconclusive" and refused.result["champion_version"] == 1
    assert "40 labelled rows that neither model was trained on" in refused.result["reason"]

    forced = ml_assets("promote", "good", "2", "--force", "--json")
    assert forced.code == 0
    assert forced.result["promoted"] and forced.result["forced"] and forced.result["champion_version"] == 2
    repeated = ml_assets("promote", "good", "2", "--force", "--json").result
    assert repeated == forced.result | {"changed": False}
    assert ml_assets("status", "good", "--json").result["recipes"][0]["champion_version"] == 2
    told = ml_assets("explain", "good", "--json").result["text"]
    assert "forced by hand" in told and "the gate was not asked" in told
    assert ml_assets("rollback", "good", "--json").result["champion_version"] == 1


def test_suspected_leak_is_said_and_keeps_a_first_model_out_until_it_is_allowed(shop: Shop) -> None:
    rows = shoppers()
    known = rows.assign(receipt=rows["bought"] * 3.0 + 1)
    _refused_until(shop, known, "suspected leak: 'receipt' alone", "not_a_leak: [receipt]")


def test_score_that_is_too_good_is_said_and_keeps_a_first_model_out_until_it_is_allowed(shop: Shop) -> None:
    rows = shoppers(4_000)
    coin = np.random.default_rng(0).random((2, len(rows))) < 0.7
    ruled = rows.assign(
        invited=coin[0].astype(str), came=coin[1].astype(str), bought=coin.all(axis=0).astype(int)
    )
    _refused_until(
        shop, ruled, "the score is too good to be true (wrong in 0 of 800 rows", "deterministic: true"
    )


def _refused_until(shop: Shop, rows: pd.DataFrame, words: str, allowing: str) -> None:
    recipe = shop.recipe("good", rows)
    refused = ml_assets("train", "--recipe-file", recipe, "--json").result
    assert not refused["promoted"] and words in refused["reason"] and allowing in refused["reason"]
    assert words in ml_assets("explain", "good", "--json").result["text"]
    assert not ml_assets("promote", "good", "1", "--json").result["promoted"]
    recipe.write_text(recipe.read_text() + f"quality: {{{allowing}}}\n")
    allowed = ml_assets("promote", "good", "1", "--json").result
    assert allowed["promoted"] and "leak" not in allowed["reason"] and "too good" not in allowed["reason"]
