"""Rows that belong together and are not declared are told before anything is trained."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml_assets.features.columns import roles
from ml_assets.names import BATCH
from ml_assets.quality.hints import Seen, hints
from ml_assets.recipe.loading import parse_recipe

RECIPE = """
name: visits
model:
  class_path: sklearn.linear_model.Ridge
  loader: {{source_uri: "*.csv"}}
  data_interface: {{task_type: regression, target_col: y, entity_cols: [{}]}}
batches: {{column: at, period: weekly}}
"""


def told(frame: pd.DataFrame, entity: str = "") -> str:
    recipe = parse_recipe(RECIPE.format(entity))
    frame = frame.assign(**{BATCH: "2024-01-01"})
    return " ".join(hints(Seen(frame, roles(frame, recipe), recipe, whole=True)))


def visits(rng: np.random.Generator, name: bool = True) -> pd.DataFrame:
    """60 customers, 20 rows each, in three features of five alike."""
    who = np.repeat(np.arange(60), 20)
    frame = pd.DataFrame(rng.normal(size=(1_200, 5)), columns=list("abcde"))
    frame[list("abc")] += rng.normal(size=(60, 3))[who]
    frame["y"] = rng.normal(size=1_200)
    frame["at"] = pd.date_range("2024-01-01", periods=1_200, freq="h")
    return frame.assign(customer=[f"c{k}" for k in who]) if name else frame


def test_entity_that_is_not_declared_is_named_and_a_declared_one_is_not() -> None:
    frame = visits(np.random.default_rng(0))
    assert "column 'customer' has 60 values with 20 rows each" in told(frame) and "entity_cols" in told(frame)
    assert "entity_cols" not in told(frame, "customer")
    numbered = frame.assign(customer=frame["customer"].str[1:].astype(int))
    assert "column 'customer' has 60 values" in told(numbered)


def test_declared_entities_in_a_hold_out_of_single_rows_are_told_where_nobody_chose_it() -> None:
    frame = visits(np.random.default_rng(3))
    static = RECIPE.replace("batches: {{column: at, period: weekly}}", "evaluation: {{validation: {{{}}}}}")

    def said(validation: str, rows: pd.DataFrame = frame, entity: str = "customer") -> bool:
        recipe = parse_recipe(static.format(entity, validation))
        return "`method: group_split`" in " ".join(hints(Seen(rows, roles(rows, recipe), recipe, whole=True)))

    assert said("test_size: 0.3")
    assert not said("method: group_split") and not said("method: train_test_split")
    assert not said("", entity="")
    assert not said("", frame.drop_duplicates("customer"))
    assert "group_split" not in told(frame, "customer")


def test_columns_that_name_nothing_are_not_told() -> None:
    rng = np.random.default_rng(1)
    frame = visits(rng, name=False)
    frame["city"] = rng.choice([f"town {k}" for k in range(60)], 1_200)
    frame["day"] = frame["at"].dt.dayofyear
    frame["a"] += 3 * np.sin(frame["day"])
    frame["b"] += 3 * np.cos(frame["day"])
    frame["c"] += 3 * np.sin(2 * frame["day"])
    assert "entity_cols" not in told(frame)


def test_rows_that_are_there_again_are_told_and_small_tables_of_few_values_are_not() -> None:
    rng = np.random.default_rng(2)
    frame = visits(rng, name=False)
    again = pd.concat([frame, frame.head(300).assign(y=0.5)], ignore_index=True)
    assert "20% of the rows are there before in all features" in told(again)
    few = pd.DataFrame(rng.integers(0, 3, (1_200, 3)), columns=list("abc")).assign(y=1.0, at=frame["at"])
    assert "there before" not in told(few)
