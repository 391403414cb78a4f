"""The overview shows every model, whatever is wrong with one of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dagster._core.test_utils import instance_for_test

from ml_assets.lifecycle.known import load_states
from ml_assets.orchestration.model_status import all_statuses
from ml_assets.settings import Settings
from ml_assets_tests.support.damage import RECIPE, write


def test_a_model_whose_state_cannot_be_read_is_a_row_with_the_reason(tmp_path: Path) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    for name in ("birch", "oak"):
        write(folder, name, RECIPE.format(name=name))
    settings = Settings(home=tmp_path / "home", recipes=(folder,))
    states, faults = load_states(settings)
    oak = next(state for state in states if state.name == "oak")
    oak.ledger.append("oak", "promote", actor="test", reason="of nothing", to_version=1)
    with instance_for_test() as instance:
        rows = {row.name: row for row in all_statuses(instance, states, faults, settings, datetime.now(UTC))}
    assert rows["birch"].status == "no model"
    assert rows["oak"].status == "damaged"
    reason = rows["oak"].last_decision
    assert reason is not None and "no version 1 in the ledger" in reason.reason
