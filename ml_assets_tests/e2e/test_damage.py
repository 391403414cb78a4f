"""One damaged recipe takes no other down: not in the location, not in `status`, not in `validate`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest
from dagster._core.test_utils import instance_for_test

from ml_assets.cli.validate import validate_files
from ml_assets.orchestration.location import build_definitions
from ml_assets.registry.ledger import Ledger
from ml_assets.settings import Settings, read_settings
from ml_assets_tests.support.damage import DAMAGES, RECIPE, ROWS, START, write
from ml_assets_tests.support.processes import Program

SOUND = ("birch", "oak")
SECRET = "hunter2"
MADE_ASSETS = 11


class Wood(NamedTuple):
    """A folder with two sound recipes among all kinds of damaged ones, and what was told of each file."""

    settings: Settings
    environ: dict[str, str]
    shown: dict[str, str]
    told: dict[str, str]
    graph: dg.AssetGraph


@pytest.fixture(scope="module")
def wood(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wood]:
    root = tmp_path_factory.mktemp("wood")
    folder = root / "recipes"
    folder.mkdir()
    for name in SOUND:
        write(folder, name, RECIPE.format(name=name))
    for name, damage in DAMAGES.items():
        damage.spoil(folder, name)
    environ = {
        "ML_ASSETS_HOME": str(root / "home"),
        "ML_ASSETS_RECIPES": str(folder),
        "ML_ASSETS_SMTP_PASSWORD": SECRET,
        "ML_ASSETS_SMTP_SECURITY": "tls",
        "ML_ASSETS_RECIPE_LAKE": f"https://me:{SECRET}@lake",
    }
    settings = read_settings(environ)
    graph = build_definitions(settings).get_repository_def().asset_graph
    shown = {
        "/".join(key.path): graph.get(key).description or ""
        for key in graph.get_all_asset_keys()
        if key.path[-1] == "recipe_error"
    }
    told = {
        str(report["file"]): "\n".join(error["message"] for error in report["errors"])
        for report in validate_files(None, settings)
    }
    yield Wood(settings, os.environ | environ, shown, told, graph)


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_told_with_its_file_and_what_to_do(wood: Wood, kind: str) -> None:
    damage = DAMAGES[kind]
    texts = wood.told.values() if damage.data else wood.shown.values()
    found = [text for text in texts if all(word in text for word in damage.words)]
    assert found, [text for text in texts if kind in text]
    assert all("Traceback" not in text and SECRET not in text for text in found)


def test_sound_recipes_have_all_their_assets(wood: Wood) -> None:
    keys = [key.path for key in wood.graph.get_all_asset_keys()]
    data = [name for name, damage in DAMAGES.items() if damage.data]
    for name in (*SOUND, *data, "copied"):
        assert len([path for path in keys if path[0] == name]) == MADE_ASSETS, name
    assert all(wood.told[str(wood.settings.recipes[0] / f"{name}.yaml")] == "" for name in SOUND)


def test_every_file_is_told_of_once(wood: Wood) -> None:
    files = [path for path in wood.settings.recipes[0].iterdir() if path.suffix == ".yaml"]
    assert len(wood.told) == len(files)


def test_one_file_is_checked_among_the_damage(wood: Wood) -> None:
    folder = wood.settings.recipes[0]
    files = [
        folder / "oak.yaml",
        folder / "link_to_itself.yaml",
        folder / "pipe.yaml",
        folder / "copied_copy.yaml",
    ]
    reports = validate_files(files, wood.settings)
    assert [report["ok"] for report in reports] == [True, False, False, False]


def ran(wood: Wood, command: str, *arguments: str) -> tuple[str, str]:
    """What a program writes about the damaged home; it must succeed."""
    with Program(command, *arguments, folder=wood.settings.home.parent, environ=wood.environ) as process:
        out, err = process.output(120)
        assert process.returncode == 0, err
    return out, err


def test_dagster_loads_the_location_with_all_damage_at_once(wood: Wood) -> None:
    out, err = ran(wood, "dagster", "definitions", "validate", "-m", "ml_assets.definitions")
    assert "Traceback" not in out + err
    assert SECRET not in out + err


def test_sensors_tick_among_the_damage(wood: Wood) -> None:
    with instance_for_test() as instance:
        repository = build_definitions(wood.settings).get_repository_def()
        for name, words in (("oak_retrain", "no champion yet"), ("broken_recipe_alert", "broken recipes: ")):
            with dg.build_sensor_context(instance=instance, repository_def=repository) as context:
                tick = repository.get_sensor_def(name).evaluate_tick(context)
            assert words in (tick.skip_message or "")
    told = Ledger(wood.settings.ledger).entries(limit=1000)
    assert len({entry.reason for entry in told if entry.kind == "alert"}) >= len(wood.shown) - 3


def test_status_shows_every_model_and_a_terminal_obeys_nothing(wood: Wood) -> None:
    out, err = ran(wood, "ml-assets", "status")
    assert "Traceback" not in err
    lines = out.splitlines()
    assert {name for name in SOUND if any(line.startswith(f"{name} ") for line in lines)} == set(SOUND)
    assert sum("broken recipe" in line for line in lines) >= len(wood.shown) - 3
    assert not set(out + err) & set("\x1b\x07\x00\u202e\u2066")
    assert SECRET not in out + err


def test_a_first_batch_is_known_once_the_data_was_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    write(folder, "elm", RECIPE.format(name="elm").replace(START, ""))
    settings = Settings(home=tmp_path / "home", recipes=(folder,))
    paths = {key.path[-1] for key in _keys(settings)}
    assert paths == {"recipe_error", "model_overview"}
    assert all(report["ok"] for report in validate_files(None, settings))
    (folder / "elm.csv").unlink()
    assert ROWS and len([key for key in _keys(settings) if key.path[0] == "elm"]) == MADE_ASSETS


def test_an_odd_home_of_one_model_is_its_own_fault(tmp_path: Path) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    write(folder, "elm", RECIPE.format(name="elm").replace(START, ""))
    write(folder, "oak", RECIPE.format(name="oak"))
    settings = Settings(home=tmp_path / "home", recipes=(folder,))
    settings.store.mkdir(parents=True)
    (settings.store / "elm").write_text("no folder")
    reports = {Path(str(report["file"])).stem: report for report in validate_files(None, settings)}
    assert reports["oak"]["ok"]
    (fault,) = reports["elm"]["errors"]
    assert "cannot be checked" in fault["message"] and str(settings.store / "elm") in fault["message"]


def _keys(settings: Settings) -> list[dg.AssetKey]:
    return list(build_definitions(settings).get_repository_def().asset_graph.get_all_asset_keys())
