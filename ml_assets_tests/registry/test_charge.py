"""Laws of the charge: one champion, the ledger says why, a kill leaves the old one or the new."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml_assets.records import TrainedModel
from ml_assets.registry import champions, charge
from ml_assets.registry.charge import NothingToRollBackError, StaleChampionError
from ml_assets.registry.versions import LostRegistryError, Registry
from ml_assets.settings import Settings
from ml_assets_tests.support import registry_workers
from ml_assets_tests.support.installations import IN_BOTH, Copies
from ml_assets_tests.support.processes import processes
from ml_assets_tests.support.registry_workers import (
    champion_of,
    evaluation,
    law_of_the_ledger,
    open_registry,
    promote,
    register,
    rows,
    states,
    train,
)

# ---- a registry that was lost


def _delete_database(registry: Registry, copies: Copies) -> Registry:
    """In another home: this process keeps a deleted database open."""
    home = registry.settings.home.parent / "another home"
    return open_registry(copies.copy(registry.settings, home, lost="mlflow"))


def _delete_models(registry: Registry, _: Copies) -> Registry:
    registry.client.delete_registered_model("churn")
    return open_registry(registry.settings)


def _delete_versions(registry: Registry, _: Copies) -> Registry:
    for version in (1, 2):
        registry.client.delete_model_version("churn", str(version))
    return open_registry(registry.settings)


LOSSES = [_delete_database, _delete_models, _delete_versions]
Loss = Callable[[Registry, Copies], Registry]


@pytest.mark.parametrize("lose", LOSSES)
def test_a_lost_registry_is_said_and_changes_nothing(registry: Registry, copies: Copies, lose: Loss) -> None:
    register(registry, 2)
    promote(registry, 2, None)
    assert registry.lost("churn") is None
    registry = lose(registry, copies)
    before = registry.ledger.entries()
    tried = [
        lambda: registry.champion("churn"),
        lambda: charge.reconcile(registry, "churn"),
        lambda: charge.reconcile(registry),
        lambda: promote(registry, 1, None),
        lambda: charge.rollback(registry, "churn", actor="test", to=1),
    ]
    for attempt in tried:
        place = re.escape(registry.settings.mlflow_place)
        with pytest.raises(LostRegistryError, match=rf"churn: {place} has no version 2.* Restore .* train"):
            attempt()
    assert registry.ledger.entries() == before


@pytest.mark.parametrize("lose", LOSSES)
def test_after_a_loss_the_next_model_is_a_first_one_with_a_new_number(
    registry: Registry, copies: Copies, lose: Loss
) -> None:
    register(registry, 2)
    promote(registry, 1, None)
    promote(registry, 2, 1)
    registry = lose(registry, copies)
    (entry,) = charge.reconcile(registry, "churn", give_up_lost=True)
    assert (entry.from_version, entry.to_version) == (2, None)
    assert registry.champion("churn") is None
    assert charge.reconcile(registry, "churn") == []
    assert register(registry) == [3]
    promote(registry, 3, None)
    assert champions.champions(registry.ledger, "churn") == (3,)
    assert int(registry.client.get_model_version_by_alias("churn", "champion").version) == 3
    assert [int(v.version) for v in registry.client.search_model_versions("name = 'churn'")] == [3]
    registry.files.load("churn", 3)
    with pytest.raises(NothingToRollBackError):
        charge.rollback(registry, "churn", actor="test")
    law_of_the_ledger(registry)


def test_what_a_deleted_database_left_does_not_reach_the_new_one(mlflow_home: Path) -> None:
    from ml_assets.registry.database import create_database

    (mlflow_home / "mlflow.db").unlink()
    left = [mlflow_home / "mlflow.db-wal", mlflow_home / "mlflow.db-shm"]
    for path in left:
        path.write_bytes(b"of another database")
    create_database(Settings(home=mlflow_home))
    assert (mlflow_home / "mlflow.db").is_file()
    assert not any(path.exists() for path in left)


# ---- promotion and rollback


@IN_BOTH
def test_a_promotion_is_an_intent_and_its_outcome(registry: Registry) -> None:
    register(registry, 2)
    promote(registry, 1, None)
    promote(registry, 2, 1)
    assert states(registry, "promote") == [
        ("intent", None, 1),
        ("done", None, 1),
        ("intent", 1, 2),
        ("done", 1, 2),
    ]
    aliases = registry.client.get_registered_model("churn").aliases
    assert {name: int(v) for name, v in aliases.items()} == {"champion": 2}
    law_of_the_ledger(registry)


@pytest.mark.parametrize("expected", [None, 2, 3])
def test_a_decision_against_another_champion_is_stale(registry: Registry, expected: int | None) -> None:
    register(registry, 3)
    promote(registry, 1, None)
    with pytest.raises(StaleChampionError, match=r"version 2 was judged against .* but now version 1 is"):
        promote(registry, 2, expected)
    assert champion_of(registry) == 1
    assert states(registry, "promote")[-1] == ("aborted", 1, 2)
    law_of_the_ledger(registry)


@IN_BOTH
def test_of_simultaneous_promotions_exactly_one_wins(registry: Registry) -> None:
    versions = register(registry, 4)
    context = processes()
    champion = None
    for challengers in (versions[:2], versions[2:]):
        barrier, answers = context.Barrier(2), context.Queue()
        racers = [
            context.Process(
                target=registry_workers.race_to_promote,
                args=(registry.settings, v, champion, barrier, answers),
            )
            for v in challengers
        ]
        for racer in racers:
            racer.start()
        outcome = dict(answers.get(timeout=120) for _ in racers)
        for racer in racers:
            racer.join(30)
        assert sorted(outcome.values()) == ["champion", "stale"]
        (champion,) = (version for version, answer in outcome.items() if answer == "champion")
        assert champion_of(registry) == champion
        last = registry.ledger.entries("churn", "promote", limit=3)
        assert sorted(e.state for e in last) == ["aborted", "done", "intent"]
        law_of_the_ledger(registry)


@IN_BOTH
def test_a_rollback_restores_the_champion_before(registry: Registry) -> None:
    register(registry, 3)
    for version, expected in ((1, None), (2, 1), (3, 2)):
        promote(registry, version, expected)
    frame = rows(seed=2)
    before = registry.files.load("churn", 2).predict_proba(frame)
    entry = charge.rollback(registry, "churn", actor="ada", reason="complaints")
    assert (entry.actor, entry.from_version, entry.to_version, entry.reason) == ("ada", 3, 2, "complaints")
    assert champion_of(registry) == 2
    np.testing.assert_array_equal(registry.files.load("churn", 2).predict_proba(frame), before)
    for to in (None, 2):
        assert charge.rollback(registry, "churn", actor="bob", to=to) == entry, (
            "it goes no step further by itself"
        )
    assert champion_of(registry) == 2
    charge.rollback(registry, "churn", actor="ada", to=1)
    assert champion_of(registry) == 1
    forward = charge.rollback(registry, "churn", actor="ada", to=3)
    assert champion_of(registry) == 3
    assert charge.rollback(registry, "churn", actor="ada", to=3) == forward
    law_of_the_ledger(registry)


@IN_BOTH
def test_there_is_nothing_to_roll_back_before_the_second_promotion(registry: Registry) -> None:
    register(registry)
    with pytest.raises(NothingToRollBackError, match="no champion"):
        charge.rollback(registry, "churn", actor="ada")
    promote(registry, 1, None)
    with pytest.raises(NothingToRollBackError, match="one champion so far, version 1"):
        charge.rollback(registry, "churn", actor="ada")


# ---- kills


def _kill_everywhere(registry: Registry, copies: Copies, action: str, argument: object) -> list[Registry]:
    """Run an action in copies of the home, dying before write 0, 1, 2 … until it gets to its end."""
    home = registry.settings.home
    context = processes()
    homes: list[Registry] = []
    for at in range(100):
        copy = copies.copy(registry.settings, home.parent / f"killed {at}")
        process = context.Process(target=registry_workers.die_in, args=(copy, action, argument, at))
        process.start()
        process.join(60)
        assert process.exitcode in (0, 9)
        homes.append(open_registry(copy))
        if process.exitcode == 0:
            return homes
    raise AssertionError("the action never ends")


def test_a_kill_anywhere_in_a_promotion_leaves_the_old_champion_or_the_new(
    registry: Registry, copies: Copies
) -> None:
    register(registry, 2)
    promote(registry, 1, None)
    homes = _kill_everywhere(registry, copies, "promote", (2, 1))
    assert len(homes) == 6  # intent, alias champion, alias challenger, tag, outcome, and to the end
    seen = []
    for killed in homes:
        assert champion_of(killed) in (1, 2)
        was = champion_of(killed)
        charge.reconcile(killed)
        assert champion_of(killed) == was
        law_of_the_ledger(killed)
        assert charge.reconcile(killed) == []
        seen.append(was)
        promote(killed, 2, 1)  # the same command again
        assert champion_of(killed) == 2
        assert states(killed, "promote").count(("done", 1, 2)) == 1
        law_of_the_ledger(killed)
    assert seen[0] == 1
    assert seen[-1] == 2
    assert seen == sorted(seen)


@pytest.mark.parametrize("again", [{}, {"to": 2}, {"to": 2, "expected_champion": 3}], ids=str)
def test_a_rollback_killed_anywhere_and_said_again_goes_one_champion_back(
    registry: Registry, copies: Copies, again: dict[str, int]
) -> None:
    register(registry, 3)
    for version, expected in ((1, None), (2, 1), (3, 2)):
        promote(registry, version, expected)
    seen = set()
    for killed in _kill_everywhere(registry, copies, "rollback", None):
        seen.add(champion_of(killed))
        entry = charge.rollback(killed, "churn", actor="again", **again)
        assert (entry.state, entry.from_version, entry.to_version) == ("done", 3, 2)
        assert champion_of(killed) == 2
        assert states(killed, "rollback").count(("done", 3, 2)) == 1
        law_of_the_ledger(killed)
    assert seen == {2, 3}


def test_a_kill_anywhere_in_a_registration_is_healed_by_the_same_call(
    registry: Registry, copies: Copies
) -> None:
    register(registry, 1)
    promote(registry, 1, None)
    trained: TrainedModel = train(registry)
    for killed in _kill_everywhere(registry, copies, "register", trained):
        assert killed.register(trained, evaluation=evaluation()) == 2
        assert [v.version for v in killed.versions("churn")] == [1, 2]
        assert len(killed.client.search_model_versions("name = 'churn'")) == 2
        promote(killed, 2, 1)
        law_of_the_ledger(killed)


def test_rollback_of_a_champion_that_is_no_more_changes_nothing(registry: Registry) -> None:
    first, second, third = register(registry, 3)
    for before, version in ((None, first), (first, second), (second, third)):
        promote(registry, version, before)
    with pytest.raises(StaleChampionError, match="version 2 was to be rolled back, but version 3 is"):
        charge.rollback(registry, "churn", actor="probation", to=first, expected_champion=second)
    assert champion_of(registry) == third
    charge.rollback(
        registry, "churn", actor="probation", to=second, expected_champion=third, batch="2024-05-01"
    )
    assert registry.ledger.entries("churn", "rollback")[-1].batch == "2024-05-01"
    law_of_the_ledger(registry)
