"""Laws of versions: what is loaded is what was trained; there is one champion, and the ledger says why."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlparse

import numpy as np
import pandas as pd
import pytest

from ml_assets.records import TrainedModel
from ml_assets.registry import champions
from ml_assets.registry.champions import UnknownVersionError
from ml_assets.registry.integrity import IntegrityError
from ml_assets.registry.versions import (
    LostRegistryError,
    NothingToRollBackError,
    Registry,
    StaleChampionError,
)
from ml_assets.settings import Settings
from ml_assets_tests.support import registry_workers
from ml_assets_tests.support.registry_workers import evaluation, fit, open_registry, processes, rows, train


@pytest.fixture
def registry(mlflow_home: Path) -> Registry:
    return open_registry(mlflow_home)


def _register(registry: Registry, n: int = 1) -> list[int]:
    return [registry.register(train(registry, c=0.1 * (i + 1)), evaluation=evaluation()) for i in range(n)]


def _promote(registry: Registry, version: int, expected: int | None) -> None:
    registry.promote("churn", version, expected_champion=expected, reason="better", actor="test")


def _champion(registry: Registry) -> int | None:
    info = registry.champion("churn")
    return None if info is None else info.version


def _folder(registry: Registry, version: int) -> Path:
    info = registry.version("churn", version)
    return Path(unquote(urlparse(registry.files.location(info.model_uri)).path))


def _states(registry: Registry, kind: str) -> list[tuple[str, int | None, int | None]]:
    return [(e.state, e.from_version, e.to_version) for e in registry.ledger.entries("churn", kind)]


def _law_of_the_ledger(registry: Registry) -> None:
    """The ledger and the alias tell the same story, and every intent has one outcome."""
    info = champions.champion(registry.ledger, "churn")
    assert (None if info is None else info.version) == _champion(registry)
    assert registry.ledger.open_intents() == ()
    for entry in registry.ledger.entries():
        if entry.state == "intent":
            assert len(registry.ledger.decision(entry.decision_id)) == 2


def test_a_version_knows_what_was_trained_and_how_it_scored(registry: Registry) -> None:
    trained = train(registry)
    assert registry.champion("churn") is None
    assert registry.register(trained, {"ticket": "7"}, evaluation=evaluation(0.8)) == 1
    info = registry.version("churn", 1)
    assert info.trained == trained
    assert info.holdout is not None and info.holdout.value == 0.8
    assert info.evaluation is not None and np.isnan(info.evaluation.baseline["log_loss"])
    shown = registry.client.get_model_version_by_alias("churn", "challenger")
    assert int(shown.version) == 1
    assert shown.tags["ticket"] == "7"
    assert shown.tags["holdout_roc_auc"] == "0.8"
    assert shown.run_id == trained.run_id


def test_registering_the_same_run_twice_is_one_version(registry: Registry) -> None:
    trained = train(registry)
    assert registry.register(trained) == registry.register(trained) == 1
    assert len(registry.versions("churn")) == 1
    _promote(registry, 1, None)
    assert registry.register(trained) == 1
    assert set(registry.client.get_registered_model("churn").aliases) == {"champion"}


def test_a_loaded_model_predicts_as_the_fitted_one(registry: Registry) -> None:
    (version,) = _register(registry)
    frame = rows(seed=1)
    loaded = registry.files.load("churn", version)
    np.testing.assert_array_equal(loaded.predict_proba(frame), fit(rows(), 0.1).predict_proba(frame))


def test_the_rows_of_a_training_come_back(registry: Registry) -> None:
    (version,) = _register(registry)
    columns = ["age", "colour", "churned", "row_id__"]
    pd.testing.assert_frame_equal(registry.files.reference("churn", version), rows()[columns])
    ids = registry.files.trained_row_ids("churn", version)
    assert ids.dtype == np.uint64
    assert set(ids) == set(rows()["row_id__"])


def test_unknown_versions_are_named_with_the_known_ones(registry: Registry) -> None:
    _register(registry, 2)
    with pytest.raises(UnknownVersionError, match=r"no version 9 .*registered: 1, 2"):
        registry.files.load("churn", 9)
    with pytest.raises(UnknownVersionError):
        _promote(registry, 9, None)
    assert registry.ledger.entries("churn", "promote") == ()


# ---- a registry that was lost


def _delete_database(registry: Registry) -> Registry:
    """In another home: this process keeps a deleted database open."""
    home = registry.settings.home.parent / "another home"
    home.mkdir()
    for path in registry.settings.home.glob("ledger.db*"):
        shutil.copy(path, home)
    return open_registry(home)


def _delete_models(registry: Registry) -> Registry:
    registry.client.delete_registered_model("churn")
    return open_registry(registry.settings.home)


def _delete_versions(registry: Registry) -> Registry:
    for version in (1, 2):
        registry.client.delete_model_version("churn", str(version))
    return open_registry(registry.settings.home)


LOSSES = [_delete_database, _delete_models, _delete_versions]


@pytest.mark.parametrize("lose", LOSSES)
def test_a_lost_registry_is_said_and_changes_nothing(
    registry: Registry, lose: Callable[[Registry], Registry]
) -> None:
    _register(registry, 2)
    _promote(registry, 2, None)
    assert registry.lost("churn") is None
    registry = lose(registry)
    before = registry.ledger.entries()
    tried = [
        lambda: registry.champion("churn"),
        lambda: registry.reconcile("churn"),
        lambda: registry.reconcile(),
        lambda: _promote(registry, 1, None),
        lambda: registry.rollback("churn", actor="test", to=1),
    ]
    for attempt in tried:
        with pytest.raises(
            LostRegistryError, match=r"churn: .*mlflow\.db has no version 2.* Restore .* train"
        ):
            attempt()
    assert registry.ledger.entries() == before


@pytest.mark.parametrize("lose", LOSSES)
def test_after_a_loss_the_next_model_is_a_first_one_with_a_new_number(
    registry: Registry, lose: Callable[[Registry], Registry]
) -> None:
    _register(registry, 2)
    _promote(registry, 1, None)
    _promote(registry, 2, 1)
    registry = lose(registry)
    (entry,) = registry.reconcile("churn", give_up_lost=True)
    assert (entry.from_version, entry.to_version) == (2, None)
    assert registry.champion("churn") is None
    assert registry.reconcile("churn") == []
    assert _register(registry) == [3]
    _promote(registry, 3, None)
    assert champions.champions(registry.ledger, "churn") == (3,)
    assert int(registry.client.get_model_version_by_alias("churn", "champion").version) == 3
    assert [int(v.version) for v in registry.client.search_model_versions("name = 'churn'")] == [3]
    registry.files.load("churn", 3)
    with pytest.raises(NothingToRollBackError):
        registry.rollback("churn", actor="test")
    _law_of_the_ledger(registry)


def test_what_a_deleted_database_left_does_not_reach_the_new_one(mlflow_home: Path) -> None:
    from ml_assets.registry.database import create_database

    (mlflow_home / "mlflow.db").unlink()
    left = [mlflow_home / "mlflow.db-wal", mlflow_home / "mlflow.db-shm"]
    for path in left:
        path.write_bytes(b"of another database")
    create_database(Settings(home=mlflow_home))
    assert (mlflow_home / "mlflow.db").is_file()
    assert not any(path.exists() for path in left)


# ---- integrity


class Evil:
    """Unpickling leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.trace),))


