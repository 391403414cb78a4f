"""A clustering from rows to a champion, its batches scored without labels, and the gate between two of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_assets.evaluation.evaluate import predict
from ml_assets.features.cleaning import clean
from ml_assets.lifecycle.clusters import numbered_as
from ml_assets.lifecycle.errors import StepError
from ml_assets.lifecycle.intake import clean_step, predict_step, raw_step
from ml_assets.lifecycle.split import split_step
from ml_assets.lifecycle.state import ModelState
from ml_assets.lifecycle.train import champion_step, evaluate_step, train_step
from ml_assets.lifecycle.watch import drift_step, performance_step
from ml_assets.names import POINT
from ml_assets.recipe.loading import load_recipe
from ml_assets.records import Evaluation, Promotion
from ml_assets.registry.tracking import ensure_experiment
from ml_assets.serving.standard import load
from ml_assets.settings import Settings

RECIPE = """\
name: shoppers
model:
  class_path: sklearn.cluster.KMeans
  hyperparameters: {n_clusters: %s}
  loader: {source_uri: '*.csv'}
  data_interface: {task_type: clustering}
hyperparameter_tuning: {n_trials: 3}
"""
BATCHES = "batches: {column: day, period: daily, start: 2024-01-01}\nmonitoring: {min_rows: 100}\n"
SPEND, VISITS, REGION = np.array([20.0, 60.0, 100.0]), np.array([2.0, 9.0, 4.0]), np.array(["n", "s", "e"])


def shoppers(seed: int, rows: int = 300, *, mixed: bool = False) -> pd.DataFrame:
    """Three groups of shoppers, half of them in the first; mixed: what one spends tells nothing of the rest."""
    random = np.random.default_rng(seed)
    group = random.choice(3, rows, p=[0.5, 0.3, 0.2])
    other = random.permutation(group) if mixed else group
    return pd.DataFrame(
        {
            "spend": random.normal(SPEND[group], 6.0),
            "visits": random.normal(VISITS[other], 1.0),
            "region": np.where(random.random(rows) < 0.8, REGION[group], "w"),
        }
    )


class Shop:
    """One model and its data, through the steps of the graph."""

    def __init__(self, root: Path, template: Path, text: str) -> None:
        self.folder, home = root / "recipes", root / "home"
        self.folder.mkdir()
        home.mkdir()
        shutil.copyfile(template, home / "mlflow.db")
        path = self.folder / "shoppers.yaml"
        path.write_text(text)
        self.state = ModelState(load_recipe(path), path, Settings(home=home, recipes=(self.folder,)))
        client = self.state.registry.client
        self.run = str(
            client.create_run(ensure_experiment(client, self.state.settings, "shoppers")).info.run_id
        )

    def take_in(self, batch: str) -> None:
        assert not raw_step(self.state, batch).problems
        clean_step(self.state, batch)
        predict_step(self.state, batch)

    def train(self, batch: str) -> tuple[Evaluation, Promotion]:
        split_step(self.state, batch)
        train_step(self.state, batch, self.run, lambda _: None)
        evaluation = evaluate_step(self.state, batch).evaluation
        return evaluation, champion_step(self.state, batch, self.run, "test", lambda _: None).promotion


def test_a_table_becomes_a_champion_that_answers_raw_rows(tmp_path: Path, mlflow_template: Path) -> None:
    shop = Shop(tmp_path, mlflow_template, RECIPE % "{type: int, low: 2, high: 5}")
    shoppers(0).to_csv(shop.folder / "rows.csv", index=False)
    shop.take_in("all")
    evaluation, promotion = shop.train("all")
    assert promotion.outcome == "promote", promotion.reason
    assert evaluation.scores["silhouette"].low > 0.4 > 0.1 > evaluation.baseline["silhouette"]
    assert {"silhouette", "calinski_harabasz", "davies_bouldin"} == set(evaluation.scores)
    assert evaluation.leaks == () and evaluation.swarms == ()
    assert [part.name for part in evaluation.clusters] == ["0", "1", "2"]
    told = {part.name: {each.column: each for each in part.profile} for part in evaluation.clusters}
    assert [round(told[name]["spend"].own / 20) * 20 for name in ("0", "1", "2")] == [20, 60, 100]
    assert told["0"]["region"].level == "n"
    assert "the number of a cluster is looked up in its pipeline" in str(promotion)
    champion = shop.state.registry.champion("shoppers")
    assert champion is not None
    shop.take_in("all")
    stored = shop.state.store.read_frame("predictions", "all")
    raw = shoppers(0)
    with shop.state.registry.files.verified_model(champion.trained, "champion") as folder:
        answers = load(folder).predict(raw)
    assert answers.dtype == np.int64
    assert answers.tolist() == [int(text) for text in stored["prediction"]]
    assert (stored["distance"] >= 0).all()
    model, other = (shop.state.registry.files.load("shoppers", champion.version) for _ in range(2))
    other[-1].classes_ = np.array(["1", "2", "0"], dtype=object)
    rows = clean(raw, shop.state.recipe, "all").frame
    numbered_as(shop.state, model, rows, other)
    assert predict(model, rows)["prediction"].tolist() == predict(other, rows)["prediction"].tolist()


def test_batches_are_scored_as_they_come_and_a_challenger_keeps_the_numbers(
    tmp_path: Path, mlflow_template: Path
) -> None:
    shop = Shop(tmp_path, mlflow_template, RECIPE % "3" + BATCHES)
    days = [f"2024-01-0{number}" for number in range(1, 6)]
    for number, day in enumerate(days):
        shoppers(number, mixed=number == 4).assign(day=day).to_csv(shop.folder / f"{day}.csv", index=False)
    for day in days[:2]:
        shop.take_in(day)
    _, first = shop.train(days[1])
    assert first.outcome == "promote", first.reason
    scores = []
    for day in days[2:]:
        shop.take_in(day)
        drift_step(shop.state, day, shop.run)
        report = performance_step(shop.state, day, shop.run).report
        assert (report.scored_batch, report.status, report.coverage) == (day, "ok", 1.0)
        assert report.metric == "silhouette" and report.target is None and report.estimate is None
        scores.append(report)
    assert scores[0].p_value > 0.01 > scores[2].p_value
    known = shop.state.store.read_frame("predictions", days[3])["prediction"]
    _, second = shop.train(days[3])
    assert second.champion_version == 1 and second.gain is not None and abs(second.gain) < 0.05
    rows = shop.state.store.read_frame("cleaned_features", days[3])
    from ml_assets.evaluation.evaluate import predict

    for version in (1, 2):
        again = predict(shop.state.registry.files.load("shoppers", version), rows)["prediction"]
        assert (again.to_numpy() == known.to_numpy()).mean() > 0.97


@pytest.mark.parametrize(
    ("frame", "clusters", "words"),
    [
        (shoppers(0, 8), 9, "n_clusters: 9 clusters of 4 different rows: ask for 4 at most"),
        (shoppers(0, 40).assign(spend=1.0, visits=2.0, region="n"), 2, "No feature is left"),
        (
            pd.DataFrame({"spend": [1.0] * 20 + [np.nan] * 20, "visits": [2.0, 3.0] * 20}).iloc[
                [0] * 30 + [1] * 2
            ],
            3,
            "clusters of 2 different rows|rows are alike",
        ),
    ],
)
def test_rows_without_clusters_end_in_words(
    frame: pd.DataFrame, clusters: int, words: str, tmp_path: Path, mlflow_template: Path
) -> None:
    shop = Shop(tmp_path, mlflow_template, RECIPE % clusters)
    frame.to_csv(shop.folder / "rows.csv", index=False)
    shop.take_in("all")
    assert POINT in shop.state.store.read_frame("cleaned_features", "all")
    split_step(shop.state, "all")
    with pytest.raises(StepError, match=words):
        train_step(shop.state, "all", shop.run, lambda _: None)
