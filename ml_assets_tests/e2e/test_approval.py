"""`promotion.approval: person` from training to champion, on the command line."""

from __future__ import annotations

import json

import pytest

from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets, shoppers


@pytest.fixture
def waiting(shop: Shop) -> Shop:
    """A first model that has passed, and waits."""
    recipe = shop.recipe("good", shoppers())
    recipe.write_text(recipe.read_text() + "promotion: {approval: person}\n")
    trained = ml_assets("train", "--recipe-file", recipe, "--json").result
    assert (trained["promoted"], trained["outcome"], trained["version"]) == (False, "waits", 1)
    return shop


def test_a_first_model_waits_until_it_is_approved(waiting: Shop) -> None:
    status = ml_assets("status", "good", "--json").result["recipes"][0]
    assert status["status"] == "waits for approval" and status["champion_version"] is None
    for command in ("status", "explain"):
        assert "ml-assets approve good 1 REASON" in ml_assets(command, "good").out
    assert ml_assets("approve", "good", "2", "fine", "--json").code == 1
    approved = ml_assets("approve", "good", "1", "shown to the board", "--json")
    assert approved.code == 0 and approved.result["champion_version"] == 1 and approved.result["changed"]
    again = ml_assets("approve", "good", "1", "shown to the board", "--json")
    assert again.code == 0 and not again.result["changed"]
    assert "approved by" in ml_assets("explain", "good").out
    assert ml_assets("status", "good", "--json").result["recipes"][0]["champion_version"] == 1
    refused = ml_assets("refuse", "good", "1", "too late", "--json")
    assert refused.code == 1 and "does not wait" in refused.message


def test_a_refused_model_stays_out_and_the_reason_is_kept(waiting: Shop) -> None:
    refused = ml_assets("refuse", "good", "1", "not before the holidays", "--json")
    assert refused.code == 0 and "the champion stays: not before the holidays" in refused.result["text"]
    assert not ml_assets("refuse", "good", "1", "again", "--json").result["changed"]
    late = ml_assets("approve", "good", "1", "I like it", "--json")
    assert late.code == 1 and "refused by" in late.message and "not before the holidays" in late.message
    assert ml_assets("status", "good", "--json").result["recipes"][0]["champion_version"] is None
    assert "not before the holidays" in ml_assets("explain", "good").out


def test_pause_resume_and_a_wish_are_kept_with_their_reasons(trained_shop: Shop) -> None:
    for words, said in (
        (("pause", "good", "holidays", "--days", "7"), "paused until"),
        (("resume", "good", "back again"), "trained by itself again"),
        (("resume", "good", "twice"), "nothing was changed"),
        (("retrain", "good", "new shops"), "a training is asked for"),
    ):
        told = ml_assets(*words, "--json")
        assert told.code == 0 and said in told.result["text"], told
    for words in (("pause", "good", " "), ("pause", "good", "x", "--days", "-1"), ("retrain", "god", "x")):
        failed = ml_assets(*words, "--json")
        assert failed.code != 0 and json.loads(failed.out.splitlines()[-1])["error"]
    assert ml_assets("pause", "good", "until further notice", "--json").code == 0
    assert "paused until it is resumed by" in ml_assets("status", "good").out
