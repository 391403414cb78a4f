"""`ml-assets promote`: by the gate, or by force, which is marked; and what `explain` says of it."""

from __future__ import annotations

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
    recipe = shop.recipe("good", rows.assign(receipt=rows["bought"] * 3.0 + 1))
    refused = ml_assets("train", "--recipe-file", recipe, "--json").result
    assert not refused["promoted"] and "suspected leak: 'receipt' alone" in refused["reason"]
    assert not ml_assets("promote", "good", "1", "--json").result["promoted"]
    recipe.write_text(recipe.read_text() + "quality: {not_a_leak: [receipt]}\n")
    allowed = ml_assets("promote", "good", "1", "--json").result
    assert allowed["promoted"] and "leak" not in allowed["reason"]
