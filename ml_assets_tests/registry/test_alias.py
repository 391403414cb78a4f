"""An alias that others moved is told and not believed; a ledger that was lost is made anew from MLflow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml_assets.lifecycle.in_charge import look_at_alias
from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe.loading import load_recipe
from ml_assets.registry import alias, charge, tracking
from ml_assets.registry.database import DamagedDatabaseError
from ml_assets.registry.ledger import Ledger
from ml_assets.registry.ledger_file import LedgerDamagedError
from ml_assets.registry.versions import Registry
from ml_assets.settings import Settings
from ml_assets_tests.support.command_line import SMALL
from ml_assets_tests.support.installations import IN_BOTH, Copies
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


@pytest.fixture
def moved(registry: Registry) -> Registry:
    """Version 1 is champion, and somebody let the alias name version 2."""
    register(registry, 2)
    promote(registry, 1, None)
    registry.client.set_registered_model_alias("churn", "champion", "2")
    return registry


def test_a_moved_alias_is_told_once_and_not_believed(moved: Registry) -> None:
    assert champion_of(moved) == 1
    text = alias.moved(moved, "churn")
    assert text is not None and "moved to version 2 by others" in text and "version 1 stays in charge" in text
    (entry,) = charge.reconcile(moved, "churn")
    assert (entry.kind, entry.from_version, entry.to_version, entry.reason) == ("alias_moved", 1, 2, text)
    assert charge.reconcile(moved) == []
    assert champion_of(moved) == 1


def test_a_moved_alias_is_set_back_by_the_command_that_is_told(moved: Registry) -> None:
    charge.rollback(moved, "churn", to=1, actor="ada")
    assert alias.named(moved, "churn") == 1 and alias.moved(moved, "churn") is None
    assert states(moved, "reconcile") == [("done", 2, 1)]
    law_of_the_ledger(moved)
    moved.client.set_registered_model_alias("churn", "champion", "2")
    assert len(charge.reconcile(moved)) == 1, "moved again, told again"


def test_a_moved_alias_is_accepted_by_a_promotion(moved: Registry) -> None:
    promote(moved, 2, 1)
    assert champion_of(moved) == 2 and alias.moved(moved, "churn") is None
    law_of_the_ledger(moved)
    charge.rollback(moved, "churn", actor="ada")
    assert champion_of(moved) == alias.named(moved, "churn") == 1


def test_a_decision_goes_by_the_ledger_where_the_alias_was_moved(moved: Registry) -> None:
    register(moved)
    promote(moved, 3, 1)
    assert champion_of(moved) == alias.named(moved, "churn") == 3
    law_of_the_ledger(moved)


def test_an_alias_to_what_we_did_not_register_can_only_be_set_back(moved: Registry) -> None:
    run = moved.client.create_run(moved.experiment_id(moved.version("churn", 1).run_id))
    moved.client.create_model_version("churn", "somewhere", run.info.run_id, await_creation_for=0)
    moved.client.set_registered_model_alias("churn", "champion", "3")
    text = alias.moved(moved, "churn")
    assert text is not None and "--force" not in text and "`ml-assets rollback churn --to 1`" in text


def test_a_deleted_alias_is_set_again(moved: Registry) -> None:
    moved.client.delete_registered_model_alias("churn", "champion")
    assert champion_of(moved) == 1
    (entry,) = charge.reconcile(moved)
    assert (entry.kind, entry.to_version) == ("reconcile", 1) and alias.named(moved, "churn") == 1
    assert charge.reconcile(moved) == []
    law_of_the_ledger(moved)


@pytest.fixture
def lost(registry: Registry, copies: Copies) -> tuple[Registry, Registry]:
    """A registry with three versions, the second in charge, and the same one without its ledger."""
    for number in range(3):
        trained = train(registry, c=0.1 * (number + 1))
        tracking.log_evaluation(registry.client, trained.run_id, evaluation(0.7 + number / 10))
        registry.register(trained, evaluation=evaluation(0.7 + number / 10))
    promote(registry, 1, None)
    promote(registry, 2, 1)
    home = registry.settings.home.parent / "another home"
    return registry, open_registry(copies.copy(registry.settings, home, lost="ledger"))


@IN_BOTH
def test_a_lost_ledger_is_made_anew_from_mlflow(lost: tuple[Registry, Registry]) -> None:
    whole, without = lost
    assert champion_of(without) == 2
    reason = without.ledger.entries("churn", "reconcile")[-1].reason
    assert "the ledger had lost this model: 3 versions and the champion, version 2" in reason
    for before, after in zip(whole.versions("churn"), without.versions("churn"), strict=True):
        assert after.trained == before.trained
        assert (after.version, after.files, after.holdout) == (before.version, before.files, before.holdout)
    frame = rows(seed=2)
    for version in (1, 2, 3):
        expected = whole.files.load("churn", version).predict(frame)
        np.testing.assert_array_equal(without.files.load("churn", version).predict(frame), expected)
    entries = without.ledger.entries()
    assert charge.reconcile(without, "churn") == [] and without.ledger.entries() == entries
    promote(without, 3, 2)
    charge.rollback(without, "churn", actor="ada", to=1)
    assert register(without) == [4]
    law_of_the_ledger(without)


def test_a_model_changed_while_the_ledger_was_lost_is_not_loaded(lost: tuple[Registry, Registry]) -> None:
    from urllib.parse import unquote, urlparse

    from ml_assets.registry.integrity import IntegrityError

    whole, without = lost
    folder = Path(unquote(urlparse(whole.files.location(whole.version("churn", 1).model_uri)).path))
    next(folder.glob("*.pkl")).write_bytes(b"something else")
    assert champion_of(without) == 2
    with pytest.raises(IntegrityError, match="sha256"):
        without.files.load("churn", 1)


def test_a_tick_tells_of_both_once(lost: tuple[Registry, Registry], tmp_path: Path) -> None:
    path = tmp_path / "churn.yaml"
    path.write_text(SMALL.format(name="churn", data="churn.csv"))
    _, without = lost
    state = ModelState(load_recipe(path), path, without.settings)
    for _ in range(2):
        look_at_alias(state)
        assert champion_of(without) == 2
    without.client.set_registered_model_alias("churn", "champion", "3")
    for _ in range(2):
        look_at_alias(state)
    told = [entry.record["event"] for entry in without.ledger.entries("churn", "alert")]
    assert told == ["ledger_rebuilt", "alias_moved"]
    assert champion_of(without) == 2


@pytest.mark.parametrize("content", [b"no database at all " * 50, b"SQLite format 3\x00" + b"\x07" * 5000])
def test_a_damaged_database_is_told_with_its_remedy(tmp_path: Path, content: bytes) -> None:
    for name in ("ledger.db", "mlflow.db"):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(LedgerDamagedError, match=r"ledger\.db is damaged .* restore it from a backup"):
        Ledger(tmp_path / "ledger.db")
    from ml_assets.registry.database import has_version

    with pytest.raises(DamagedDatabaseError, match=r"mlflow\.db is damaged .* restore it from a backup"):
        has_version(Settings(home=tmp_path), "churn", 1)
