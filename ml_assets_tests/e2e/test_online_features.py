"""Keys are enough for a prediction: what is looked up is what a batch of now is joined with, number for number."""

from __future__ import annotations

import json
import re
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import jsonschema
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as options

from ml_assets.cli.models import known_state
from ml_assets.records.experiments import Arm, Experiment
from ml_assets.registry import experiments
from ml_assets.serving.app import build_app
from ml_assets.serving.arrow import MEDIA_TYPE
from ml_assets.serving.limits import Limits
from ml_assets.serving.live import Live
from ml_assets.serving.log import PredictionLog
from ml_assets.serving.online import Online
from ml_assets.settings import Settings, read_settings
from ml_assets.settings.services import Address
from ml_assets.sources.feature_store.joined import join
from ml_assets.sources.feature_store.repository import opened
from ml_assets.store.places import Folder
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets
from ml_assets_tests.support.feature_stores import redis_of, repository

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
KEYS = {"users": ["user_id"], "wares": ["ware", "user_id"]}
RECIPE = """\
name: orders
model:
  class_path: sklearn.linear_model.LogisticRegression
  hyperparameters: {C: 1.0}
  loader: {source_uri: orders.parquet}
  augmenter:
    type: feature_store
    features:
      - {feature_namespace: users, features: [age, country, member, since]}
      - {feature_namespace: wares, features: [price]}
  feature_engineering: {date_parts: {columns: [since], parts: [year]}}
  preprocessor: {params: {exclude_cols: [user_id, ware]}}
  data_interface: {task_type: classification, target_col: ordered}
hyperparameter_tuning: {enabled: false, metric: roc_auc, direction: maximize}
training: {window: all}
"""
COLUMNS = ("age", "country", "member", "since", "price")


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def tables() -> dict[str, pd.DataFrame]:
    """States of some entities: old, corrected late, of tomorrow, without a value."""
    random, today, n = np.random.default_rng(7), pd.Timestamp(now()).floor("s"), 120
    since = today - pd.to_timedelta(random.integers(-48, 24 * 200, n), unit="h")
    late = since + pd.to_timedelta(random.integers(0, 90, n), unit="h")
    times = {
        "event_timestamp": since,
        "created": late.where(late <= today, since),
    }  # none is written tomorrow
    users = pd.DataFrame({"user_id": random.integers(0, 30, n), **times})
    users["age"] = random.integers(18, 80, n)
    users["country"] = random.choice(["DE", "FR", "007", None], n)
    users["member"] = random.choice([True, False], n)
    users["since"] = pd.Timestamp("2010-02-03 04:05:06") + pd.to_timedelta(random.integers(0, 4000, n), "D")
    wares = pd.DataFrame(
        {"ware": random.choice(["w1", "w2"], n), "user_id": random.integers(0, 9, n), **times}
    )
    wares["price"] = random.normal(30, 10, n)
    return {
        "users": users.drop_duplicates(["user_id", "event_timestamp"]),
        "wares": wares.drop_duplicates(["ware", "user_id", "event_timestamp"]),
    }


def orders(n: int = 400) -> pd.DataFrame:
    random, today = np.random.default_rng(3), pd.Timestamp(now()).floor("s")
    frame = pd.DataFrame({"user_id": random.integers(0, 30, n), "ware": random.choice(["w1", "w2"], n)})
    frame["event_timestamp"] = today - pd.to_timedelta(random.integers(0, 24 * 120, n), unit="h")
    frame["amount"] = random.normal(size=n)
    frame["ordered"] = (frame["amount"] + frame["user_id"] / 20 + random.normal(0, 0.4, n) > 0.7).astype(int)
    return frame


