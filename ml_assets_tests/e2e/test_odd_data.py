"""Tables as people have them: whatever is no defect is learned from."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_assets.cli.validate import load_state
from ml_assets.evaluation.evaluate import evaluate, predict
from ml_assets.lifecycle.intake import clean_step, raw_step
from ml_assets.lifecycle.split import split_step
from ml_assets.names import STATIC
from ml_assets.settings import read_settings
from ml_assets.training.fit import fit
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import Outcome, ml_assets, shoppers

ROWS = shoppers()
N = len(ROWS)
RANDOM = np.random.default_rng(3)
AUTOMATIC = """\
name: odd
model:
  loader: {source_uri: odd.csv}
  data_interface: {task_type: classification, target_col: bought}
hyperparameter_tuning: {n_trials: 3}
"""


def written(**options: object) -> Callable[[Path, pd.DataFrame], None]:
    return lambda path, frame: frame.to_csv(path, index=False, **options)


plain = written()

# Rows, and how they are written.
TABLES: dict[str, tuple[pd.DataFrame, Callable[[Path, pd.DataFrame], None]]] = {
    "semicolons": (ROWS, written(sep=";")),
    "tabs": (ROWS, written(sep="\t")),
    "byte order mark": (ROWS, written(encoding="utf-8-sig")),
    "Windows line ends": (ROWS, written(lineterminator="\r\n")),
    "everything quoted": (ROWS, written(quoting=csv.QUOTE_ALL)),
    "line breaks in cells": (ROWS.assign(channel=ROWS["channel"] + "\nor, so"), plain),
    "names in other scripts": (
        ROWS.rename(columns={"age": "größe", "spent": "支出", "channel": "канал 🛒"}),
        plain,
    ),
    "names with spaces and dots": (
        ROWS.rename(columns={"age": "age (years)", "spent": "a.b[0] <c>", "channel": "channel, first"}),
        plain,
    ),
    "500 columns": (
        pd.concat([ROWS, pd.DataFrame(RANDOM.normal(size=(N, 500))).add_prefix("x")], axis=1),
        plain,
    ),
    "ten rows": (ROWS.groupby("bought").head(5), plain),
    "boolean target": (ROWS.assign(bought=ROWS["bought"] == 1), plain),
    "text target": (ROWS.assign(bought=np.where(ROWS["bought"] == 1, "bought it", "did not, no")), plain),
    "target of 1.0 and 0.0": (ROWS.assign(bought=ROWS["bought"].astype(float)), plain),
    "target with gaps": (ROWS.assign(bought=ROWS["bought"].where(RANDOM.random(N) > 0.2)), plain),
    "five classes": (ROWS.assign(bought=pd.qcut(ROWS["age"], 5, labels=False)), plain),
    "a class of one row": (ROWS.assign(bought=[2, *ROWS["bought"][1:]]), plain),
    "dates": (ROWS.assign(day=pd.date_range("2024-01-01", periods=N).strftime("%Y-%m-%d")), plain),
    "constant column": (ROWS.assign(country="NL", zero=0), plain),
    "identifiers": (ROWS.assign(id=range(N), code=[f"c{i}" for i in range(N)]), plain),
    "empty column": (ROWS.assign(nothing=None), plain),
    "column with one value": (ROWS.assign(rare=[1.0, *[None] * (N - 1)]), plain),
    "boolean feature with gaps": (
        ROWS.assign(member=pd.Series(RANDOM.choice([True, False, None], N), dtype=object)),
        plain,
    ),
    "big numbers": (ROWS.assign(account=RANDOM.integers(10**17, 10**18, N)), plain),
    "tiny numbers": (ROWS.assign(tiny=RANDOM.random(N) * 1e-300), plain),
    "only categories": (
        pd.DataFrame(RANDOM.choice(list("abcdef"), (N, 4)), columns=list("wxyz")).assign(**ROWS[["bought"]]),
        plain,
    ),
    "many levels": (ROWS.assign(city=[f"city {i % 97}" for i in range(N)]), plain),
    "5,000 levels": (shoppers(6_000).assign(city=[f"city {i % 5_000}" for i in range(6_000)]), plain),
}  # fmt: skip

NUMBERS: dict[str, pd.Series] = {
    "outliers": (ROWS["age"] * 2.0).where(RANDOM.random(N) > 0.02, 1e9),
    "whole numbers": ROWS["age"] * 2,
    "negative": -1.0 * ROWS["age"] ** 2,
    "zeros": (ROWS["age"] - 50).clip(lower=0),
    "text with gaps": ROWS["age"].astype(str).where(RANDOM.random(N) > 0.1),
}


def check(shop: Shop, trained: Outcome, name: str) -> None:
    assert trained.code == 0, trained.err
    assert trained.err.splitlines() == [f"{name}: training on all rows"]
    result = trained.result
    assert all(np.isfinite(value) for value in result["metrics"].values())
    assert ml_assets("status", name, "--json").result["recipes"][0]["champion_version"] in (1, None)


def table(oddity: str, shop: Shop) -> Path:
    """Write an odd table and its recipe."""
    frame, write = TABLES[oddity]
    path = shop.recipe("odd", frame)
    if frame["bought"].nunique() > 2:
        path.write_text(
            path.read_text().replace("roc_auc", "accuracy").replace("[accuracy, accuracy]", "[f1]")
        )
    write(shop.folder / "odd.csv", frame)
    return path


def number(oddity: str, shop: Shop) -> Path:
    """Write a table with an odd target, and its recipe."""
    path = shop.recipe("odd", ROWS.assign(bought=NUMBERS[oddity]))
    text = path.read_text().replace("LogisticRegression", "Ridge").replace("C: 1.0", "alpha: 1.0")
    text = text.replace("classification", "regression").replace("direction: maximize", "direction: minimize")
    path.write_text(text.replace("roc_auc", "rmse").replace(", accuracy]", ", r2]"))
    return path


ODDITIES: dict[str, Callable[[str, Shop], Path]] = dict.fromkeys(TABLES, table) | dict.fromkeys(
    NUMBERS, number
)
OF_THE_WHOLE_COMMAND = {
    "line breaks in cells", "names in other scripts", "names with spaces and dots", "ten rows", "five classes",
    "a class of one row", "outliers",
}  # fmt: skip
"""What may disturb what comes after the fit: names in files and databases, pictures, intervals."""


@pytest.mark.parametrize("oddity", ODDITIES)
def test_table_is_learned_from(oddity: str, shop: Shop) -> None:
    """Validated, read, cleaned, split, fitted and scored by the steps themselves."""
    path = ODDITIES[oddity](oddity, shop)
    assert ml_assets("validate", path, "--json").code == 0
    state = load_state(path, read_settings())
    assert raw_step(state, STATIC).problems == []
    clean_step(state, STATIC)
    split_step(state, STATIC)
    training_set, test_set = (state.store.read_frame(part, STATIC) for part in ("training_set", "test_set"))
    model, _ = fit(training_set, state.recipe)
    y, y_train = test_set["bought"], training_set["bought"]
    scores = evaluate(state.recipe, y, predict(model, test_set), y_train).scores
    assert scores and all(np.isfinite(score.value) for score in scores.values())


@pytest.mark.parametrize(
    "oddity",
    [
        pytest.param(oddity, marks=[] if oddity in OF_THE_WHOLE_COMMAND else pytest.mark.slow)
        for oddity in ODDITIES
    ],
)
def test_table_is_trained_on(oddity: str, shop: Shop) -> None:
    path = ODDITIES[oddity](oddity, shop)
    check(shop, ml_assets("train", "--recipe-file", path, "--json"), "odd")


@pytest.mark.parametrize("oddity", ["ten rows", "five classes", "a class of one row"])
def test_table_is_searched_automatically(oddity: str, shop: Shop) -> None:
    TABLES[oddity][0].to_csv(shop.folder / "odd.csv", index=False)
    path = shop.write("odd.yaml", AUTOMATIC)
    check(shop, ml_assets("train", "--recipe-file", path, "--json"), "odd")
