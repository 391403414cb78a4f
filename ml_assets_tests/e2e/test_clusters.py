"""Clusters by the commands of a person: walked through, compared, explained, predicted in a batch and over HTTP."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets
from ml_assets_tests.support.served import serving

RECIPE = """\
name: shoppers
model:
  class_path: sklearn.cluster.KMeans
  hyperparameters: {n_clusters: 3}
  loader: {source_uri: "shoppers/*.csv"}
  data_interface: {task_type: clustering, entity_cols: [customer]}
batches: {column: at, period: daily}
hyperparameter_tuning: {enabled: false}
monitoring: {min_rows: 100}
training: {window: 3, first: 2}
"""


def day(number: int, rows: int = 150) -> pd.DataFrame:
    """Three groups of shoppers; from the fifth day on the third spends more and comes more often."""
    random = np.random.default_rng(number)
    group = random.integers(0, 3, rows)
    places = np.array([[0, 0], [6, 0], [0, 6]]) + (number > 3) * np.array([[0, 0], [0, 0], [5, 5]])
    points = places[group] + 0.8 * random.normal(size=(rows, 2))
    return pd.DataFrame(
        {
            "customer": 1000 * number + np.arange(rows),
            "visits": points[:, 0].round(3),
            "spend": (40 + 10 * points[:, 1]).round(2),
            "region": np.where(group == 0, "n", random.choice(["s", "w"], rows)),
            "at": (pd.Timestamp("2024-01-01") + pd.Timedelta(days=number)).date(),
        }
    )


@pytest.mark.slow
def test_clusters_walked_through_as_a_person_does(shop: Shop) -> None:
    folder = shop.folder / "shoppers"
    folder.mkdir()
    for number in range(7):
        day(number).to_csv(folder / f"{number}.csv", index=False)
    path = shop.write("shoppers.yaml", RECIPE)
    assert ml_assets("validate", path).code == 0
    walked = ml_assets("backfill", "shoppers", "--json")
    assert walked.code == 0, walked.err
    live = [row["live_score"] for row in walked.result["batches"] if row["live_score"] is not None]
    assert min(live) <= walked.result["live_score"] <= max(live)  # of several batches, the mean of theirs
    day(7).to_csv(folder / "7.csv", index=False)
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 0, trained.err
    compared = ml_assets("backtest", "shoppers")
    assert compared.code == 0, compared.err
    for command in (("explain", "shoppers"), ("explain-prediction", "shoppers", "3"), ("status", "shoppers")):
        told = ml_assets(*command)
        assert told.code == 0, told.err
    output = shop.folder / "answers.csv"
    source = f"{folder}/*.csv"
    predicted = ml_assets("batch-inference", "--model", "shoppers", "--source", source, "--output", output)
    assert predicted.code == 0, predicted.err
    answers = pd.read_csv(output)
    assert len(answers) == 8 * 150 and set(answers["prediction"]) <= set(range(6))
    rows = answers[["visits", "spend", "region"]].head(5)
    with serving("shoppers", shop.folder) as server:
        answered = server.asked("/predict", {"rows": rows.to_dict("records")})
    assert [each["prediction"] for each in answered["predictions"]] == answers["prediction"].head(5).tolist()
