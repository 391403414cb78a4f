"""A recommendation from who had what to a champion, its batches scored as they come, the gate between two of them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from ml_assets.estimators.families import FACTORIZATIONS
from ml_assets.evaluation.evaluate import predict
from ml_assets.features.columns import watched
from ml_assets.lifecycle.errors import StepError
from ml_assets.lifecycle.experiments import ExperimentError, Wish, begin
from ml_assets.lifecycle.explained import explained_row
from ml_assets.lifecycle.split import split_step
from ml_assets.lifecycle.train import train_step
from ml_assets.lifecycle.watch import drift_step, performance_step
from ml_assets.names import POINT
from ml_assets.serving.app import build_app
from ml_assets.serving.limits import Limits
from ml_assets.serving.live import Live
from ml_assets.serving.log import PredictionLog
from ml_assets.serving.replay import replay
from ml_assets.serving.standard import RowError, load
from ml_assets.store.places import Folder
from ml_assets.tasks.interactions import interactions as read
from ml_assets_tests.lifecycle.test_clustering import Shop
from ml_assets_tests.support.shop import interactions

RECIPE = """\
name: shoppers
model:
  class_path: sklearn.decomposition.TruncatedSVD
  hyperparameters: {n_components: %s}
  loader: {source_uri: '*.csv'}
  data_interface: {task_type: recommendation, user_col: user, item_col: item%s}