def test_an_altered_model_is_refused_unread_at_load_promotion_and_rollback(
    registry: Registry, tmp_path: Path
) -> None:
    import cloudpickle

    _register(registry, 3)
    _promote(registry, 1, None)
    _promote(registry, 2, 1)
    trace = tmp_path / "unpickled"
    for version in (1, 3):
        (_folder(registry, version) / "model.pkl").write_bytes(cloudpickle.dumps(Evil(trace)))
    with pytest.raises(IntegrityError, match="churn version 1: its files have sha256"):
        registry.files.load("churn", 1)
    with pytest.raises(IntegrityError, match="churn version 1"):
        registry.rollback("churn", actor="test")
    with pytest.raises(IntegrityError, match="churn version 3"):
        _promote(registry, 3, 2)
    assert not trace.exists()
    assert _champion(registry) == 2
    assert _states(registry, "rollback") == [("intent", 2, 1), ("aborted", 2, 1)]
    assert "IntegrityError" in registry.ledger.entries("churn", "promote")[-1].reason
    _law_of_the_ledger(registry)


def test_a_lost_or_added_file_is_an_altered_model(registry: Registry) -> None:
    _register(registry, 2)
    (_folder(registry, 1) / "sitecustomize.py").write_text("")
    shutil.rmtree(_folder(registry, 2))
    for version in (1, 2):
        with pytest.raises(IntegrityError, match=f"churn version {version}"):
            registry.files.load("churn", version)


