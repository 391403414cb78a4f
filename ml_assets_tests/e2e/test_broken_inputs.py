"""Whatever is wrong with a recipe or its data: one message, which says where and what to do."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_assets.recipe.readable import FILE_TYPES, either
from ml_assets.registry.database import configure
from ml_assets.registry.ledger import Ledger
from ml_assets.settings import Settings
from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.support.command_line import Outcome, ml_assets, ml_assets_process, shoppers
from ml_assets_tests.support.processes import Program

ROWS = shoppers()
PARAMS = "preprocessor: {name: custom_preprocessor, params: {%s}}\n  hyperparameters"

# What is written → what is written instead; line, key, words of the message.
RECIPES: dict[str, tuple[str, str, int, str, list[str]]] = {
    "typo in a key": ("target_col", "target_co", 6, "model.data_interface.target_co",
        ["unknown key 'target_co'", "Did you mean 'target_col'?"]),
    "typo in a section": ("evaluation", "evalution", 8, "evalution", ["Did you mean 'evaluation'?"]),
    "typo in the target": ("target_col: bought", "target_col: bougth", 6, "model.data_interface.target_col",
        ["'bougth' is not a column of bad.csv", "found age, spent", "Did you mean 'bought'?"]),
    "typo in an excluded column": ("hyperparameters", PARAMS % "exclude_cols: [spnet]", 4,
        "model.preprocessor.params.exclude_cols", ["'spnet' is not a column", "Did you mean 'spent'?"]),
    "typo in a feature": ("hyperparameters", PARAMS % "categorical_features: [chanel]", 4,
        "model.preprocessor.params.categorical_features", ["'chanel'", "Did you mean 'channel'?"]),
    "unknown entity": ("bought}", "bought, entity_cols: [customer]}", 6,
        "model.data_interface.entity_cols", ["'customer' is not a column", "found age"]),
    "unknown time": ("training:", "batches: {column: day, period: daily}\ntraining:", 9, "batches.column",
        ["'day' is not a column of", "bad.csv", "found age"]),
    "number in quotes": ("enabled: false", "n_trials: '5'", 7, "hyperparameter_tuning.n_trials",
        ["found '5'", "Remove the quotes"]),
    "text for a number": ("C: 1.0", "C: many", 4, "model.hyperparameters.C",
        ["must be a float", "Got 'many'"]),
    "value out of range": ("C: 1.0", "C: -1.0", 4, "model.hyperparameters.C",
        ["must be a float in the range", "Got -1.0"]),
    "unknown choice": ("C: 1.0", "solver: warp", 4, "model.hyperparameters.solver",
        ["must be a str among", "'lbfgs'", "Got 'warp'"]),
    "unknown hyperparameter": ("C: 1.0", "CC: 1.0", 4, "model.hyperparameters.CC", ["Did you mean 'C'?"]),
    "unknown estimator": ("LogisticRegression", "LogisticRegresion", 3, "model.class_path",
        ["Did you mean 'sklearn.linear_model.LogisticRegression'"]),
    "forbidden import": ("sklearn.linear_model.LogisticRegression", "os.system", 3, "model.class_path",
        ["'os.system' is not allowed", "of catboost, causalml, econml, implicit, lightgbm, ml_assets, sklearn and x"]),
    "estimator of another task": ("LogisticRegression", "Ridge", 3, "model.class_path",
        ["is for regression", "Did you mean 'sklearn.linear_model.RidgeClassifier'?"]),
    "unknown metric": ("metric: roc_auc", "metric: auc_roc", 7, "hyperparameter_tuning.metric",
        ["unknown metric 'auc_roc'", "roc_auc"]),
    "wrong direction": ("maximize", "minimize", 7, "hyperparameter_tuning.direction",
        ["roc_auc is better higher"]),
    "window of wrong type": ("window: all", "window: often", 9, "training.window",
        ["found 'often'", "whole number ≥ 1 or 'all'"]),
    "bracket not closed": ("{C: 1.0}", "{C: 1.0", 5, "", ["not valid YAML", "begun in line 4"]),
    "tab": ("  hyperparameters", "\thyperparameters", 4, "", ["indented with a tab", "Indent with spaces"]),
    "key twice": ("training:", "model: {}\ntraining:", 9, "model", ["there twice (first in line 2)"]),
    "name taken": ("name: bad", "name: good", 1, "name", ["'good' is the name of", "good.yaml"]),
    "format not read": ("bad.csv", "bad.xlsx", 5, "model.loader.source_uri", ["not yet supported", "CSV"]),
    "place not read": ("bad.csv", "az://bucket/bad.csv", 5, "model.loader.source_uri", ["az://", "not yet"]),
}  # fmt: skip


def stays_as_it_was(shop: Shop, before: str, failed: Outcome) -> None:
    """Nothing was registered, and the recipe beside it still works."""
    assert failed.message
    ledger = Ledger(Settings(home=shop.home).ledger)
    assert not ledger.entries("bad")
    assert "Traceback" not in failed.out + failed.err
    assert not configure(Settings(home=shop.home)).search_model_versions("name = 'bad'")
    rows = {row["name"]: row for row in ml_assets("status", "--json").result["recipes"]}
    assert rows["good"]["status"] == before
    assert rows["bad"]["champion_version"] is None


@pytest.mark.parametrize("fault", RECIPES)
def test_broken_recipe_gives_one_message_with_its_line(fault: str, shop: Shop) -> None:
    old, new, line, key, words = RECIPES[fault]
    path = shop.recipe("bad", ROWS, **{old: new})
    validated = ml_assets("validate", path, "--json")
    assert validated.code == 2
    assert not validated.err
    [report] = validated.result["files"]
    [error] = report["errors"]
    assert (report["file"], report["ok"]) == (str(path), False)
    assert (error["line"], error["key"]) == (line, key)
    assert error["message"].startswith(f"{path}:{line}")
    assert [word for word in words if word not in error["message"]] == []
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 2
    assert trained.message == error["message"]
    assert trained.err.strip() == error["message"]
    stays_as_it_was(shop, "no model", trained)


def as_csv(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    return lambda path: change(ROWS.copy()).to_csv(path, index=False)


def some_text(frame: pd.DataFrame) -> pd.DataFrame:
    spent = frame["spent"].astype(object)
    spent.iloc[7] = "lots"
    return frame.assign(spent=spent)


def infinite(frame: pd.DataFrame) -> pd.DataFrame:
    spent = frame["spent"].copy()
    spent.iloc[3:9] = np.inf
    return frame.assign(spent=spent)


# What happens to the file; words of the message.
DATA: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "target all missing": (as_csv(lambda f: f.assign(bought=None)),
        ["bad.csv", "target 'bought' has no value in any row"]),
    "one class only": (as_csv(lambda f: f.assign(bought="yes")),
        ["bad.csv", "target 'bought' has one class only, 'yes'", "Is the file cut off or filtered?"]),
    "numbers as classes": (as_csv(lambda f: f.assign(bought=np.linspace(0, 1, len(f)))),
        ["bad.csv", "200 different values", "Use task_type: regression"]),
    "empty file": (lambda path: path.write_text(""), ["bad.csv is empty", "a line of column names"]),
    "header only": (as_csv(lambda f: f[:0]), ["bad.csv", "there are no rows", "Look at the source"]),
    "one column twice": (as_csv(lambda f: f.rename(columns={"spent": "age"})),
        ["bad.csv has more than one column named 'age'", "rename or remove"]),
    "column without a name": (as_csv(lambda f: f.rename(columns={"spent": ""})),
        ["bad.csv: column 2 has no name", "Name it"]),
    "text in a number column": (as_csv(some_text),
        ["bad.csv", "column 'spent'", "'lots' in row 8", "leave the cell empty"]),
    "infinite": (as_csv(infinite), ["bad.csv", "column 'spent'", "infinite", "row 4", "Leave such cells"]),
    "binary": (lambda path: path.write_bytes(b"\0\1\2PAR1" * 9), ["bad.csv is not a CSV file", "binary"]),
    "not UTF-8": (lambda path: path.write_bytes("age,größe,bought\n1,2,3\n".encode("latin-1")),
        ["bad.csv, line 1: not UTF-8 text", "'age,größe,bought'", "Save the file as UTF-8"]),
    "too many cells": (lambda path: path.write_text(path.read_text() + "1,2,3,4,5,6\n"),
        ["bad.csv, line 202: 6 cells, the header has 4", "in double quotes"]),
    "no features": (as_csv(lambda f: f[["bought"]]), ["bad.csv", "no column to learn from"]),
    "empty features": (as_csv(lambda f: f.assign(age=None, spent=None, channel=None)),
        ["bad.csv", "no column to learn from", "age, channel, spent", "are empty"]),
    "reserved name": (as_csv(lambda f: f.rename(columns={"spent": "row_id__"})),
        ["bad.csv", "'row_id__' has a reserved name", "rename it"]),
    "missing file": (lambda path: path.unlink(), ["'bad.csv': no such file", "Did you mean 'good.csv'?"]),
    "folder without data": (lambda path: (path.unlink(), path.mkdir()),
        [f"bad.csv holds no {either(FILE_TYPES)} file"]),
}  # fmt: skip


@pytest.mark.parametrize("fault", DATA)
def test_broken_data_gives_one_message_with_its_file(fault: str, shop: Shop) -> None:
    spoil, words = DATA[fault]
    path = shop.recipe("bad", ROWS)
    spoil(shop.folder / "bad.csv")
    validated = ml_assets("validate", path, "--json")
    assert validated.code == 2
    [error] = validated.result["files"][0]["errors"]
    assert (error["line"], error["key"]) == (5, "model.loader.source_uri")
    assert [word for word in words if word not in error["message"]] == []
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 1
    assert [word for word in words if word not in trained.message] == []
    assert trained.err.count(trained.message) == 1
    stays_as_it_was(shop, "no model", trained)


def test_no_parquet_file_behind_the_name(shop: Shop) -> None:
    path = shop.recipe("bad", ROWS, **{"bad.csv": "bad.parquet"})
    (shop.folder / "bad.parquet").write_text("age,bought\n1,0\n")
    trained = ml_assets("train", "--recipe-file", path, "--json")
    assert trained.code == 1
    assert "bad.parquet is text: give it a name that ends in .csv" in trained.message


@pytest.mark.parametrize("most", [20_000, 60_000, 150_000])
def test_a_disk_that_is_full_is_told_in_one_line(most: int, shop: Shop) -> None:
    """No file may grow beyond so many bytes: Dagster, MLflow and the ledger meet that at different places."""
    command = ("ml-assets", "train", "--recipe-file", "good.yaml", "--json")
    with Program(*command, folder=shop.folder, environ=os.environ) as process:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
        out, err = process.output()
        failed = Outcome(process.wait(0), out, err)
    assert failed.code == 1
    assert failed.err.splitlines()[-1] == failed.message
    assert [line for line in failed.err.splitlines()[:-1] if line != "good: training on all rows"] == []
    assert not Ledger(Settings(home=shop.home).ledger).entries("good")
    assert ml_assets("train", "--recipe-file", shop.folder / "good.yaml", "--json").result["promoted"]


@pytest.mark.parametrize("fault", ["typo in the target", "one class only"])
def test_as_a_process_of_its_own(fault: str, trained_shop: Shop) -> None:
    shop = trained_shop
    if fault in RECIPES:
        old, new, *_, words = RECIPES[fault]
        path, code = shop.recipe("bad", ROWS, **{old: new}), 2
    else:
        path, code = shop.recipe("bad", ROWS), 1
        spoil, words = DATA[fault]
        spoil(shop.folder / "bad.csv")
    failed = ml_assets_process("train", "--recipe-file", path, "--json", folder=shop.folder)
    assert failed.code == code
    assert [word for word in words if word not in failed.message] == []
    stays_as_it_was(shop, "serving", failed)


def test_a_broken_recipe_leaves_the_others_alone(shop: Shop) -> None:
    from ml_assets.orchestration.location import build_definitions
    from ml_assets.settings import read_settings

    shop.write("bad.yaml", "name: bad\nmodel: {")
    shop.write("copy_of_good.yaml", (shop.folder / "good.yaml").read_text())
    rows = {row["name"]: row for row in ml_assets("status", "--json").result["recipes"]}
    assert rows["good"]["status"] == "no model"
    assert rows["bad"]["status"] == rows["copy_of_good"]["status"] == "broken recipe"
    assert "bad.yaml" in rows["bad"]["last_decision"]["reason"]
    repository = build_definitions(read_settings()).get_repository_def()
    keys = {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}
    assert {"good/champion", "bad/recipe_error", "copy_of_good/recipe_error", "model_overview"} <= keys
    assert ml_assets("train", "--recipe-file", shop.folder / "good.yaml", "--json").result["promoted"]
    everything = ml_assets("validate", "--json")
    assert everything.code == 2
    assert {Path(r["file"]).stem: r["ok"] for r in everything.result["files"]} == {
        "good": True,
        "bad": False,
        "copy_of_good": False,
    }


def test_month_without_rows_is_blocked_and_the_next_ones_go_on(shop: Shop) -> None:
    months = [shoppers(80, month).assign(day=f"2024-0{month}-15") for month in (1, 2, 4)]
    batches = "batches: {column: day, period: monthly}\ntraining: {window: all}\nmonitoring: {min_rows: 50}"
    batches += "\nretraining: {max_age: off}"
    path = shop.recipe("gap", pd.concat(months), **{"training: {window: all}": batches})
    walked = ml_assets("backfill", "--recipe-file", path, "--json")
    assert walked.code == 0
    rows = {row["batch"]: row for row in walked.result["batches"]}
    assert [row["decision"] for row in rows.values()] == ["none", "none", "blocked", "none"]
    (fault,) = rows["2024-03-01"]["faults"]
    assert "'gap.csv': no rows for batch 2024-03-01; data covers 2024-01-01 to 2024-04-01" in fault
    assert "Send the missing rows" in fault
    assert rows["2024-04-01"]["rows"] == 80
    assert "Traceback" not in walked.err
