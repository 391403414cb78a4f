"""What README.md says to type works as written, and its error message is the one a person gets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line.split("#")[0].split() for block in blocks("sh") for line in block.splitlines()]
    return [line[1:] for line in lines if line and line[0] == ".venv/bin/ml-assets"]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "ml-assets"
    environment = os.environ | {"ML_ASSETS_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    return subprocess.run([program, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


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


def test_commands_of_the_readme_work_in_their_order(tmp_path: Path) -> None:
    write_adults(tmp_path / "adult.csv", months=4, rows=350)
    recipe, batches = blocks("yaml")
    (tmp_path / "income.yaml").write_text(recipe)
    wanted = commands()
    assert [line[0] for line in wanted] == ["validate", "train", "status", "backfill", "explain", "rollback"]
    for line in wanted[:3]:
        done = run(tmp_path, *line)
        assert done.returncode == 0, done.stderr
    (tmp_path / "income.yaml").write_text(recipe.replace("name: income", "name: income_by_month") + batches)
    for line in wanted[3:5]:
        done = run(
            tmp_path,
            *[word.replace("income", "income_by_month") if line[0] == "explain" else word for word in line],
        )
        assert done.returncode == 0, done.stderr
    done = run(tmp_path, "rollback", "income_by_month")
    assert done.returncode == 1
    assert "nothing to go back to" in done.stderr


def test_error_of_the_readme_is_the_one_a_person_gets(tmp_path: Path) -> None:
    (tmp_path / "income.yaml").write_text(blocks("yaml")[0].replace("target_col:", "target_colum:"))
    done = run(tmp_path, "train", "--recipe-file", "income.yaml")
    (shown,) = [block.strip() for block in blocks("text") if block.startswith("income.yaml")]
    assert done.returncode == 2
    assert shown in done.stderr


@pytest.mark.parametrize("name", re.findall(r"\]\((docs/[^)#]+|CHANGELOG.md)\)", README))
def test_every_link_of_the_readme_leads_somewhere(name: str) -> None:
    assert (ROOT / name).is_file()