@pytest.mark.parametrize("name", ["reference.parquet", "row_ids.npy"])
def test_altered_training_rows_are_refused(registry: Registry, name: str) -> None:
    (version,) = _register(registry)
    run_id = registry.version("churn", version).run_id
    uri = registry.client.get_run(run_id).info.artifact_uri
    path = Path(unquote(urlparse(uri).path)) / "training" / name
    path.write_bytes(path.read_bytes() + b" ")
    read = registry.files.reference if name.endswith("parquet") else registry.files.trained_row_ids
    with pytest.raises(IntegrityError, match=f"churn version 1: {name}"):
        read("churn", version)
    path.unlink()
    with pytest.raises(IntegrityError, match=f"churn version 1: {name}"):
        read("churn", version)


def test_a_model_altered_before_it_is_registered_is_no_version(registry: Registry) -> None:
    trained = train(registry)
    with pytest.raises(IntegrityError):
        registry.register(trained.model_copy(update={"sha256": "0" * 64}))
    assert registry.versions("churn") == ()
    assert registry.client.search_model_versions("name = 'churn'") == []


def test_a_model_that_cannot_predict_does_not_become_champion(registry: Registry) -> None:
    _register(registry, 1)
    _promote(registry, 1, None)
    trained = train(registry)
    renamed = trained.training.model_copy(update={"features": ("age",)})
    version = registry.register(trained.model_copy(update={"training": renamed}))
    with pytest.raises(ValueError, match="colour"):
        _promote(registry, version, 1)
    assert _champion(registry) == 1
    _law_of_the_ledger(registry)


# ---- promotion and rollback


def test_a_promotion_is_an_intent_and_its_outcome(registry: Registry) -> None:
    _register(registry, 2)
    _promote(registry, 1, None)
    _promote(registry, 2, 1)
    assert _states(registry, "promote") == [
        ("intent", None, 1),
        ("done", None, 1),
        ("intent", 1, 2),
        ("done", 1, 2),
    ]
    aliases = registry.client.get_registered_model("churn").aliases
    assert {name: int(v) for name, v in aliases.items()} == {"champion": 2}
    _law_of_the_ledger(registry)


@pytest.mark.parametrize("expected", [None, 2, 3])
def test_a_decision_against_another_champion_is_stale(registry: Registry, expected: int | None) -> None:
    _register(registry, 3)
    _promote(registry, 1, None)
    with pytest.raises(StaleChampionError, match=r"version 2 was judged against .* but now version 1 is"):
        _promote(registry, 2, expected)
    assert _champion(registry) == 1
    assert _states(registry, "promote")[-1] == ("aborted", 1, 2)
    _law_of_the_ledger(registry)


