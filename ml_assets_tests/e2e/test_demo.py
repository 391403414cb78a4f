"""What the demo leaves for the web UI."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from ml_assets.cli.demo import FEW, leave_backtest
from ml_assets.orchestration.runs import open_instance
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.places import rows
from ml_assets_tests.support.shore import Shore, day


@pytest.mark.slow
def test_the_backtest_of_the_demo_is_an_asset_that_the_web_ui_shows(
    mlflow_home: Path, tmp_path: Path
) -> None:
    from ml_assets.lifecycle.intake import clean_step, raw_step

    shore = Shore(tmp_path / "recipes", mlflow_home, window=2)
    for number in range(9):
        shore.put(number, rows(number, drifted=False))
        raw_step(shore.state, day(number))
        clean_step(shore.state, day(number))
    tried = leave_backtest(shore.state, lambda _: None)
    assert {*FEW, "oracle"} == {row.policy for row in tried.policies}
    with open_instance(shore.state.settings) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey([shore.state.name, "backtest"]))
    assert event is not None and event.asset_materialization is not None
    shown = event.asset_materialization.metadata
    assert shown["recommended"].value == tried.recommended and "picture" in shown


def test_the_demo_ends_with_one_prediction_over_http_and_its_replay(trained_shop: Shop) -> None:
    from ml_assets.cli.models import known_state
    from ml_assets.cli.one_prediction import ask_once, once_text

    once = ask_once(known_state("good"))
    assert once["replay"]["same"] and once["answer"]["version"] == once["replay"]["version"] == 1
    told, replayed = once_text(once, "ml-assets")
    assert "version 1 answers" in told and f"ml-assets replay {once['answer']['request_id']}" in replayed
    assert "the same, bit for bit; learned from 160 rows" in replayed
