"""Recipes that people already have load as they stand, are valid once their data is there, and train."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from ml_assets.lifecycle.state import ModelState
from ml_assets.recipe.loading import load_recipe
from ml_assets.settings import read_settings
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import ml_assets
from ml_assets_tests.support.reports import records_of, told_by

SHARED = Path(__file__).parents[3] / "shared" / "recipes"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the sample recipes are not there")


def rows(target: str, names: tuple[str, ...]) -> pd.DataFrame:
    """Two numbers that matter, a category, a missing value here and there, and columns that say nothing."""
    random = np.random.default_rng(1)
    n = 160
    frame = pd.DataFrame(
        {
            **{name: [f"{name}-{i}" for i in range(n)] for name in names},
            "event_timestamp": pd.date_range("2024-01-01", periods=n, freq="h"),
            "amount": random.gamma(2.0, 50.0, n),
            "orders": random.poisson(4, n).astype(float),
            "channel": random.choice(["web", "shop"], n),
        }
    )
    frame[target] = (frame["amount"] / 60 + frame["orders"] / 3 + random.normal(0, 0.6, n) > 3).astype(int)
    return frame.assign(orders=frame["orders"].mask(random.random(n) < 0.05))


def shelf() -> pd.DataFrame:
    """Three categories, three numbers of which some are missing or far off, and a number that follows from them."""
    random = np.random.default_rng(3)
    n = 200
    frame = pd.DataFrame(
        {
            "category": random.choice(["tea", "rice", "soap"], n),
            "brand": random.choice(["own", "other"], n),
            "region": random.choice(["north", "south"], n),
            "price": random.gamma(3.0, 2.0, n),
            "rating": random.uniform(1, 5, n),
            "reviews": random.poisson(20, n).astype(float),
        }
    )
    sold = 90 - 4 * frame["price"] + 9 * frame["rating"] + 20 * (frame["category"] == "tea")
    frame["sold"] = (sold + random.normal(0, 4, n)).round()
    frame.loc[random.random(n) < 0.02, "reviews"] = 1e6
    return frame.assign(rating=frame["rating"].mask(random.random(n) < 0.05))


def meters() -> pd.DataFrame:
    """Three measured numbers that follow from others, each in its own way; one was not read once."""
    random = np.random.default_rng(4)
    n = 200
    frame = pd.DataFrame(
        {"load": random.normal(0, 1, n), "speed": random.gamma(2, 2, n), "kind": random.choice(["a", "b"], n)}
    )
    frame["target1"] = 2 * frame["load"] + random.normal(0, 0.5, n)
    frame["target2"] = frame["speed"] - frame["load"] + random.normal(0, 0.5, n)
    frame["target3"] = 3 * (frame["kind"] == "a") + frame["speed"] + random.normal(0, 0.5, n)
    return frame.assign(target2=frame["target2"].mask(frame.index == 7))


DATA = {
    "1_forest": ("data/loyalty.parquet", rows("target", ("user_id",))),
    "4_tuned_boosting": ("data/payments.csv", rows("late", ("invoice_id",))),
    "5_multi_target": ("data/meters.parquet", meters()),
    "6_custom_preprocessing": ("data/shelf.csv", shelf()),
    "7_voting": ("data/opinions.parquet", rows("target", ())),
}
EXTRAS = {"6_custom_preprocessing": [pytest.mark.extras]}
"""Recipes of optional libraries."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=EXTRAS.get(name, [])) for name in DATA])
def test_sample_recipe_is_valid_as_it_stands_and_trains(name: str, shop: Shop) -> None:
    place, frame = DATA[name]
    path = shop.folder / f"{name}.yaml"
    shutil.copy(SHARED / path.name, path)
    without_data = ml_assets("validate", path, "--json")
    assert without_data.code == 2
    assert "no such file" in without_data.result["files"][0]["errors"][0]["message"]
    (shop.folder / "data").mkdir()
    if place.endswith(".csv"):
        frame.to_csv(shop.folder / place, index=False)
    else:
        frame.to_parquet(shop.folder / place, index=False)
    validated = ml_assets("validate", path, "--json")
    assert validated.code == 0, validated.out
    text = path.read_text()
    for many in ("n_trials: 100", "n_trials: 50", "n_trials: 10"):
        text = text.replace(many, "n_trials: 2")
    path.write_text(text.replace("high: 1000", "high: 100"))
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 0, trained.err
    assert trained.result["promoted"], trained.result["reason"]
    state = ModelState(load_recipe(path), path, read_settings())
    kept = [
        state.store.file("evaluation_report", "all", f"version_1.{kind}").read_text()
        for kind in ("html", "md")
    ]
    told_by(records_of(state, 1), *kept)