hyperparameter_tuning: {n_trials: 3}
"""
BATCHES = "batches: {column: day, period: daily, start: 2024-01-01}\nmonitoring: {min_rows: 100}\n"
ITEMS = 150


def test_a_table_becomes_a_champion_that_answers_users(tmp_path: Path, mlflow_template: Path) -> None:
    shop = Shop(tmp_path, mlflow_template, RECIPE % ("{type: int, low: 2, high: 8}", ", top_k: 5"))
    raw = interactions(6_000, 400, ITEMS)
    raw.to_csv(shop.folder / "rows.csv", index=False)
    shop.take_in("all")
    evaluation, promotion = shop.train("all")
    assert promotion.outcome == "promote", promotion.reason
    assert evaluation.scores["ndcg"].low > evaluation.baseline["ndcg"]
    assert set(evaluation.scores) == {"ndcg", "map", "recall_at_k", "hit_rate"}
    assert (
        evaluation.leaks == ()
        and evaluation.swarms == ()
        and next(c.name for c in evaluation.curves) == "places"
    )
    champion = shop.state.registry.champion("shoppers")
    assert champion is not None and champion.trained.training.features == ("user",)
    shop.take_in("all")
    stored = shop.state.store.read_frame("predictions", "all")
    asked = pd.DataFrame({"user": [*raw["user"], "never seen", None]})
    with shop.state.registry.files.verified_model(champion.trained, "champion") as folder:
        answers = load(folder).predict(asked)
    assert list(answers[:-2]) == [json.loads(text) for text in stored["prediction"]]
    model = shop.state.registry.files.load("shoppers", champion.version)
    assert answers[-1] == answers[-2] == model[-1].best("never seen")[0] and len(answers[-1]) == 5
    # No user is recommended what the model has learned of the user.
    learned = read(shop.state.store.read_frame("training_set", "all")[POINT])
    had = set(zip(learned.users, learned.items, strict=True))
    assert not any(
        (user, item) in had for user, items in zip(raw["user"], answers[:-2], strict=True) for item in items
    )
    with pytest.raises(StepError, match="who had what"):
        explained_row(shop.state, "1")
    with pytest.raises(ExperimentError, match="not yet supported"):
        begin(shop.state, Wish((1,)), actor="ann", reason="to see")


def test_one_answer_from_the_asset_batch_inference_http_and_again(
    tmp_path: Path, mlflow_template: Path
) -> None:
    """Without a class_path, which the search finds; items that shall not be shown are left out on each way."""
    text = RECIPE.replace(
        "  class_path: sklearn.decomposition.TruncatedSVD\n  hyperparameters: {n_components: %s}\n", ""
    )
    shop = Shop(tmp_path, mlflow_template, (text % ", top_k: 4").replace("n_trials: 3", "n_trials: 6"))
    raw = interactions(3_000, 120, 60)
    raw.to_csv(shop.folder / "rows.csv", index=False)
    shop.take_in("all")
    evaluation, promotion = shop.train("all")
    assert promotion.outcome == "promote", promotion.reason
    assert evaluation.scores["ndcg"].value > evaluation.baseline["ndcg"]
    champion = shop.state.registry.champion("shoppers")
    assert champion is not None
    training = champion.trained.training
    assert training.choice is not None and training.tuning is not None and training.tuning.total_trials == 6
    scores = {each.family: each.score for each in training.choice.standings}
    best = max(scores, key=lambda name: scores[name])
    assert {*scores} == {"svd", "nmf"} and FACTORIZATIONS[best] == training.class_path
    assert {each.family: each.weight for each in training.choice.standings}[best] == 1.0
    shop.take_in("all")
    stored = [json.loads(text) for text in shop.state.store.read_frame("predictions", "all")["prediction"]]

    live = Live(shop.state.registry, "shoppers", None, lambda _: None)
    log = PredictionLog(Folder(tmp_path / "log"))
    app = build_app(live, (), Limits(rows=5_000), poll=3600, log=log)
    users = raw["user"].tolist()
    without = [[stored[k][0], 5] if k % 2 else None for k in range(len(users))]
    with TestClient(app, raise_server_exceptions=False) as client:
        about = client.get("/metadata").json()
        assert about["classes"] == {} and about["answer"] == "items" and "point__" not in json.dumps(about)
        http = client.post("/predict", json={"rows": [{"user": user} for user in users]}).json()
        assert [each["prediction"] for each in http["predictions"]] == stored
        rows = [{"user": user, "without": items} for user, items in zip(users, without, strict=True)]
        answer = client.post("/predict", json={"rows": rows}).json()
        fewer = [each["prediction"] for each in answer["predictions"]]
        for wrong, field in (("1001", "rows[0].without"), ([["1001"]], "rows[0].without[0]")):
            refused = client.post("/predict", json={"rows": [{"user": "u1", "without": wrong}]})
            assert refused.status_code == 422 and refused.json()["error"]["field"] == field
        schema = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
        row = schema["application/json"]["schema"]["properties"]["rows"]["items"]
        assert row["properties"]["without"]["items"]["type"] == ["string", "number", "boolean"]
    for before, after, left_out in zip(stored, fewer, without, strict=True):
        assert after == before if left_out is None else after[:3] == before[1:] and left_out[0] not in after
    assert replay(shop.state.registry, {"shoppers": Folder(tmp_path / "log")}, answer["request_id"])["same"]

    way = live.served.way
    table = pa.table({"user": users, "without": pa.array(without_texts(without), pa.list_(pa.string()))})
    assert way.table(table.select(["user"]), False)["prediction"] == stored
    assert way.table(table, False)["prediction"] == fewer
    in_json = pa.array([None if items is None else json.dumps(items) for items in without], pa.string())
    assert way.table(table.set_column(1, "without", in_json), False)["prediction"] == fewer
    with pytest.raises(RowError, match="column 'without', row 1: a list of items is wanted"):
        way.table(pa.table({"user": ["u1", "u2"], "without": ["[]", "1001"]}), False)


def without_texts(without: list[list[object] | None]) -> list[list[str] | None]:
    return [None if items is None else [str(item) for item in items] for items in without]


def test_batches_are_scored_as_they_come_and_a_fresher_model_is_promoted(
    tmp_path: Path, mlflow_template: Path
) -> None:
    shop = Shop(tmp_path, mlflow_template, RECIPE % ("4", "") + BATCHES)
    days = [f"2024-01-0{number}" for number in range(1, 7)]
    for number, day in enumerate(days):
        moved = 2 if number > 2 else 0
        frame = interactions(1_200, 200, ITEMS, seed=number, kinds_moved=moved)
        frame.assign(day=day).to_csv(shop.folder / f"{day}.csv", index=False)
    for day in days[:2]:
        shop.take_in(day)
    _, first = shop.train(days[1])
    assert first.outcome == "promote", first.reason
    reports = []
    for day in days[2:]:
        shop.take_in(day)
        drift = drift_step(shop.state, day, shop.run).report
        assert [column.column for column in drift.columns] == ["item"] and drift.predictions == ()
        report = performance_step(shop.state, day, shop.run).report
        assert (report.scored_batch, report.status, report.coverage) == (day, "ok", 1.0)
        assert report.metric == "ndcg" and report.target is None and report.estimate is None
        reports.append(report)
    assert reports[0].p_value > 0.01 > reports[1].p_value
    _, second = shop.train(days[-1])
    assert second.outcome == "promote" and second.gain is not None and second.gain > 0.02, second.reason


def test_who_meets_an_item_again_is_told_by_earlier_batches(tmp_path: Path, mlflow_template: Path) -> None:
    shop = Shop(tmp_path, mlflow_template, RECIPE % ("2", ", target_col: stars, relevant_from: 3") + BATCHES)
    frame = pd.DataFrame({"user": ["a", "a", "b", "b"], "item": [1, 2, 1, 3], "stars": [5, 2, 3, 4]})
    frame.assign(day="2024-01-01").to_csv(shop.folder / "1.csv", index=False)
    later = frame.assign(day="2024-01-02", item=[1, 9, 3, 1]).astype({"user": object})
    later.loc[1, "user"] = None
    later.to_csv(shop.folder / "2.csv", index=False)
    for day in ("2024-01-01", "2024-01-02"):
        shop.take_in(day)
    rows = [shop.state.store.read_frame("cleaned_features", day) for day in ("2024-01-01", "2024-01-02")]
    told = [read(each[POINT].dropna()) for each in rows]
    assert not told[0].again.any() and told[1].again.tolist() == [True, True, True]
    assert told[0].gains.tolist() == [5.0, 0.0, 3.0, 4.0]
    assert rows[1][POINT].isna().tolist() == [False, True, False, False]
    # An earlier batch that comes anew, without a row, changes what is told of the later one.
    frame.iloc[1:].assign(day="2024-01-01").to_csv(shop.folder / "1.csv", index=False)
    shop.take_in("2024-01-01")
    again = read(shop.state.store.read_frame("cleaned_features", "2024-01-02")[POINT].dropna()).again
    assert again.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("frame", "factors", "words"),
    [
        (interactions(40).assign(user="one"), 2, "user_col: all .* rows are of one"),
        (interactions(40).assign(item=1), 2, "item_col: all .* rows are of one"),
        (interactions(60, 5, 20), 9, "n_components: 9 factors of 5 users and .* items: ask for 5 at most"),
        (interactions(60).assign(stars=0), 2, "none of the .* ratings says that an item was liked"),
    ],
)
def test_rows_that_nothing_can_be_recommended_from_end_in_words(
    frame: pd.DataFrame, factors: int, words: str, tmp_path: Path, mlflow_template: Path
) -> None:
    shop = Shop(tmp_path, mlflow_template, RECIPE % (factors, ", target_col: stars"))
    frame.to_csv(shop.folder / "rows.csv", index=False)
    shop.take_in("all")
    split_step(shop.state, "all")
    with pytest.raises(StepError, match=words):
        train_step(shop.state, "all", shop.run, lambda _: None)


def test_the_same_recipe_twice_gives_the_same_answers(tmp_path: Path, mlflow_template: Path) -> None:
    answers = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shop = Shop(tmp_path / name, mlflow_template, RECIPE % ("4", ""))
        interactions(items=60).to_csv(shop.folder / "rows.csv", index=False)
        shop.take_in("all")
        shop.train("all")
        frame = shop.state.store.read_frame("cleaned_features", "all")
        answers.append(predict(shop.state.registry.files.load("shoppers", 1), frame))
        assert watched(frame, shop.state.recipe).features == ("item",)
    pd.testing.assert_frame_equal(*answers)
