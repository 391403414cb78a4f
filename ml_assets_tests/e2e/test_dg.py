"""Dagster's own commands work in a clone, and a recipe is a component of another project."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from ml_assets_tests.e2e.conftest import Shop
from ml_assets_tests.e2e.test_ui import free_ports
from ml_assets_tests.support.places import PROGRAMS, wait_for

CLONE = Path(__file__).parents[2]
PROJECT = """\
[project]
name = "shopping"
version = "0"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "shopping"

[tool.dg.cli]
suppress_warnings = ["project_and_activated_venv_mismatch"]
"""
DEFINITIONS = """\
from pathlib import Path

import dagster as dg


@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""


def environ(folder: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("DAGSTER_HOME", "VIRTUAL_ENV")}
    dagster_home = folder / "dagster_home"
    dagster_home.mkdir(exist_ok=True)
    (dagster_home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
    path = f"{PROGRAMS}:{kept.get('PATH', '')}"
    return kept | {"DAGSTER_HOME": str(dagster_home), "DO_NOT_TRACK": "true", "PATH": path, **more}


def dg(*arguments: str, folder: Path, env: dict[str, str]) -> str:
    ended = subprocess.run(
        [PROGRAMS / "dg", *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stdout


def listed(folder: Path, env: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dg("list", "defs", "--json", folder=folder, env=env))
    return found


def test_dg_knows_the_definitions_of_a_clone(tmp_path: Path) -> None:
    env = environ(tmp_path, ML_ASSETS_HOME=str(tmp_path / "home"))
    assert "All definitions loaded successfully" in dg("check", "defs", folder=CLONE, env=env)
    keys = {asset["asset_key"] for asset in listed(CLONE, env)["assets"]}
    assert {"churn/champion", "iris/trained_model", "model_overview"} <= keys


def test_a_recipe_is_a_component_of_another_project(shop: Shop, tmp_path: Path) -> None:
    project = tmp_path / "project"
    for name in ("one", "other", "broken", "worse"):
        (project / "shopping" / "defs" / name).mkdir(parents=True)
        recipe = shop.folder / "good.yaml"
        text = recipe.read_text().replace("name: good", f"name: {name}")
        text = text.replace("target_col", "target_colum") if name in ("broken", "worse") else text
        (project / "shopping" / "defs" / name / "recipe.yaml").write_text(text)
        (project / "shopping" / "defs" / name / "defs.yaml").write_text(
            "type: ml_assets.components.RecipeComponent\nattributes: {recipe: recipe.yaml}\n"
        )
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "shopping" / "__init__.py").touch()
    (project / "shopping" / "definitions.py").write_text(DEFINITIONS)
    env = environ(tmp_path, PYTHONPATH=str(project))
    checked = dg("check", "defs", folder=project, env=env)
    assert "All component YAML validated successfully" in checked
    found = listed(project, env)
    keys = {asset["asset_key"]: asset for asset in found["assets"]}
    assert {
        "one/champion",
        "other/champion",
        "broken_recipe/recipe_error",
        "worse_recipe/recipe_error",
    } <= set(keys)
    assert "Did you mean 'target_col'?" in str(keys["broken_recipe/recipe_error"]["description"])
    assert {"one_retrain", "other_retrain"} <= {sensor["name"] for sensor in found["sensors"]}
    assert "ml_assets.components.RecipeComponent" in dg("list", "components", folder=project, env=env)


@pytest.mark.slow
@pytest.mark.parametrize("program", ["dg", "dagster"])
def test_dev_serves_a_clone(program: str, tmp_path: Path) -> None:
    [port] = free_ports(1)
    env = environ(tmp_path, ML_ASSETS_HOME=str(tmp_path / "home"))
    log = (tmp_path / "dev.log").open("w")
    command = [PROGRAMS / program, "dev", "--port", str(port)]
    server = subprocess.Popen(command, cwd=CLONE, env=env, stdout=log, stderr=log, start_new_session=True)
    query = json.dumps({"query": "{ assetNodes { id groupName } }"}).encode()
    address = f"http://127.0.0.1:{port}/graphql"

    def groups() -> set[str]:
        request = urllib.request.Request(address, query, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return {node["groupName"] for node in json.load(answer)["data"]["assetNodes"]}
        except OSError:
            return set()

    try:
        found = wait_for(groups, 180, f"{program} dev")
        assert {"churn", "iris", "diabetes", "overview"} <= found
    finally:
        children = psutil.Process(server.pid).children(recursive=True)
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)
        _, alive = psutil.wait_procs(children, timeout=30)
        for process in alive:
            process.kill()
        log.close()
