"""An effect, from the source to a champion, and to the next one when whom to call has changed."""

from __future__ import annotations

import numpy as np
import pytest

from ml_assets.evaluation.evaluate import predict
from ml_assets.lifecycle.served import served
from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe.loading import load_recipe
from ml_assets.records import PerformanceReport
from ml_assets.serving.standard import load
from ml_assets.settings import read_settings
from ml_assets.tasks.metrics import score
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.calls import RECIPE, STREAM, calls, days
from ml_assets_tests.support.command_line import ml_assets
from ml_assets_tests.support.served import serving


def test_effect_from_a_recipe_to_a_champion_that_needs_no_treatment(shop: Shop) -> None:
    frame = calls(2500)
    frame.drop(columns="effect").to_csv(shop.folder / "calls.csv", index=False)
    path = shop.write("calls.yaml", RECIPE)
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 0, trained.err
    assert trained.result["promoted"], trained.result["reason"]
    assert trained.result["metric"] == "qini" and trained.result["baseline"]["qini"] == pytest.approx(0)
    state = ModelState(load_recipe(path), path, read_settings())
    version = state.registry.version("calls", 1)
    kept = state.registry.files.holdout("calls", 1)
    assert kept is not None
    rows, given = kept
    assert score("qini", rows[["bought", "called"]], given, None) == pytest.approx(
        version.evaluation.scores["qini"].value
    )
    assert set(version.trained.training.features) == {"asked", "loyal", "region"}
    assert version.evaluation.curves[0].name == "qini"
    new = calls(500, seed=5)
    asked = new[["asked", "loyal", "region"]]
    with state.registry.files.verified_model(version.trained, "calls") as folder:
        answered = np.asarray(load(folder).predict(asked), dtype=float).ravel()
    assert answered.tolist() == predict(state.registry.files.load("calls", 1), asked)["prediction"].tolist()
    assert np.corrcoef(answered, new["effect"])[0, 1] > 0.8


@pytest.mark.slow
def test_walked_over_time_served_and_tried_on_history(shop: Shop) -> None:
    """Outcome and treatment are known a day later; a request has neither; a backtest waits for both."""
    days(6, rows=250).to_csv(shop.folder / "calls.csv", index=False)
    path = shop.write("calls.yaml", RECIPE + STREAM)
    walked = ml_assets("backfill", "calls", "--json")
    assert walked.code == 0, walked.err
    state = ModelState(load_recipe(path), path, read_settings())
    champion = state.registry.champion("calls")
    assert champion is not None
    for batch in state.store.batches("performance_report"):
        report = state.store.read_record("performance_report", batch, PerformanceReport)
        assert report.scored_batch is None or report.scored_batch < batch
    new = calls(30, seed=5)[["asked", "loyal", "region"]]
    with serving("calls", shop.folder) as server:
        about = server.asked("/metadata")
        assert set(about["columns"]) == {"asked", "loyal", "region"} and about["answer"] == "number"
        answer = server.asked("/predict", {"rows": new.to_dict("records")})
        assert answer["version"] == champion.version
        found = [each["prediction"] for each in answer["predictions"]]
    model = state.registry.files.load("calls", champion.version)
    assert found == pytest.approx(predict(model, new)["prediction"].tolist(), rel=1e-9)
    tried = ml_assets("backtest", "calls", "--json")
    assert tried.code == 0, tried.err
    assert tried.result["metric"] == "qini" and {"recipe", "never"} <= {
        each["policy"] for each in tried.result["policies"]
    }


@pytest.mark.slow
def test_change_of_whom_to_call_is_found_and_learned(shop: Shop) -> None:
    days(12, turned=6).to_csv(shop.folder / "calls.csv", index=False)
    path = shop.write("calls.yaml", RECIPE + STREAM)
    assert ml_assets("validate", path).code == 0
    walked = ml_assets("backfill", "calls", "--json")
    assert walked.code == 0, walked.err
    batches = walked.result["batches"]
    assert [row for row in batches if row["decision"] == "retrain" and row["batch"] > "2024-01-06"], batches
    assert [row for row in batches if row["promoted"] and row["batch"] > "2024-01-06"], batches
    state, scored = ModelState(load_recipe(path), path, read_settings()), 0
    for batch in state.store.batches("performance_report"):
        report = state.store.read_record("performance_report", batch, PerformanceReport)
        assert report.estimate is None or report.estimate.value is None
        if report.score is None or report.pooled:
            continue
        answered = served(state, str(report.scored_batch))
        assert answered is not None
        rows, given = answered.labelled(["bought", "called"])
        assert report.score.value == pytest.approx(score("qini", rows[["bought", "called"]], given, None))
        assert {each.column for each in report.targets} == {"bought", "called"}
        scored += 1
    assert scored >= 4
    for command in ("status", "explain", "backtest"):
        told = ml_assets(command, "calls", "--json")
        assert told.code == 0, told.err
    asked = calls(3, seed=5)[["asked", "loyal", "region"]].to_dict("records")
    with serving("calls", shop.folder) as server:
        answered = server.asked("/predict", {"rows": asked})
    assert [type(each["prediction"]) for each in answered["predictions"]] == [float] * 3
    explained = ml_assets("explain-prediction", "calls", "3", "--json")
    assert explained.code == 0, explained.err
