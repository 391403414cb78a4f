"""The overview shows every model, whatever is wrong with one of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._core.test_utils import instance_for_test

from ml_assets.lifecycle.known import load_states
from ml_assets.orchestration.model_status import all_statuses
from ml_assets.orchestration.overview import overview_sensor
from ml_assets.registry.ledger import Ledger
from ml_assets.settings import Settings
from ml_assets_tests.support.damage import RECIPE, START, write
from ml_assets_tests.support.pages import client_of, words_of


def test_a_model_whose_state_cannot_be_read_is_a_row_with_the_reason(tmp_path: Path) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    for name in ("birch", "elm", "oak"):
        write(folder, name, RECIPE.format(name=name))
    write(folder, "elm", RECIPE.format(name="elm").replace(START, ""))
    (folder / "elm.csv").write_text("day,x,y\n202401,1,2\n202402,2,3\n")
    settings = Settings(home=tmp_path / "home", recipes=(folder,))
    states, faults = load_states(settings)
    oak = next(state for state in states if state.name == "oak")
    oak.ledger.append("oak", "promote", actor="test", reason="of nothing", to_version=1)
    birch = next(state for state in states if state.name == "birch")
    birch.ledger.append("birch", "keep", actor="test", reason="of a gap", to_version=3)
    with instance_for_test() as instance:
        rows = {row.name: row for row in all_statuses(instance, states, faults, settings, datetime.now(UTC))}
    assert rows["birch"].status == "no model" and "`ml-assets promote birch 3 --force`" in rows["birch"].todo
    with client_of(settings) as pages:
        told = words_of(pages.get("/models/birch").text)
    assert "kept out by the gate" in told and "ml-assets promote birch 3 --force" in told
    elm = rows["elm"]
    assert (elm.status, elm.champion_version) == ("no model", None)
    assert "elm.csv, row 1, column 'day'" in elm.why and "mend the source" in elm.todo
    assert rows["oak"].status == "damaged"
    reason = rows["oak"].last_decision
    assert reason is not None and "no version 1 in the ledger" in reason.reason


def test_the_overview_is_made_anew_once_for_what_is_new(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", recipes=())
    sensor, ledger = overview_sensor(settings), Ledger(settings.ledger)
    asked: list[object] = []
    cursor = None
    with instance_for_test() as instance:
        for new in (0, 0, 2, 0, 1):  # entries between two looks
            for _ in range(new):
                ledger.append("oak", "retrain_decision", actor="test", reason="no change")
            with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
                answer = sensor(context)
                cursor = context.cursor
            asked.append(answer.run_key if isinstance(answer, dg.RunRequest) else None)
        assert asked == [None, None, "overview:2", None, "overview:3"]
        with dg.build_sensor_context(
            instance=instance, cursor=None
        ) as context:  # its first look at an old home
            answer = sensor(context)
    assert isinstance(answer, dg.RunRequest) and answer.run_key == "overview:3"