def test_templated_query_is_valid_as_it_stands_and_trains(
    shop: Shop, environment: pytest.MonkeyPatch
) -> None:
    name = "2_templated_sql"
    path = shop.folder / f"{name}.yaml"
    shutil.copy(SHARED / path.name, path)
    shutil.copytree(SHARED / "sql", shop.folder / "sql")
    said = re.search(r"--context-params '(.*)'", path.read_text())
    assert said is not None
    params = said.group(1)
    assert "ML_ASSETS_CONNECTION_URI" in ml_assets("validate", path).out
    environment.setenv("ML_ASSETS_CONNECTION_URI", "sqlite:///events.db")
    events = rows("age", ("user_id", "session_id")).assign(event_date="2023-12-24", event_type="purchase")
    spent = 260 + 60 * events["orders"] + np.random.default_rng(2).normal(0, 60, len(events))
    events = events.assign(visits=events["orders"], total_spent=spent)
    others = events.assign(event_type="visit")
    engine = sa.create_engine(f"sqlite:///{shop.folder / 'events.db'}", poolclass=sa.NullPool)
    pd.concat([events, others]).to_sql("user_events", engine, index=False)
    missing = ml_assets("validate", path, "--json")
    assert "the parameter 'target_date' is not given" in missing.result["files"][0]["errors"][0]["message"]
    validated = ml_assets("validate", path, "--context-params", params, "--json")
    assert validated.code == 0, validated.out
    trained = ml_assets("train", "--recipe-file", path, "--context-params", params, "--json")
    assert trained.code == 0, trained.err
    assert trained.result["promoted"], trained.result["reason"]
    assert f"{len(events)} rows" in trained.result["account"]["words"]


def orders_and_features(folder: Path) -> pd.DataFrame:
    """Orders of users and products, and a feature store of files with what was known of both from some day on."""
    random = np.random.default_rng(5)
    users, products, n = np.arange(1, 41), np.arange(100, 130), 400
    known = {"event_timestamp": pd.Timestamp("2024-01-01"), "created": pd.Timestamp("2024-01-01 01:00")}
    demographics = pd.DataFrame(
        {
            "user_id": users,
            "age": random.integers(18, 80, len(users)),
            "gender": random.choice(["f", "m"], len(users)),
            "country": random.choice(["DE", "FR", "IT"], len(users)),
            "city": random.choice(["A", "B", "C", "D"], len(users)),
        }
    )
    behavior = pd.DataFrame(
        {
            "user_id": users,
            "total_purchases": random.poisson(9, len(users)),
            "avg_session_time": random.gamma(2.0, 5.0, len(users)),
            "last_login": pd.Timestamp("2023-12-20"),
        }
    )
    wares = pd.DataFrame(
        {
            "product_id": products,
            "price": random.gamma(3.0, 20.0, len(products)),
            "category": random.choice(["tea", "rice"], len(products)),
            "brand": random.choice(["own", "other"], len(products)),
            "rating": random.uniform(1, 5, len(products)),
        }
    )
    folder.mkdir()
    for name, frame in (
        ("user_demographics", demographics), ("user_behavior", behavior), ("product_features", wares),
    ):  # fmt: skip
        frame.assign(**known).to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "features.yaml").write_text(
        "namespaces:\n"
        "  user_demographics: {keys: [user_id], created: created}\n"
        "  user_behavior: {keys: [user_id], created: created}\n"
        "  product_features: {keys: [product_id], created: created}\n"
    )
    orders = pd.DataFrame({"user_id": random.choice(users, n), "product_id": random.choice(products, n)})
    orders["event_timestamp"] = pd.date_range("2024-02-01", periods=n, freq="h").astype(str)
    whole = orders.merge(demographics, on="user_id").merge(wares, on="product_id")
    whole = orders.merge(whole, on=["user_id", "product_id", "event_timestamp"])
    chance = whole["rating"] - whole["price"] / 40 + (whole["age"] - 50) / 20
    orders["ordered"] = (chance + random.normal(0, 0.5, n) > chance.median()).astype(int)
    return orders


@pytest.mark.extras
def test_recipe_of_a_feature_store_is_valid_as_it_stands_and_trains(
    shop: Shop, environment: pytest.MonkeyPatch
) -> None:
    name = "3_feature_store"
    path = shop.folder / f"{name}.yaml"
    shutil.copy(SHARED / path.name, path)
    (shop.folder / "sql").mkdir()
    shop.write("sql/orders_spine.sql", "SELECT user_id, product_id, event_timestamp, ordered FROM orders")
    orders = orders_and_features(shop.folder / "features")
    engine = sa.create_engine(f"sqlite:///{shop.folder / 'orders.db'}", poolclass=sa.NullPool)
    orders.to_sql("orders", engine, index=False)
    environment.setenv("ML_ASSETS_CONNECTION_URI", "sqlite:///orders.db")
    unnamed = ml_assets("validate", path, "--json").result["files"][0]["errors"][0]
    assert unnamed["key"] == "model.augmenter.type"
    assert "set ML_ASSETS_FEATURE_STORE" in unnamed["message"]
    environment.setenv("ML_ASSETS_FEATURE_STORE", str(shop.folder / "features"))
    validated = ml_assets("validate", path, "--json")
    assert validated.code == 0, validated.out
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 0, trained.err
    assert trained.result["promoted"], trained.result["reason"]
    learned = trained.result["account"]["columns_learned"]
    assert {"age", "price", "rating", "category", "gender", "total_purchases"} <= set(learned)
    assert not {"user_id", "product_id", "event_timestamp", "last_login"} & set(learned)


def test_every_sample_recipe_is_looked_at() -> None:
    assert {path.stem for path in SHARED.glob("*.yaml")} == {
        *DATA,
        "2_templated_sql",
        "3_feature_store",
    }
