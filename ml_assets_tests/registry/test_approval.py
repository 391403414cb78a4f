"""Laws of approval: nothing is promoted that a person has not said yes to, and a yes survives a kill."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ml_assets.failures import WrongUsageError
from ml_assets.lifecycle.approval import ApprovalError, approve, look_at_approval, refuse, waiting_words
from ml_assets.lifecycle.state import ModelState
from ml_assets.registry import champions, charge, persons
from ml_assets.registry.versions import Registry
from ml_assets.registry.wording import describe
from ml_assets_tests.support import approvals
from ml_assets_tests.support.approvals import arrive, state_of, wait_for_approval
from ml_assets_tests.support.installations import IN_BOTH, Copies
from ml_assets_tests.support.processes import processes
from ml_assets_tests.support.registry_workers import (
    champion_of,
    law_of_the_ledger,
    open_registry,
    promote,
    register,
    states,
)


@pytest.fixture
def state(registry: Registry) -> ModelState:
    """Version 1 in charge, version 2 waits, version 3 is registered."""
    register(registry, 3)
    promote(registry, 1, None)
    state = state_of(registry)
    arrive(state, "2024-01-01")
    wait_for_approval(state, 2)
    return state


def yes(state: ModelState, version: int = 2) -> None:
    approve(state, version, actor="ann", reason="it is fine")


def _restart(state: ModelState) -> None:
    for _ in range(3):
        look_at_approval(state_of(open_registry(state.settings)))


def _expire(state: ModelState) -> None:
    arrive(state, "2024-01-02", "2024-01-03")
    look_at_approval(state)
    assert persons.waiting(state.ledger, "churn") is not None, "two newer batches are allowed"
    arrive(state, "2024-01-04")


def _newer(state: ModelState) -> None:
    wait_for_approval(state, 3)


def _roll_back_between(state: ModelState) -> None:
    promote(state.registry, 3, 1)
    charge.rollback(
        state.registry, "churn", actor="ann", to=1
    )  # the very champion that it was judged against


def _refuse(state: ModelState) -> None:
    refuse(state, 2, actor="ann", reason="not before the holidays")


def _tag(text: str, allowed: bool) -> Callable[[ModelState], None]:
    def tagged(state: ModelState) -> None:
        state.registry.client.set_model_version_tag("churn", "2", "approved", text)
        settings = state.settings.model_copy(update={"approval_tag": allowed})
        look_at_approval(ModelState(state.recipe, state.path, settings).beside(state.ledger))

    return tagged


HINDRANCES = {
    "refused": (_refuse, "refused by ann on .*: not before the holidays"),
    "expired": (_expire, "3 newer batches have come"),
    "another came after it": (_newer, "version 3 came after it; version 3 waits"),
    "champions changed between": (_roll_back_between, "no longer in charge"),
}


@pytest.mark.parametrize(("hinder", "words"), HINDRANCES.values(), ids=HINDRANCES)
def test_what_waits_no_more_cannot_be_approved(
    state: ModelState, hinder: Callable[[ModelState], None], words: str
) -> None:
    hinder(state)
    for _ in range(2):
        with pytest.raises(ApprovalError, match=words):
            yes(state)
        _restart(state)
    assert champion_of(state.registry) == 1
    assert ("done", 1, 2) not in states(state.registry, "promote")
    law_of_the_ledger(state.registry)


UNSPOKEN = {
    "restarts": _restart,
    "expiry": _expire,
    "two challengers": _newer,
    "rollback between": _roll_back_between,
    "tag that the operator does not allow": _tag("ann: fine", allowed=False),
    "tag without a reason": _tag("yes", allowed=True),
    "tag without a name": _tag(": fine", allowed=True),
    "refusal": _refuse,
}


@pytest.mark.parametrize("happens", UNSPOKEN.values(), ids=UNSPOKEN)
def test_nothing_is_promoted_without_a_yes(state: ModelState, happens: Callable[[ModelState], None]) -> None:
    happens(state)
    _restart(state)
    charge.reconcile(state.registry, "churn")
    assert champion_of(state.registry) == 1
    assert ("done", 1, 2) not in states(state.registry, "promote")
    assert not state.ledger.entries("churn", "approve")


def test_a_version_that_does_not_wait_is_not_approved(state: ModelState) -> None:
    with pytest.raises(ApprovalError, match="never waited: the gate was not asked about it; version 2 waits"):
        yes(state, 3)
    with pytest.raises(champions.UnknownVersionError, match="no version 7"):
        yes(state, 7)
    with pytest.raises(WrongUsageError, match="say why"):
        approve(state, 2, actor="ann", reason="  ")
    assert champion_of(state.registry) == 1


@IN_BOTH
def test_a_yes_promotes_once_and_says_who_when_and_why(state: ModelState) -> None:
    assert "`ml-assets approve churn 2 REASON`" in waiting_words(state)
    assert "until batch 2024-01-04 is taken in" in waiting_words(state)
    yes(state)
    entry = approve(state, 2, actor="bob", reason="me too")
    assert (entry.actor, entry.from_version, entry.to_version) == ("ann", 1, 2)
    assert "approved by ann: it is fine" in describe(entry)
    assert champion_of(state.registry) == 2 and waiting_words(state) == ""
    with pytest.raises(ApprovalError, match=r"approved by ann on .*, and in charge: it is fine"):
        refuse(state, 2, actor="bob", reason="too late")
    assert states(state.registry, "promote").count(("done", 1, 2)) == 1
    assert champions.looks(state.ledger, "churn", 1) == 1, "a challenger that waited was one look"
    _restart(state)
    charge.rollback(state.registry, "churn", actor="ann")
    _restart(state)
    assert champion_of(state.registry) == 1, "an approval that was carried out is used up"
    law_of_the_ledger(state.registry)


@IN_BOTH
def test_of_yes_and_no_the_first_stands(state: ModelState) -> None:
    request = persons.waiting(state.ledger, "churn")
    assert request is not None
    no, new = persons.answer(state.ledger, request, "refuse", actor="bob", reason="no")
    other, late = persons.answer(state.ledger, request, "approve", actor="ann", reason="yes")
    assert new and not late and no == other
    assert look_at_approval(state) is None and champion_of(state.registry) == 1


def test_a_tag_approves_where_the_operator_trusts_who_writes_it(state: ModelState) -> None:
    _tag("ann: shown to the board", allowed=True)(state)
    assert champion_of(state.registry) == 2
    entry = state.ledger.last("churn", ["promote"], state="done")
    assert entry is not None and entry.actor == "ann (tag in MLflow)" and "shown to the board" in entry.reason


def test_a_tag_from_before_does_not_approve_another_version(state: ModelState) -> None:
    state.registry.client.set_model_version_tag("churn", "3", "approved", "ann: fine")
    settings = state.settings.model_copy(update={"approval_tag": True})
    look_at_approval(ModelState(state.recipe, state.path, settings).beside(state.ledger))
    assert champion_of(state.registry) == 1


def test_the_first_model_waits_too(registry: Registry) -> None:
    register(registry, 1)
    state = state_of(registry)
    arrive(state, "2024-01-01")
    wait_for_approval(state, 1)
    _restart(state)
    assert champion_of(registry) is None
    yes(state, 1)
    assert champion_of(registry) == 1


@pytest.mark.parametrize("then", ["approve", "look"])
def test_a_kill_anywhere_between_yes_and_champion_is_healed_by_the_same_again(
    state: ModelState, copies: Copies, then: str
) -> None:
    """Said again, or looked at by the daemon, killed anywhere, again and again."""
    home = state.settings.home
    context, seen = processes(), []
    for at in range(100):
        copy = copies.copy(state.settings, home.parent / f"killed {at}")
        for action in ("approve", "look"):  # the second one is killed, too
            died = context.Process(target=approvals.die_in_approval, args=(copy, action, at))
            died.start()
            died.join(60)
            assert died.exitcode in (0, 9)
            if action == "approve":
                first = died.exitcode
        registry = open_registry(copy)
        killed = state_of(registry)
        said = bool(registry.ledger.entries("churn", "approve"))
        charge.reconcile(registry, "churn")
        seen.append((said, champion_of(registry)))
        assert said or champion_of(registry) == 1, "no yes, no change"
        if then == "approve":
            yes(killed)
        else:
            for _ in range(2):
                look_at_approval(killed)
        assert champion_of(registry) == (2 if said or then == "approve" else 1)
        assert states(registry, "promote").count(("done", 1, 2)) == (champion_of(registry) == 2)
        law_of_the_ledger(registry)
        if first == 0:
            break
    assert seen[0] == (False, 1) and seen[-1] == (True, 2) and (True, 1) in seen


def test_an_approval_that_a_kill_left_does_not_outlive_the_rows_that_spoke_for_it(state: ModelState) -> None:
    request = persons.waiting(state.ledger, "churn")
    assert request is not None
    persons.answer(state.ledger, request, "approve", actor="ann", reason="yes")
    arrive(state, "2024-01-04")
    assert look_at_approval(state) is None and champion_of(state.registry) == 1
    assert persons.waiting(state.ledger, "churn") is None
