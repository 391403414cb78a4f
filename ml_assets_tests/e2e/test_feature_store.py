"""The example of docs/feature_store.md, and what a feature store that changes does to a model that was made with it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import urllib.error
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from ml_assets.lifecycle.backtest import stream_of_source
from ml_assets.lifecycle.intake import clean_step, raw_step
from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe import load_recipe
from ml_assets.settings import read_settings
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets
from ml_assets_tests.support.databases import database
from ml_assets_tests.support.feature_stores import redis_of
from ml_assets_tests.support.places import wait_for
from ml_assets_tests.support.served import serving

DOCS = Path(__file__).parents[2] / "docs" / "feature_store.md"
DECLARED, RECIPE = re.findall(r"```yaml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
COMMANDS = [
    shlex.split(line, comments=True)
    for block in re.findall(r"```sh\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    for line in block.splitlines()
]

FAST = "sklearn.linear_model.LogisticRegression"

pytestmark = pytest.mark.extras


def write_example(folder: Path, rows: int = 300) -> None:
    """The tables that the page describes, and orders that depend on them."""
    random = np.random.default_rng(0)
    people, things = np.arange(40), np.arange(25)
    since = {"event_timestamp": pd.Timestamp("2024-01-01"), "created": pd.Timestamp("2024-01-01 02:00")}
    users = pd.DataFrame({"user_id": people, **since, "age": random.integers(18, 80, 40)})
    users["country"] = random.choice(["DE", "FR"], 40)
    products = pd.DataFrame({"product_id": things, **since, "price": random.gamma(3.0, 10.0, 25)})
    products["rating"] = random.uniform(1, 5, 25)
    (folder / "features").mkdir()
    (folder / "features" / "features.yaml").write_text(DECLARED)
    users.to_parquet(folder / "features" / "users.parquet", index=False)
    products.to_parquet(folder / "features" / "products.parquet", index=False)
    orders = pd.DataFrame({"user_id": random.choice(people, rows), "product_id": random.choice(things, rows)})
    orders["event_timestamp"] = pd.date_range("2024-02-01", periods=rows, freq="h")
    tempting = (
        products["rating"][orders["product_id"]].to_numpy() + users["age"][orders["user_id"]].to_numpy() / 20
    )
    orders["ordered"] = (tempting + random.normal(0, 0.4, rows) > np.median(tempting)).astype(int)
    orders.to_parquet(folder / "orders.parquet", index=False)
    (folder / "orders.yaml").write_text(RECIPE)


@pytest.fixture
def example(shop: Shop, environment: pytest.MonkeyPatch) -> Path:
    write_example(shop.folder)
    environment.chdir(shop.folder)
    environment.setenv("ML_ASSETS_FEATURE_STORE", "features")
    return shop.folder


@pytest.mark.parametrize("kept", ["sqlite", "redis"])
def test_a_server_looks_up_what_a_row_does_not_have(
    example: Path, environment: pytest.MonkeyPatch, kept: str
) -> None:
    """By the keys alone a row gets the answer that it gets with its features; what is kept is replayed from the log."""
    project = f"shop_{uuid.uuid4().hex[:8]}"
    declared = example / "features" / "features.yaml"
    declared.write_text(DECLARED.replace("project: shop", f"project: {project}"))
    with redis_of(project if kept == "redis" else None) as address:
        if address is not None:
            environment.setenv("ML_ASSETS_REDIS_URI", address)
        assert ml_assets("train", "--recipe-file", "orders.yaml", "--json").result["promoted"]
        keys = {"user_id": 7, "product_id": 3}
        online = ml_assets("features", "orders", "--materialize", "--keys", json.dumps(keys), "--json")
        values = {row["column"]: row["online"] for row in online.result["columns"]}
        with serving("orders", example) as server:
            document = server.asked("/openapi.json")
            row = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"][
                "schema"
            ]
            assert row["properties"]["rows"]["items"]["required"] == []
            assert set(keys) <= set(row["properties"]["rows"]["items"]["properties"])
            sent = [keys, values, keys | {"age": 99.0}, {"user_id": 4711, "product_id": None}]
            asked = {"rows": sent, "probabilities": True}
            answer = server.asked("/predict", asked)
            found = [each["probabilities"]["1"] for each in answer["predictions"]]
            full = [values, values, values | {"age": 99.0}, dict.fromkeys(values)]
            alike = server.asked("/predict", {"rows": full, "probabilities": True})["predictions"]
            assert found == [each["probabilities"]["1"] for each in alike] and len(set(found)) == 3
            for wrong, field in (({"user_id": 7}, "rows[0].product_id"), (keys | {"user_id": [7]}, "rows[0].user_id"),
                                 (keys | {"user_id": "seven"}, "rows[0].user_id")):  # fmt: skip
                with pytest.raises(urllib.error.HTTPError) as refused:
                    server.asked("/predict", {"rows": [wrong]})
                told = json.load(refused.value)
                assert (refused.value.code, told["error"]["field"]) == (422, field), told
            again = ["replay", answer["request_id"], "--json"]
            wait_for(lambda: ml_assets(*again).code == 0, 30, "the log")
        replayed = ml_assets(*again).result
        assert replayed["same"] and replayed["rows"][0]["age"] == values["age"]


def test_the_example_of_the_page_works_as_written(example: Path) -> None:
    wanted = [line[1:] for line in COMMANDS if line and line[0] == "ml-assets"]
    assert [line[0] for line in wanted] == ["validate", "train", "features"]
    done = [ml_assets(*line, "--json") for line in wanted]
    assert [each.code for each in done] == [0, 0, 0], [each.out for each in done]
    trained, online = done[1].result, done[2].result
    assert trained["promoted"], trained["reason"]
    assert set(trained["account"]["columns_learned"]) == {"age", "country", "price", "rating"}
    assert (online["joined_by"], online["kept_by"], online["same"]) == ("duckdb", "sqlite", True)
    assert [row["online"] for row in online["columns"]] == [row["joined"] for row in online["columns"]]
    text = re.findall(r"```text\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)[0]
    printed = ml_assets(*wanted[2]).out
    assert [line.split()[:4] for line in printed.splitlines()[1:]] == [
        line.split()[:4] for line in text.splitlines()[1:]
    ]


def test_what_is_kept_online_may_be_behind(example: Path) -> None:
    keys = ("--keys", '{"user_id": 7, "product_id": 3}')
    before = ml_assets("features", "--recipe-file", "orders.yaml", *keys, "--json").result
    assert before["same"] is False
    assert [row["online"] for row in before["columns"]] == [None] * 4
    assert (
        "bring it online (--materialize)" in ml_assets("features", "--recipe-file", "orders.yaml", *keys).out
    )
    wrong = ml_assets("features", "--recipe-file", "orders.yaml", "--keys", "7", "--json")
    assert (wrong.code, "expected a JSON object" in wrong.message) == (2, True)
    other = ml_assets("features", "--recipe-file", "orders.yaml", "--keys", '{"user": 7}', "--json")
    assert "'users' is kept by 'user_id', which is not a column of the rows (found user)" in other.message
    none = ml_assets("features", "good", "--json")
    assert (none.code, "joins no features" in none.message) == (2, True)


@pytest.fixture
def dev(example: Path, shop: Shop, environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[sa.Engine]:
    """The example under `APP_ENV=dev`: its tables in PostgreSQL, the newest values in Redis."""
    shutil.rmtree(shop.home)
    project = f"shop_{uuid.uuid4().hex[:8]}"
    place = example / "features" / "features.yaml"
    place.write_text(DECLARED.replace("project: shop", f"project: {project}"))
    with database("postgresql", tmp_path) as address, redis_of(project) as redis:
        engine = sa.create_engine(address, poolclass=sa.NullPool)
        for name in ("users", "products"):
            path = example / "features" / f"{name}.parquet"
            pd.read_parquet(path).to_sql(name, engine, index=False)
            path.unlink()
        environment.setenv("APP_ENV", "dev")
        environment.setenv("ML_ASSETS_DATABASE_URI", address)
        environment.setenv("ML_ASSETS_REDIS_URI", str(redis))
        yield engine


def test_the_example_lives_in_postgresql_and_redis_by_the_same_commands(
    dev: sa.Engine, example: Path
) -> None:
    (example / "orders.yaml").write_text(RECIPE.replace("model:", f"model:\n  class_path: {FAST}"))
    checks = ml_assets("status", "--environment", "--json").result["checks"]
    told = [each["found"] for each in checks if each["part"] == "feature store"]
    assert "2 namespaces (products, users), joined by postgres" in told[0]
    assert told[1] == "the newest values are kept by redis, which answers"
    trained = ml_assets("train", "--recipe-file", "orders.yaml", "--json")
    assert trained.code == 0, trained.out
    assert set(trained.result["account"]["columns_learned"]) == {"age", "country", "price", "rating"}
    keys = ("--keys", '{"user_id": 7, "product_id": 3}')
    online = ml_assets("features", "orders", "--materialize", *keys, "--json").result
    assert (online["joined_by"], online["kept_by"], online["same"]) == ("postgres", "redis", True)
    assert None not in [row["online"] for row in online["columns"]]
    with dev.begin() as connection:
        connection.execute(sa.text("DROP TABLE users CASCADE"))
    (wrong,) = [
        each
        for each in ml_assets("status", "--environment", "--json").result["checks"]
        if each["part"] == "feature store"
    ]
    assert not wrong["ok"]
    assert 'relation "users" does not exist' in wrong["found"]


def state_of(folder: Path) -> ModelState:
    return ModelState(load_recipe(folder / "orders.yaml"), folder / "orders.yaml", read_settings())


def test_clean_rows_stay_what_they_are_whatever_the_store_says_by_then(example: Path) -> None:
    state = state_of(example)
    raw_step(state, "all")
    first = clean_step(state, "all")["all"]
    rows = state.store.read_frame("cleaned_features", "all")
    users = pd.read_parquet(example / "features" / "users.parquet")
    users.assign(age=users["age"] + 1).to_parquet(example / "features" / "users.parquet", index=False)
    assert clean_step(state, "all")["all"].sha256 == first.sha256
    raw_step(state, "all")  # asks anew
    assert clean_step(state, "all")["all"].sha256 != first.sha256
    again = state.store.read_frame("cleaned_features", "all")
    assert again["row_id__"].tolist() == rows["row_id__"].tolist()
    assert (again["age"] - rows["age"]).unique().tolist() == [1.0]


def test_a_feature_that_is_written_late_changes_no_clean_row(example: Path) -> None:
    state = state_of(example)
    raw_step(state, "all")
    first = clean_step(state, "all")["all"]
    users = pd.read_parquet(example / "features" / "users.parquet")
    late = users.assign(age=0, event_timestamp=pd.Timestamp("2024-01-15"), created=pd.Timestamp("2024-06-01"))
    pd.concat([users, late]).to_parquet(example / "features" / "users.parquet", index=False)
    raw_step(state, "all")
    assert clean_step(state, "all")["all"].sha256 == first.sha256


def test_a_feature_more_in_the_recipe_is_looked_up_when_the_rows_are_cleaned(example: Path) -> None:
    (example / "orders.yaml").write_text(RECIPE.replace("[age, country]", "[age]"))
    state = state_of(example)
    raw_step(state, "all")
    clean_step(state, "all")
    assert "country" not in state.store.columns("cleaned_features", "all")
    (example / "orders.yaml").write_text(RECIPE)
    clean_step(state_of(example), "all")
    assert "country" in state.store.columns("cleaned_features", "all")


def test_what_has_no_value_is_missing_and_counted(example: Path) -> None:
    users = pd.read_parquet(example / "features" / "users.parquet")
    users[users["user_id"] >= 10].to_parquet(example / "features" / "users.parquet", index=False)
    orders = pd.read_parquet(example / "orders.parquet")
    without = int((orders["user_id"] < 10).sum())
    told = f"feature store: no value for {without} of 300 rows of users (age, country)"
    state = state_of(example)
    assert told in raw_step(state, "all").snapshots["all"].told
    assert told in ml_assets("validate", "orders.yaml", "--json").result["files"][0]["notes"]
    clean_step(state, "all")
    assert int(state.store.read_frame("cleaned_features", "all")["age"].isna().sum()) == without


def test_what_the_store_does_not_have_is_told_at_its_line(example: Path) -> None:
    (example / "orders.yaml").write_text(RECIPE.replace("[price, rating]", "[price, ratings]"))
    validated = ml_assets("validate", "orders.yaml", "--json").result["files"][0]["errors"][0]
    assert validated["line"] == 6
    assert "unknown feature of products 'ratings'" in validated["message"]
    assert "Did you mean 'rating'?" in validated["message"]
    trained = ml_assets("train", "--recipe-file", "orders.yaml", "--json")
    assert trained.code == 2
    assert "Did you mean 'rating'?" in trained.message


def test_batches_have_their_features_in_the_graph_as_in_a_replay(example: Path) -> None:
    """What a backtest reads from the source is what was taken in, row for row; a later batch changes no earlier one."""
    orders = pd.read_parquet(example / "orders.parquet")
    days = pd.date_range("2024-02-01", periods=len(orders), freq="8h")
    orders.assign(event_timestamp=days).to_parquet(example / "orders.parquet", index=False)
    users = pd.read_parquet(example / "features" / "users.parquet")
    moved = pd.Timestamp("2024-03-10")
    older = users.assign(age=users["age"] + 100, event_timestamp=moved, created=moved)
    pd.concat([users, older]).to_parquet(example / "features" / "users.parquet", index=False)
    (example / "orders.yaml").write_text(RECIPE + "batches: {column: event_timestamp, period: monthly}\n")
    state = state_of(example)
    for batch in ("2024-02-01", "2024-03-01", "2024-04-01"):
        assert raw_step(state, batch).problems == []
        clean_step(state, batch)
    replayed = stream_of_source(state).frames
    for batch in ("2024-02-01", "2024-03-01", "2024-04-01"):
        pd.testing.assert_frame_equal(state.store.read_frame("cleaned_features", batch), replayed[batch])
    march = state.store.read_frame("cleaned_features", "2024-03-01")
    assert ((march["age"] > 90) == (march["event_timestamp"] >= moved)).all()
    assert list(state.store.head("feature_values", "2024-03-01")) == ["age", "country", "price", "rating"]
