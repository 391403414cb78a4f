"""`ml-assets init`: a recipe that passes `validate` at once, whatever the table is like."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml_assets.recipe import load_recipe
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.e2e.test_odd_data import NUMBERS, ROWS, TABLES
from ml_assets_tests.support.command_line import Outcome, ml_assets, ml_assets_process, shoppers

RANDOM = np.random.default_rng(5)


def init(shop: Shop, frame: pd.DataFrame | None, *more: str, target: str = "bought") -> Outcome:
    """Write a recipe for a table, which is written first."""
    if frame is not None:
        frame.to_csv(shop.folder / "rows.csv", index=False)
    path = shop.folder / "shop.yaml"
    return ml_assets(
        "init", "shop", "--data", "rows.csv", "--target", target, "--recipe-file", path, "--json", *more
    )


@pytest.mark.parametrize("oddity", [*TABLES, *NUMBERS])
def test_recipe_of_any_table_is_valid_at_once(oddity: str, shop: Shop) -> None:
    if oddity in TABLES:
        frame, write = TABLES[oddity]
        write(shop.folder / "rows.csv", frame)
    else:
        ROWS.assign(bought=NUMBERS[oddity]).to_csv(shop.folder / "rows.csv", index=False)
    outcome = init(shop, None)
    assert outcome.code == 0, outcome.err
    assert ml_assets("validate", shop.folder / "shop.yaml", "--json").code == 0
    recipe = load_recipe(shop.folder / "shop.yaml")
    assert (recipe.name, recipe.target) == ("shop", "bought")


def test_what_was_seen_stands_in_the_recipe(shop: Shop) -> None:
    """Classes, entities, batches, labels that are not there yet, and what tells the target."""
    rows = shoppers(9_000)
    owners = RANDOM.integers(0, 900, len(rows))
    rows = rows.assign(
        customer_id=1_000 + owners, age=20 + owners % 50, spent=RANDOM.normal(owners % 70, 3.0)
    )
    rows["bought"] = np.where(
        RANDOM.random(len(rows)) < 1 / (1 + np.exp(-(rows["age"] - 45) / 6)), "yes", "no"
    )
    rows["refund"] = np.where(rows["bought"] == "yes", "R1", "R0")
    rows["seen"] = pd.to_datetime("2024-01-01") + pd.to_timedelta(RANDOM.integers(0, 365, len(rows)), "D")
    rows = rows.sort_values("seen")
    rows.loc[rows["seen"] >= "2024-12-01", "bought"] = None
    assert init(shop, rows.assign(seen=rows["seen"].dt.strftime("%Y-%m-%d"))).code == 0
    recipe = load_recipe(shop.folder / "shop.yaml")
    assert recipe.model.data_interface.task_type == "classification"
    assert recipe.model.data_interface.entity_cols == ("customer_id",)
    assert recipe.model.preprocessor.params.exclude_cols == ("refund",)
    assert recipe.batches is not None
    assert (recipe.batches.column, recipe.batches.period) == ("seen", "monthly")
    assert recipe.monitoring.label_delay == 1


@pytest.mark.parametrize(
    ("target", "task"),
    [
        (RANDOM.normal(size=200), "regression"),
        (RANDOM.integers(0, 500, 200), "regression"),
        (RANDOM.integers(0, 5, 200), "classification"),
        (RANDOM.choice(["a", "b"], 200), "classification"),
        (RANDOM.choice([True, False], 200), "classification"),
    ],
    ids=["fractions", "many whole numbers", "few whole numbers", "text", "booleans"],
)
def test_task_fits_the_target(target: object, task: str, shop: Shop) -> None:
    init(shop, ROWS.assign(bought=target))
    assert load_recipe(shop.folder / "shop.yaml").model.data_interface.task_type == task


def test_amounts_that_come_again_name_nothing(shop: Shop) -> None:
    """Rows of one price are alike where price and size go together, and yet a price is no customer."""
    price = RANDOM.integers(1, 150, 2_000)
    rows = shoppers(2_000).assign(price=price, size=price * 2.5 + RANDOM.random(2_000), age=price // 3)
    assert init(shop, rows).code == 0
    assert load_recipe(shop.folder / "shop.yaml").model.data_interface.entity_cols == ()


def test_days_of_birth_make_no_batches(shop: Shop) -> None:
    born = pd.to_datetime("1940-01-01") + pd.to_timedelta(RANDOM.integers(0, 25_000, len(ROWS)), "D")
    assert init(shop, ROWS.assign(born=born.strftime("%Y-%m-%d"))).code == 0
    assert load_recipe(shop.folder / "shop.yaml").batches is None


def test_names_that_yaml_would_read_otherwise(shop: Shop) -> None:
    """Yes, no, numbers, brackets, a comment's beginning: each comes back as it is."""
    names = ["yes", "1e3", "a: b", "x #y", "[z]", "- q", "'", 'in "quotes"', "null", "größe"]
    for name in names:
        (shop.folder / "shop.yaml").unlink(missing_ok=True)
        outcome = init(shop, ROWS.rename(columns={"bought": name}), target=name)
        assert outcome.code == 0, outcome.err
        assert load_recipe(shop.folder / "shop.yaml").target == name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("shop", "--data", "rows.csv", "--target", "bougth"), "Did you mean 'bought'?"),
        (("shop", "--data", "gone.csv", "--target", "bought"), "gone.csv"),
        (("a shop", "--data", "rows.csv", "--target", "bought"), "a_shop"),
        (("shop", "--data", "az://bucket/x.csv", "--target", "bought"), "az://"),
        (("shop", "--data", "rows.csv", "--target", "bought"), "is there already"),
    ],
)
def test_wrong_wish_is_one_line_and_writes_nothing(
    arguments: tuple[str, ...], message: str, shop: Shop
) -> None:
    ROWS.to_csv(shop.folder / "rows.csv", index=False)
    path = shop.folder / "shop.yaml"
    before = "# mine\n" if "already" in message else None
    if before is not None:
        path.write_text(before)
    outcome = ml_assets("init", *arguments, "--recipe-file", path, "--json")
    assert outcome.code in (1, 2)
    assert message in outcome.result["error"]
    inside = ml_assets("init", *arguments, "--recipe-file", shop.folder / "rows.csv" / "shop.yaml", "--json")
    assert "it cannot be written (a part of the path is a file)" in inside.message
    assert "\n" not in outcome.result["error"]
    assert (path.read_text() if path.exists() else None) == before


def test_default_file_is_in_the_current_folder(shop: Shop) -> None:
    ROWS.to_csv(shop.folder / "rows.csv", index=False)
    outcome = ml_assets_process(
        "init", "shop", "--data", "rows.csv", "--target", "bought", folder=shop.folder
    )
    assert outcome.code == 0, outcome.err
    assert "shop.yaml: ok" in outcome.out
    assert (shop.folder / "shop.yaml").read_text() in outcome.out
