"""`ml-assets batch-inference`: the numbers of HTTP and of the graph, whole after kills, from and to every place."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest

from ml_assets.cli.models import file_state, known_state
from ml_assets.evaluation.evaluate import predict
from ml_assets.features.cleaning import clean
from ml_assets.lifecycle.intake import past_before
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.buckets import empty_bucket, running
from ml_assets_tests.support.command_line import ml_assets, shoppers
from ml_assets_tests.support.processes import Program
from ml_assets_tests.support.served import serving
from ml_assets_tests.test_laws import RENTALS, rentals


@pytest.fixture
def bucket() -> Iterator[Any]:
    with empty_bucket(running()) as made:
        yield made


def inferred(shop: Shop, source: object, output: object, *more: str) -> dict[str, object]:
    asked = ml_assets(
        "batch-inference",
        "--model",
        "good",
        "--source",
        str(source),
        "--output",
        str(output),
        *more,
        "--json",
    )
    assert asked.code == 0, asked.err
    return asked.result


def test_the_numbers_are_those_of_the_graph_and_of_http_from_every_place(
    trained_shop: Shop, environment: pytest.MonkeyPatch, bucket: Any, tmp_path: Path
) -> None:
    shop, rows = trained_shop, shoppers()
    environment.setenv("BATCH_SIZE", "64")
    state = known_state("good")
    clean = state.store.read_frame("cleaned_features", "all")
    expected = predict(state.registry.files.load("good", 1), clean)  # as the asset `predictions` does
    answers = []
    with serving("good", shop.folder) as server:
        sent = json.loads(rows.drop(columns="bought").to_json(orient="records"))
        answers = server.asked("/predict", {"rows": sent, "probabilities": True})["predictions"]
    csv = shop.folder / "good.csv"
    rows.to_parquet(shop.folder / "good.parquet")
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        rows.to_sql("rows", connection, index=False)
    environment.setenv("ML_ASSETS_CONNECTION_URI", f"sqlite:///{tmp_path}/shop.db")
    query = "SELECT * FROM rows ORDER BY rowid"
    for source, output in (
        (csv, tmp_path / "a.parquet"),
        (shop.folder / "good.parquet", tmp_path / "b.csv"),
        (query, tmp_path / "parts"),
        (csv, "s3://lake/out/c.parquet"),
        (csv, "s3://lake/out/parts"),
    ):
        result = inferred(shop, source, output)
        assert (result["rows"], result["parts"], result["predicted_parts"]) == (200, 4, 4)
        if str(output).startswith("s3://"):
            local = tmp_path / f"fetched {Path(str(output)).name}"
            fsspec.filesystem("s3").get(str(output), str(local), recursive=True)
            output = local
        found = pd.read_csv(output) if str(output).endswith(".csv") else pd.read_parquet(output)
        assert list(found.columns[:4]) == list(rows.columns) and (found["model_version"] == 1).all()
        assert found["prediction"].tolist() == [one["prediction"] for one in answers]
        shares = [one["probabilities"]["1"] for one in answers]
        assert found["probability_1"].tolist() == pytest.approx(
            shares, abs=0 if "csv" not in str(output) else 1e-12
        )
        assert found["probability_1"].tolist() == pytest.approx(expected["probability_1"].tolist(), abs=1e-12)
    assert not list((shop.home / "inference").glob("*/journal.json"))
    rows.head(3).assign(channel="007").to_csv(tmp_path / "codes.csv", index=False)
    inferred(shop, tmp_path / "codes.csv", tmp_path / "codes.parquet")
    assert pd.read_parquet(tmp_path / "codes.parquet")["channel"].tolist() == ["007"] * 3


def test_what_is_killed_five_times_ends_as_what_was_not(
    trained_shop: Shop, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = shoppers(30_000, 3)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    environment.setenv("BATCH_SIZE", "500")
    inferred(trained_shop, tmp_path / "rows.csv", tmp_path / "whole.parquet")
    parts = trained_shop.home / "inference"
    arguments = ("batch-inference", "--model", "good", "--source", str(tmp_path / "rows.csv"), "--json")
    killed = 0
    for turn in range(6):
        with Program(
            "ml-assets",
            *arguments,
            "--output",
            str(tmp_path / "killed.parquet"),
            folder=tmp_path,
            environ=os.environ,
        ) as program:
            want = 8 * (turn + 1)
            while turn < 5 and program.returncode is None and len(list(parts.glob("*/parts/part-*"))) < want:
                time.sleep(0.002)
            if turn < 5 and program.returncode is None:
                os.kill(program.pid, signal.SIGKILL)
                killed += 1
            out, err = program.output(120)
        assert turn < 5 or program.returncode == 0, err
    result = json.loads(out.splitlines()[-1])
    assert killed == 5 and result["rows"] == 30_000 and result["predicted_parts"] <= 60 - 40 + 5
    whole, found = (pd.read_parquet(tmp_path / name) for name in ("whole.parquet", "killed.parquet"))
    pd.testing.assert_frame_equal(whole, found)


def test_rows_that_change_in_between_are_predicted_anew_and_old_parts_go(
    trained_shop: Shop, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("BATCH_SIZE", "50")
    source, output = tmp_path / "rows.parquet", tmp_path / "out"
    for seed, count in ((1, 300), (2, 120)):
        shoppers(count, seed).to_parquet(source)
        inferred(trained_shop, source, output)
        assert len(pd.read_parquet(output)) == count
    found = pd.read_parquet(output)
    assert found["spent"].tolist() == shoppers(120, 2)["spent"].tolist()


REFUSED = [
    (("--source", "rows.csv"), "say either --model NAME or --run-id ID"),
    (("--model", "good", "--run-id", "a", "--source", "rows.csv"), "say either"),
    (("--model", "other", "--source", "rows.csv"), "there is no model 'other' (known: "),
    (("--model", "good", "--version", "7", "--source", "rows.csv"), "good has no version 7"),
    (("--run-id", "abc", "--source", "rows.csv"), "no registered version was trained by the run 'abc'"),
    (("--model", "good", "--source", "nowhere.csv"), "nowhere.csv': no such file"),
    (("--model", "good", "--source", "less.csv"), "lack channel"),
    (("--model", "good", "--source", "wrong.csv"), "row 3 has 'old' (rows of the source are counted from 1)"),
    (("--model", "good", "--source", "taken.csv"), "columns that the output adds itself, prediction"),
    (("--model", "good", "--source", "empty.csv"), "there is no row"),
]


def test_what_cannot_be_predicted_is_said_in_one_line(
    trained_shop: Shop, environment: pytest.MonkeyPatch
) -> None:
    environment.chdir(trained_shop.folder)
    rows = shoppers(5)
    rows.to_csv("rows.csv", index=False)
    rows.drop(columns="channel").to_csv("less.csv", index=False)
    rows.assign(prediction=1).to_csv("taken.csv", index=False)
    rows.assign(age=["1", "2", "old", "3", "4"]).to_csv("wrong.csv", index=False)
    rows.head(0).to_csv("empty.csv", index=False)
    for arguments, words in REFUSED:
        refused = ml_assets("batch-inference", *arguments, "--output", "out.parquet", "--json")
        assert words in refused.message and not Path("out.parquet").exists()
    for output, words in (
        ("rows.csv/out.parquet", "cannot be written"),
        ("out.csv.gz", "neither packed nor"),
    ):
        # The place is tried before a row is read.
        refused = ml_assets("batch-inference", "--model", "good", "--source", "none.csv", "--output", output)
        assert words in refused.err
    run_id = known_state("good").registry.version("good", 1).run_id
    asked = ml_assets("batch-inference", "--run-id", run_id, "--source", "rows.csv", "--output", "out.csv")
    assert asked.code == 0 and "good: version 1 predicted 5 rows" in asked.out


def test_days_to_come_are_forecast_with_the_past_that_was_taken_in(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As the batch is predicted once it has come; what lies farther ahead than the horizon is refused."""
    environment.setenv("BATCH_SIZE", "20")
    environment.setenv("ML_ASSETS_HOME", str(tmp_path / "home"))
    rows, path = rentals(), tmp_path / "rentals.yaml"
    before, after = (rows[rows["at"] < "2024-06-17"], rows[rows["at"] >= "2024-06-17"])
    before.to_csv(tmp_path / "rentals.csv", index=False)
    path.write_text(RENTALS.replace("label_delay: 1", "label_delay: 0"))
    assert ml_assets("train", "--recipe-file", path, "--json").code == 0
    coming, output = tmp_path / "next.csv", tmp_path / "forecast.parquet"
    asked = (
        "batch-inference",
        "--model",
        "rentals",
        "--source",
        str(coming),
        "--output",
        str(output),
        "--json",
    )
    after.drop(columns="rented").to_csv(coming, index=False)
    late = ml_assets(*asked)
    assert late.code != 0
    assert "2024-06-24 00:00:00 is too far ahead: 'rented' is known until 2024-06-16 00:00:00" in late.err
    week = after[after["at"] < "2024-06-24"]
    week.drop(columns="rented").to_csv(coming, index=False)
    done = ml_assets(*asked)
    assert (done.code, done.result["rows"], done.result["parts"]) == (0, len(week), 1), done.err
    state = file_state(path)
    clean_week = clean(
        week,
        state.recipe,
        "2024-06-17",
        past=past_before(state.store, state.recipe),
        functions=state.functions,
    ).frame
    expected = predict(state.registry.files.load("rentals", 1), clean_week)["prediction"]
    made = pd.read_parquet(output)["prediction"]
    assert made.to_list() == pytest.approx(expected.to_list(), rel=1e-9)
    assert abs(made - week["rented"].to_numpy()).mean() < abs(week["rented"].mean() - week["rented"]).mean()
