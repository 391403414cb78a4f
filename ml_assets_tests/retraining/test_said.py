"""What a person says changes a decision, and nothing else does."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from ml_assets.recipe.schema import Retraining
from ml_assets.records import Ask, Attempt, Champion, History, RetrainDecision, Said
from ml_assets.records.retraining import RULES_IN_WORDS
from ml_assets.retraining.said import TRIES, as_said, if_it_lasts

CHAMPION = Champion(version=1, as_of_index=0, trained_at="2025-06-01T00:00:00+00:00")
ACTIONS = get_args(RetrainDecision.model_fields["action"].annotation)
MODES = get_args(Retraining.model_fields["mode"].annotation)
ASK = Ask(id=7, at="2025-06-02T00:00:00+00:00", actor="ann", reason="a new shop", batch="2025-06-01")


def decided(action: str) -> RetrainDecision:
    return RetrainDecision.model_validate(
        {
            "recipe": "tide", "action": action, "rule": "retrain", "reasons": ("drift",), "batch": "2025-06-01",
            "champion_version": 1,
        }
    )  # fmt: skip


def history(*attempts: tuple[str, str]) -> History:
    tried = tuple(
        Attempt.model_validate({"batch_index": 3, "outcome": outcome, "at": at}) for outcome, at in attempts
    )
    return History(recipe="tide", batches=(), attempts=tried, champion=CHAMPION)


@pytest.mark.parametrize("action", ACTIONS)
def test_where_nobody_has_said_anything_the_policy_decides(action: str) -> None:
    assert as_said(decided(action), Retraining(), Said(), history()) == decided(action)


SAID = (Said(paused="paused by ann"), Said(waits=3), Said())


@pytest.mark.parametrize(("action", "said", "mode"), list(itertools.product(ACTIONS, SAID, MODES)))
def test_nothing_is_trained_that_a_person_holds_back(action: str, said: Said, mode: str) -> None:
    before = decided(action)
    after = as_said(before, Retraining.model_validate({"mode": mode}), said, history())
    held = said.paused or said.waits or mode == "suggest"
    assert after.retrain == (before.retrain and not held)
    assert set(before.reasons) <= set(after.reasons), "the policy's own reasons stay"
    assert after.rule in RULES_IN_WORDS and after.key == before.key
    if not before.retrain:
        assert after == before


@pytest.mark.parametrize(("action", "said", "mode"), list(itertools.product(ACTIONS, SAID, MODES)))
def test_what_a_person_asks_for_is_trained_once_whatever_else_is_said(
    action: str, said: Said, mode: str
) -> None:
    asked, retraining = said.model_copy(update={"ask": ASK}), Retraining.model_validate({"mode": mode})
    wanted = as_said(decided(action), retraining, asked, history())
    assert wanted.retrain and wanted.rule == "asked" and "ann: a new shop" in wanted.said
    assert wanted.key not in {decided(action).key}
    running = as_said(decided(action), retraining, asked, history(("in_flight", "2025-06-01T23:00:00+00:00")))
    assert not running.retrain and running.rule == "in_flight"
    before = as_said(decided(action), retraining, asked, history(("keep", "2025-06-01T23:00:00+00:00")))
    assert before.key == wanted.key, "a training that began before it was asked for is another one"
    for outcome in ("in_flight", "promote", "waits", "keep", "inconclusive"):
        begun = history((outcome, "2025-06-02T00:00:01+00:00"))
        assert as_said(decided(action), retraining, asked, begun) == as_said(
            decided(action), retraining, said, begun
        )


def test_a_training_that_was_asked_for_and_killed_is_begun_again_a_few_times() -> None:
    asked, keys = Said(ask=ASK), set()
    killed = [("failed", f"2025-06-02T00:00:0{second}+00:00") for second in (1, 2, 3)]
    for times in range(TRIES):
        again = as_said(decided("none"), Retraining(), asked, history(*killed[:times]))
        assert again.retrain and again.rule == "asked"
        keys.add(again.key)
    assert len(keys) == TRIES == 3, "Dagster would not begin a run of the same key"
    assert as_said(decided("none"), Retraining(), asked, history(*killed)) == decided("none")
    ended = history(killed[0], ("keep", "2025-06-02T00:00:09+00:00"))
    assert as_said(decided("none"), Retraining(), asked, ended) == decided("none")
    running = as_said(
        decided("none"), Retraining(), asked, history(killed[0], ("in_flight", "2025-06-02T00:00:09+00:00"))
    )
    assert not running.retrain


@pytest.mark.parametrize(
    ("enabled", "mode", "paused", "spent"),
    list(itertools.product((True, False), MODES, (True, False), ("", "the budget is spent"))),
)
def test_a_training_is_promised_where_one_would_come(
    enabled: bool, mode: str, paused: bool, spent: str
) -> None:
    retraining = Retraining.model_validate({"enabled": enabled, "mode": mode})
    said = Said(paused="paused by ann") if paused else Said()
    comes = retraining.on and as_said(decided("retrain"), retraining, said, history()).retrain
    comes = comes and not spent
    words = if_it_lasts(retraining, paused, spent)
    assert ("by itself if it lasts" in words) == comes and ("`ml-assets retrain`" in words) != comes
