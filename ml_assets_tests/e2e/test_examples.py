"""Each YAML block of the documentation is a recipe, or a part of one, that loads; those that say so train."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml

from ml_assets.recipe.fields import sections
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.yaml_text import dump_yaml, read_yaml
from ml_assets.settings.layers import read_layers
from ml_assets.sources.feature_store.declared import declaration
from ml_assets_tests.support.command_line import ml_assets

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WHOLE = """\
name: part
model:
  loader: {source_uri: rows.csv}
  data_interface: {task_type: classification, target_col: target, entity_cols: [customer]}
batches: {column: day, period: daily}
"""
"""What a part of a recipe is laid upon."""


class Example(NamedTuple):
    """A block of YAML, and whether it says that it trains."""

    place: str
    text: str
    trained: bool


def examples() -> list[Example]:
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for block in re.finditer(
            r"^( *)(<!-- trained -->\n\1)?```yaml\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE
        ):
            line = text[: block.start()].count("\n") + 1
            found.append(Example(f"{page.name}:{line}", block[3], block[2] is not None))
    return found


EXAMPLES = examples()
TRAINED = [example for example in EXAMPLES if example.trained]


def merged(base: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    both = dict(base)
    for key, value in part.items():
        known = both.get(key)
        both[key] = merged(known, value) if isinstance(value, dict) and isinstance(known, dict) else value
    return both


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.place)
def test_each_block_of_yaml_loads(example: Example, tmp_path: Path) -> None:
    data, _ = read_yaml(example.text)
    if data is None:
        assert "$schema=../docs/recipe.schema.json" in example.text
        assert (ROOT / "docs" / "recipe.schema.json").is_file()
    elif set(data) & {"home", "database"}:  # settings, not a recipe
        (tmp_path / "settings.yaml").write_text(example.text)
        read_layers({"ML_ASSETS_CONFIG": str(tmp_path / "settings.yaml")})
    elif "namespaces" in data:  # a feature repository
        (tmp_path / "features.yaml").write_text(example.text)
        declaration(tmp_path / "features.yaml")
    elif "name" in data:
        parse_recipe(example.text)
    else:
        parse_recipe(dump_yaml(merged(yaml.safe_load(WHOLE), data)))


def test_every_key_has_an_example() -> None:
    """In the tables of the manual; what a later version will have is none."""
    manual = (ROOT / "docs" / "recipe.md").read_text("utf-8")
    for key, section in sections():
        table = manual.partition(f"<!-- keys: {key or 'recipe'} -->")[2].partition("<!-- end -->")[0]
        for name in section.model_fields:
            [row] = [line for line in table.splitlines() if line.startswith(f"| `{name}` ")]
            _, _, kind, default, example, meaning, _ = re.split(r"(?<!\\)\|", row)
            assert all(cell.strip() for cell in (kind, default, meaning)), row
            assert example.strip() != "–", row


def late(rows: int, months: int = 4) -> pd.DataFrame:
    """Rows of some months whose class follows from two numbers."""
    random = np.random.default_rng(0)
    days = random.integers(0, 30, rows)
    amount = random.normal(100, 20, rows).round(2)
    score = (days - 15) / 5 + (amount - 100) / 30
    sent = np.sort(random.integers(0, 30 * months, rows))
    return pd.DataFrame({
        "customer": [f"c{number}" for number in random.integers(0, rows, rows)],
        "sent_at": pd.to_datetime("2024-01-01") + pd.to_timedelta(sent, unit="D"),
        "country": "NL",
        "amount": amount,
        "days_to_pay": days,
        "late": np.where(random.random(rows) < 1 / (1 + np.exp(-2 * score)), "yes", "no"),
    })  # fmt: skip


def orders(folder: Path) -> None:
    (folder / "data" / "orders").mkdir(parents=True)
    for month, rows in late(1200).groupby(lambda place: place // 300):
        rows.to_csv(folder / "data" / "orders" / f"{month}.csv", index=False)


def churn(folder: Path) -> None:
    (folder / "data" / "churn").mkdir(parents=True)
    rows = late(1200).rename(columns={"customer": "customer_id", "sent_at": "month", "late": "churned"})
    rows.to_parquet(folder / "data" / "churn" / "all.parquet", index=False)


def invoices(folder: Path) -> None:
    page = (ROOT / "docs" / "sql.md").read_text("utf-8")
    [query] = re.findall(r"```jinja\n(-- sql/invoices.sql.j2\n.*?)```", page, re.DOTALL)
    (folder / "sql").mkdir()
    (folder / "sql" / "invoices.sql.j2").write_text(query)
    with sqlite3.connect(folder / "shop.db") as connection:
        late(1200).assign(sent_at=lambda rows: rows["sent_at"].dt.strftime("%Y-%m-%d")).to_sql(
            "invoices", connection, index=False
        )
    connection.close()


def shop(folder: Path) -> None:
    pytest.importorskip("duckdb")
    (folder / "data" / "shop" / "visits").mkdir(parents=True)
    rows = late(600).assign(customer=range(600)).rename(columns={"late": "returned"})
    rows.to_parquet(folder / "data" / "shop" / "orders.parquet", index=False)
    pages = pd.DataFrame({"customer": np.repeat(rows["customer"], rows["days_to_pay"]), "page": "x"})
    pages.to_csv(folder / "data" / "shop" / "visits" / "january.csv", index=False)


def rentals(folder: Path) -> None:
    (folder / "data" / "rentals").mkdir(parents=True)
    days = pd.date_range("2024-01-01", periods=168)
    rows = pd.MultiIndex.from_product([days, ["north", "south"]], names=["day", "station"]).to_frame(
        index=False
    )
    drift = np.random.default_rng(0).normal(0, 1, len(rows)).cumsum()
    rows.assign(rented=50 + drift + 9 * (rows["day"].dt.weekday >= 5)).to_csv(
        folder / "data" / "rentals" / "all.csv", index=False
    )


DATA: dict[str, Callable[[Path], None]] = {
    "orders": orders, "leaving": churn, "late_payment": invoices, "returning": shop, "flowers": lambda _: None,
    "rentals": rentals,
}  # fmt: skip
"""What makes the data of an example, by the recipe's name."""


@pytest.mark.slow
@pytest.mark.parametrize("example", TRAINED, ids=lambda example: example.place)
def test_each_example_that_says_so_trains(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_template: Path
) -> None:
    monkeypatch.setenv("ML_ASSETS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    shutil.copyfile(mlflow_template, tmp_path / "home" / "mlflow.db")
    data, _ = read_yaml(example.text)
    DATA[data["name"]](tmp_path)
    small = {"hyperparameter_tuning": {"n_trials": 2}, "training": {"folds": 2}}
    (tmp_path / "example.yaml").write_text(dump_yaml(merged(data, small)))
    validated = ml_assets("validate", tmp_path / "example.yaml", "--json")
    assert validated.code == 0, validated.out
    trained = ml_assets("train", "--recipe-file", tmp_path / "example.yaml", "--json")
    assert trained.code == 0, trained.err
    assert trained.result["version"] == 1


def test_each_kind_of_source_has_an_example() -> None:
    said = " ".join(example.text for example in TRAINED)
    for form in ("*.csv", "*.parquet", "sklearn://", ".sql.j2", "SELECT ", "sqlite://", "duckdb://"):
        assert form in said