@contextmanager
def trained(shop: Shop, environment: pytest.MonkeyPatch, kind: str, folder: Path) -> Iterator[Settings]:
    """A champion that joins features, which are brought online: over files and SQLite, or PostgreSQL and Redis."""
    project = f"tests_{uuid.uuid4().hex[:8]}"
    with (
        redis_of(project if kind == "postgresql" else None) as redis,
        repository(kind, folder, tables(), KEYS, redis) as made,
    ):
        assert made.feature_store is not None
        place = made.feature_store / "features.yaml"
        said = place.read_text().replace("project: tests", f"project: {project}")
        place.write_text(said.replace("[user_id],", "[user_id], max_age: 100d,"))
        environment.setenv("ML_ASSETS_FEATURE_STORE", str(made.feature_store))
        if made.database is not None:
            password = made.database.password
            address = made.database.uri if password is None else made.database.at(None).get_secret_value()
            environment.setenv("APP_ENV", "dev")
            environment.setenv("ML_ASSETS_DATABASE_URI", address)
            environment.setenv("ML_ASSETS_REDIS_URI", str(redis))
        environment.chdir(shop.folder)
        orders().to_parquet("orders.parquet", index=False)
        recipe = shop.write("orders.yaml", RECIPE)
        done = ml_assets("train", "--recipe-file", recipe, "--json")
        assert done.code == 0 and done.result["promoted"], done.out
        assert ml_assets("features", "orders", "--materialize", "--json").code == 0
        yield read_settings()


def opened_store(settings: Settings) -> Online:
    """The store of a server that has begun; a slow machine is no store that is away."""
    online = Online(settings, 300.0)
    online.open()
    return online


@contextmanager
def api(online: Online | None, log: PredictionLog | None = None) -> Iterator[tuple[TestClient, Live]]:
    live = Live(known_state("orders").registry, "orders", None, lambda _: None)
    app = build_app(live, (), Limits(rows=500), poll=3600, log=log, online=online)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client, live


def entities(n: int = 120) -> list[dict[str, Any]]:
    """Rows with keys of which some are unknown, written otherwise, or none; several of one entity."""
    random = np.random.default_rng(5)
    users = [*range(33), "7", 7.0, None]
    return [
        {
            "user_id": users[random.integers(len(users))],
            "ware": [None, "w1", "w2", "w3"][random.integers(4)],
            "amount": float(random.normal()),
        }
        for _ in range(n)
    ]