def test_of_simultaneous_promotions_exactly_one_wins(registry: Registry, mlflow_home: Path) -> None:
    versions = _register(registry, 4)
    context = processes()
    champion = None
    for challengers in (versions[:2], versions[2:]):
        barrier, answers = context.Barrier(2), context.Queue()
        racers = [
            context.Process(
                target=registry_workers.race_to_promote, args=(mlflow_home, v, champion, barrier, answers)
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
        assert _champion(registry) == champion
        last = registry.ledger.entries("churn", "promote", limit=3)
        assert sorted(e.state for e in last) == ["aborted", "done", "intent"]
        _law_of_the_ledger(registry)


def test_a_rollback_restores_the_champion_before(registry: Registry) -> None:
    _register(registry, 3)
    for version, expected in ((1, None), (2, 1), (3, 2)):
        _promote(registry, version, expected)
    frame = rows(seed=2)
    before = registry.files.load("churn", 2).predict_proba(frame)
    entry = registry.rollback("churn", actor="ada", reason="complaints")
    assert (entry.actor, entry.from_version, entry.to_version, entry.reason) == ("ada", 3, 2, "complaints")
    assert _champion(registry) == 2
    np.testing.assert_array_equal(registry.files.load("churn", 2).predict_proba(frame), before)
    registry.rollback("churn", actor="ada")
    assert _champion(registry) == 1
    with pytest.raises(NothingToRollBackError, match="one champion so far, version 1"):
        registry.rollback("churn", actor="ada")
    registry.rollback("churn", actor="ada", to=3)
    assert _champion(registry) == 3
    with pytest.raises(NothingToRollBackError, match="version 3 is the champion already"):
        registry.rollback("churn", actor="ada", to=3)
    _law_of_the_ledger(registry)


def test_there_is_nothing_to_roll_back_before_the_first_promotion(registry: Registry) -> None:
    _register(registry)
    with pytest.raises(NothingToRollBackError, match="no champion"):
        registry.rollback("churn", actor="ada")


# ---- kills


def _kill_everywhere(registry: Registry, home: Path, action: str, argument: object) -> list[Registry]:
    """Run an action in copies of the home, dying before write 0, 1, 2 … until it gets to its end."""
    context = processes()
    homes: list[Registry] = []
    for at in range(100):
        copy = home.parent / f"killed {at}"
        copy.mkdir()
        for path in home.glob("*.db*"):
            shutil.copyfile(path, copy / path.name)
        process = context.Process(target=registry_workers.die_in, args=(copy, action, argument, at))
        process.start()
        process.join(60)
        assert process.exitcode in (0, 9)
        homes.append(open_registry(copy))
        if process.exitcode == 0:
            return homes
    raise AssertionError("the action never ends")


def test_a_kill_anywhere_in_a_promotion_leaves_the_old_champion_or_the_new(
    registry: Registry, mlflow_home: Path
) -> None:
    _register(registry, 2)
    _promote(registry, 1, None)
    homes = _kill_everywhere(registry, mlflow_home, "promote", (2, 1))
    assert len(homes) == 5  # intent, alias champion, alias challenger, outcome, and to the end
    seen = []
    for killed in homes:
        assert _champion(killed) in (1, 2)
        was = _champion(killed)
        killed.reconcile()
        assert _champion(killed) == was
        _law_of_the_ledger(killed)
        assert killed.reconcile() == []
        seen.append(was)
        if was == 1:  # the same command again
            _promote(killed, 2, 1)
            assert _champion(killed) == 2
        _law_of_the_ledger(killed)
    assert seen[0] == 1
    assert seen[-1] == 2
    assert seen == sorted(seen)


def test_a_kill_anywhere_in_a_rollback_leaves_the_old_champion_or_the_new(
    registry: Registry, mlflow_home: Path
) -> None:
    _register(registry, 2)
    _promote(registry, 1, None)
    _promote(registry, 2, 1)
    for killed in _kill_everywhere(registry, mlflow_home, "rollback", None):
        if _champion(killed) == 2:
            killed.rollback("churn", actor="again")  # reconciles by itself
        else:
            killed.reconcile("churn")
        assert _champion(killed) == 1
        _law_of_the_ledger(killed)


def test_a_kill_anywhere_in_a_registration_is_healed_by_the_same_call(
    registry: Registry, mlflow_home: Path
) -> None:
    _register(registry, 1)
    _promote(registry, 1, None)
    trained: TrainedModel = train(registry)
    for killed in _kill_everywhere(registry, mlflow_home, "register", trained):
        assert killed.register(trained, evaluation=evaluation()) == 2
        assert [v.version for v in killed.versions("churn")] == [1, 2]
        assert len(killed.client.search_model_versions("name = 'churn'")) == 2
        _promote(killed, 2, 1)
        _law_of_the_ledger(killed)


def test_an_alias_moved_by_hand_is_written_down_and_a_deleted_one_set_again(registry: Registry) -> None:
    _register(registry, 2)
    _promote(registry, 1, None)
    registry.client.set_registered_model_alias("churn", "champion", "2")
    (entry,) = registry.reconcile()
    assert (entry.kind, entry.from_version, entry.to_version) == ("reconcile", 1, 2)
    registry.client.delete_registered_model_alias("churn", "champion")
    (entry,) = registry.reconcile()
    assert _champion(registry) == 2
    assert registry.reconcile() == []
    _law_of_the_ledger(registry)
    registry.rollback("churn", actor="test")
    assert _champion(registry) == 1


def test_rollback_of_a_champion_that_is_no_more_changes_nothing(registry: Registry) -> None:
    first, second, third = _register(registry, 3)
    for before, version in ((None, first), (first, second), (second, third)):
        _promote(registry, version, before)
    with pytest.raises(StaleChampionError, match="version 2 was to be rolled back, but version 3 is"):
        registry.rollback("churn", actor="probation", to=first, expected_champion=second)
    assert _champion(registry) == third
    registry.rollback("churn", actor="probation", to=second, expected_champion=third, batch="2024-05-01")
    assert registry.ledger.entries("churn", "rollback")[-1].batch == "2024-05-01"
    _law_of_the_ledger(registry)
