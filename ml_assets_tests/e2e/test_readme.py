"""What README.md says to type works as written, and its error message is the one a person gets."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml_assets_tests.support.command_line import ml_assets_process

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
OF_DEVELOPERS = {"dev", "docs", "fuzz", "browser", "stores"}
"""Extras that the tests and the site of the docs want."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line.split("#")[0].split() for block in blocks("sh") for line in block.splitlines()]
    return [line[1:] for line in lines if line and line[0] == ".venv/bin/ml-assets"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_template: Path) -> Path:
    """A folder to type the commands in, with an empty home below it."""
    monkeypatch.setenv("ML_ASSETS_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    shutil.copyfile(mlflow_template, tmp_path / "home" / "mlflow.db")
    return tmp_path


def write_adults(path: Path, months: int, rows: int) -> None:
    generator = np.random.default_rng(0)
    parts = []
    for month in range(months):
        age = generator.integers(18, 80, rows)
        hours = generator.normal(40, 10, rows).round()
        rich = generator.random(rows) < 1 / (1 + np.exp(-(age - 45) / 6 - (hours - 40) / 6))
        when = pd.Timestamp(2024, 1 + month, 1)
        income = np.where(rich, ">50K", "<=50K")
        parts.append(pd.DataFrame({"age": age, "hours": hours, "month": when, "income": income}))
    pd.concat(parts).to_csv(path, index=False)


def test_first_recipe_has_at_most_eight_lines() -> None:
    assert len(blocks("yaml")[0].strip().splitlines()) <= 8


def test_commands_of_the_readme_work_in_their_order(folder: Path) -> None:
    write_adults(folder / "adult.csv", months=4, rows=350)
    recipe, batches = blocks("yaml")
    (folder / "income.yaml").write_text(recipe)
    wanted = commands()
    names = ["validate", "train", "status", "init", "profile", "backfill", "explain", "rollback"]
    assert [line[0] for line in wanted] == names
    for line in wanted[:5]:
        done = ml_assets_process(*line, folder=folder)
        assert done.code == 0, done.err
    (folder / "income.yaml").write_text(recipe.replace("name: income", "name: income_by_month") + batches)
    for line in wanted[5:7]:
        words = [word.replace("income", "income_by_month") if line[0] == "explain" else word for word in line]
        done = ml_assets_process(*words, folder=folder)
        assert done.code == 0, done.err
    done = ml_assets_process("rollback", "income_by_month", folder=folder)
    # Whether the second training won hangs on what its search found in its seconds.
    answer = {0: "version 1 is champion again (was 2)", 1: "nothing to go back to"}[done.code]
    assert answer in done.out + done.err


def test_error_of_the_readme_is_the_one_a_person_gets(folder: Path) -> None:
    (folder / "income.yaml").write_text(blocks("yaml")[0].replace("target_col:", "target_colum:"))
    done = ml_assets_process("train", "--recipe-file", "income.yaml", folder=folder)
    (shown,) = [block.strip() for block in blocks("text") if block.startswith("income.yaml")]
    assert done.code == 2
    assert shown in done.err


def test_every_extra_for_a_user_is_named() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    table = README.split("## Optional libraries")[1].split("## ")[0]
    named = {name for line in re.findall(r"^\|(.+?)\|", table, re.M) for name in re.findall(r"`(\w+)`", line)}
    assert set(declared) - OF_DEVELOPERS == named | {"libraries"}