def predictions(client: TestClient, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answer = client.post("/predict", json={"rows": rows, "probabilities": True})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["predictions"]
    return found


def as_json(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame, digit for digit."""
    return [
        {
            str(name): None
            if pd.isna(value)
            else value.isoformat()
            if isinstance(value, pd.Timestamp)
            else value
            for name, value in row.items()
        }
        for row in frame.to_dict("records")
    ]


def as_arrow(rows: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


@pytest.mark.parametrize("kind", ["files", "postgresql"])
def test_keys_get_the_features_and_the_prediction_of_a_batch_of_now(
    kind: str, shop: Shop, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Over HTTP as JSON and as columns, offline, in batch inference, and in a replay when the store says otherwise."""
    rows = entities()
    with trained(shop, environment, kind, tmp_path) as settings:
        log = PredictionLog(Folder(shop.home / "predictions" / "orders"))
        with api(opened_store(settings), log) as (client, _):
            answer = client.post("/predict", json={"rows": rows, "probabilities": True}).json()
            keys = [
                {**row, "user_id": None if row["user_id"] is None else int(row["user_id"])} for row in rows
            ]
            sent = client.post(
                "/predict?probabilities=true", content=as_arrow(keys), headers={"content-type": MEDIA_TYPE}
            )
            with opened(settings) as repo:
                frame = pd.DataFrame(rows).assign(event_timestamp=now())
                joined = join(frame, known_state("orders").recipe, repo).columns
            whole = as_json(frame[["amount"]].join(joined))
            given = predictions(client, whole)
            assert client.get("/metadata").json()["looked_up"]["away"] is None
        assert answer["predictions"] == given
        assert len({json.dumps(one) for one in given}) > 60
        assert joined[list(COLUMNS)].isna().any().all() and joined[list(COLUMNS)].notna().any().all()
        with pa.ipc.open_stream(sent.content) as stream:
            table = stream.read_all()
        assert table["prediction"].to_pylist() == [one["prediction"] for one in given]
        assert table["probability_1"].to_pylist() == [one["probabilities"]["1"] for one in given]
        pd.DataFrame(keys).astype({"user_id": "Int64"}).to_parquet("keys.parquet", index=False)
        inferred = (
            "batch-inference",
            "--model",
            "orders",
            "--source",
            "keys.parquet",
            "--output",
            "out.parquet",
        )
        assert ml_assets(*inferred).code == 0
        out = pd.read_parquet("out.parquet")
        assert out["probability_1"].tolist() == [one["probabilities"]["1"] for one in given]
        assert out["age"].isna().tolist() == joined["age"].isna().tolist()
        (shop.folder / "features.yaml").unlink(missing_ok=True)
        environment.delenv("ML_ASSETS_FEATURE_STORE")
        shown = ml_assets("replay", answer["request_id"], "--json")
        assert shown.code == 0 and shown.result["same"]
        assert [{name: row[name] for name in COLUMNS if name != "since"} for row in shown.result["rows"]] == [
            {name: row[name] for name in COLUMNS if name != "since"} for row in whole
        ]
        assert [row["ware"] for row in shown.result["rows"]] == [row["ware"] for row in rows]


@pytest.fixture
def settings(shop: Shop, environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Settings]:
    with trained(shop, environment, "files", tmp_path) as settings:
        yield settings


def test_a_batch_gets_what_was_known_at_the_time_of_each_row(settings: Settings, shop: Shop) -> None:
    state = known_state("orders")
    rows = orders(80).drop(columns="ordered")
    rows.to_parquet("then.parquet", index=False)
    done = ml_assets(
        "batch-inference", "--model", "orders", "--source", "then.parquet", "--output", "then_out.parquet"
    )
    assert done.code == 0, done.out
    with opened(settings) as repo:
        joined = join(rows, state.recipe, repo).columns
    out = pd.read_parquet("then_out.parquet")
    assert as_json(out[list(COLUMNS)]) == as_json(joined[list(COLUMNS)])


WRONG = [
    ({"user_id": 1, "amount": 1.0}, "rows[1].ware"),
    ({"ware": "w1", "userid": 1, "amount": 1.0}, "rows[1].user_id"),
    ({"ware": "w1", "user_id": "u-1", "amount": 1.0}, "rows[1].user_id"),
    ({"ware": "w1", "user_id": 1.5, "amount": 1.0}, "rows[1].user_id"),
    ({"ware": ["w1"], "user_id": 1, "amount": 1.0}, "rows[1].ware"),
    ({"ware": "w1", "user_id": 1}, "rows[1].amount"),
    ({"ware": "w1", "user_id": 1, "amount": 1.0, "age": "old"}, "rows[1].age"),
]
GOOD = {"user_id": 1, "ware": "w1", "amount": 0.5}
WHOLE = {"amount": 0.5, "age": 30, "country": "DE", "member": True, "since": None, "price": 3.5}
ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just([1])


def test_what_a_row_says_counts_and_what_is_wrong_is_told(settings: Settings) -> None:
    with api(opened_store(settings)) as (client, _):
        (looked_up,) = predictions(client, [GOOD])
        assert predictions(client, [GOOD | {"age": 79}]) != [looked_up]  # given by name
        assert predictions(client, [GOOD | dict.fromkeys(COLUMNS)]) == predictions(
            client, [{"user_id": 999, "ware": "w9", "amount": 0.5}]
        )
        assert predictions(client, [GOOD, WHOLE])[0] == looked_up  # one with keys, one with all values
        for row, field in WRONG:
            body = json.dumps({"rows": [GOOD, row]}).encode()
            refused = client.post("/predict", content=body)
            assert (refused.status_code, refused.json()["error"]["field"]) == (422, field), refused.text
        document = client.get("/openapi.json").json()
        wanted = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        (example,) = wanted["example"]["rows"]
        assert set(example) == {"user_id", "ware", "amount"}
        assert client.post("/predict", json=wanted["example"]).status_code == 200
        for row in (GOOD, WHOLE, example):
            jsonschema.validate({"rows": [row]}, wanted["schema"])
        for row in (WRONG[0][0], WRONG[1][0], {"amount": 1.0}):
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate({"rows": [row]}, wanted["schema"])
        told = client.get("/metadata").json()["looked_up"]
        assert told == {
            "columns": told["columns"],
            "keys": ["user_id", "ware"],
            "kept_by": "sqlite",
            "away": None,
        }
        assert set(told["columns"]) == set(COLUMNS)
        assert "ml_assets_lookups_failed 0.0" in client.get("/metrics").text

        @options(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.dictionaries(st.sampled_from(["user_id", "ware", "amount", "age", "x"]), ANY))
        def holds(row: dict[str, Any]) -> None:
            body = json.dumps({"rows": [GOOD | row]}).encode()
            assert client.post("/predict", content=body).status_code in (200, 400, 422)

        holds()
        assert predictions(client, [GOOD]) == [looked_up]


def test_a_value_that_holds_no_longer_is_missing(settings: Settings) -> None:
    assert settings.feature_store is not None
    place = settings.feature_store / "features.yaml"
    place.write_text(re.sub("max_age: 100d", "max_age: 1m", place.read_text()))
    with api(opened_store(settings)) as (client, _):
        keys = [{"user_id": number, "ware": None, "amount": 0.5} for number in range(30)]
        assert predictions(client, keys) == predictions(client, [row | {"user_id": None} for row in keys])


@contextmanager
def mute() -> Iterator[int]:
    """A port where everything is taken and nothing answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def take() -> None:
            try:
                while True:
                    taken.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=take, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for connection in taken:
                connection.close()


def test_a_store_that_is_away_is_named_and_whole_rows_are_answered(
    settings: Settings, tmp_path: Path
) -> None:
    with mute() as silent:
        for port, most in ((9, 20.0), (silent, 0.5)):
            away = settings.model_copy(update={"redis": Address(uri=f"redis://127.0.0.1:{port}/0")})
            online = Online(away, most)
            online.open()  # the repository opens: only what it keeps online is away
            with api(online) as (client, _):
                refused = client.post("/predict", json={"rows": [GOOD]})
                fault = refused.json()["error"]
                assert (refused.status_code, fault["code"]) == (503, "feature_store"), refused.text
                assert "the feature store (redis) does not answer" in fault["message"]
                assert "127.0.0.1" not in refused.text and refused.headers["retry-after"] == "5"
                assert len(predictions(client, [WHOLE])) == 1
                assert client.get("/metadata").json()["looked_up"]["away"]
                assert "ml_assets_lookups_failed 1.0" in client.get("/metrics").text
    absent = settings.model_copy(update={"feature_store": tmp_path / "absent"})
    online = Online(absent)
    with api(online) as (client, _):
        assert client.post("/predict", json={"rows": [GOOD]}).json()["error"]["code"] == "feature_store"
        assert len(predictions(client, [WHOLE])) == 1
        online.settings, online._shut = settings, ("", 0.0)  # it is back
        online.most = 60.0
        assert len(predictions(client, [GOOD])) == 1
        assert client.get("/metadata").json()["looked_up"]["away"] is None
    with api(None) as (client, _):  # no store is named here
        assert client.post("/predict", json={"rows": [GOOD]}).json()["error"]["field"] == "rows[0].age"


def test_versions_that_are_compared_get_their_features_by_keys(settings: Settings, shop: Shop) -> None:
    rows = [{"user_id": number, "ware": "w1", "amount": 0.5} for number in range(20)]
    shop.write(
        "orders.yaml",
        RECIPE.replace("C: 1.0", "C: 0.01").replace("[age, country, member, since]", "[age, since]"),
    )
    assert ml_assets("train", "--recipe-file", "orders.yaml", "--json").code == 0
    registry = known_state("orders").registry
    champion = registry.champion("orders")
    assert champion is not None
    other = 3 - champion.version
    arm = Arm(name="challenger", version=other, share=0.5)
    experiment = Experiment(champion=champion.version, arms=(arm,), salt="a salt", entity=("user_id",))
    experiments.start(registry.ledger, "orders", experiment, actor="a test", reason="to see")
    with api(opened_store(settings)) as (client, live):
        assert live.trial is not None, live.untried
        found = predictions(client, rows)
        assert {one["arm"] for one in found} == {"champion", "challenger"}
        assert {one["version"] for one in found} == {1, 2}
        assert live.trial.guard.failed("challenger") == 0
        for version in (1, 2):
            alone = Live(registry, "orders", version, lambda _: None)
            app = build_app(alone, (), Limits(), poll=3600, online=opened_store(settings))
            with TestClient(app) as one:
                own = predictions(one, rows)
            for compared, expected in zip(found, own, strict=True):
                if compared["version"] == version:
                    assert compared["prediction"] == expected["prediction"]
                    assert compared["probabilities"] == expected["probabilities"]
