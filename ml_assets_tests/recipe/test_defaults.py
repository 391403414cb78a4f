"""`defaults.yaml`: what recipes of a folder have in common is written once, and each may say otherwise."""

from pathlib import Path

import pytest

from ml_assets.lifecycle.known import recipe_sights
from ml_assets.recipe import RecipeError, load_recipe
from ml_assets.recipe.loading import dump_recipe, fault_in, load_recipes, parse_recipe
from ml_assets.recipe.yaml_text import dump_yaml
from ml_assets.settings import read_settings
from ml_assets_tests.support.every_key import FULL

DEFAULTS = """\
model:
  class_path: sklearn.linear_model.Ridge
  hyperparameters: {alpha: 2.0}
  data_interface: {task_type: regression, target_col: price}
batches: {column: day, period: weekly}
retraining:
  max_age: 8
  cooldown: 3
evaluation: {metrics: [rmse], targets: {rmse: 9.0, mae: 4.0}}
"""
OWN = """\
name: north
model:
  loader: {source_uri: north.csv}
retraining: {cooldown: 1}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "defaults.yaml").write_text(DEFAULTS)
    (tmp_path / "north.yaml").write_text(OWN)
    return tmp_path


def faults(path: Path) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    return [str(each) for each in caught.value.errors]


def test_sections_are_joined_and_what_a_recipe_writes_holds(folder: Path) -> None:
    recipe = load_recipe(folder / "north.yaml")
    assert (recipe.retraining.max_age, recipe.retraining.cooldown) == (8, 1)
    assert recipe.model.class_path == "sklearn.linear_model.Ridge" and recipe.model.hyperparameters == {
        "alpha": 2.0
    }
    assert recipe == parse_recipe(dump_recipe(recipe)), "what a version keeps is the whole"
    (folder / "north.yaml").write_text(
        OWN + "batches: null\nevaluation: {targets: {mae: 5.0}}\n".replace("batches: null\n", "")
    )
    assert load_recipe(folder / "north.yaml").evaluation.targets == {"mae": 5.0}


def test_null_leaves_out_and_another_class_path_takes_no_hyperparameters(folder: Path) -> None:
    text = OWN.replace("  loader", "  class_path: sklearn.svm.SVR\n  loader").replace(
        "retraining: {cooldown: 1}\n", ""
    )
    (folder / "defaults.yaml").write_text(DEFAULTS.replace("retraining:\n  max_age: 8\n  cooldown: 3\n", ""))
    (folder / "north.yaml").write_text(text + "batches: null\n")
    recipe = load_recipe(folder / "north.yaml")
    assert recipe.batches is None
    assert (recipe.model.class_path, recipe.model.hyperparameters) == ("sklearn.svm.SVR", {})


def test_every_key_may_be_a_default(tmp_path: Path) -> None:
    (tmp_path / "defaults.yaml").write_text(
        dump_yaml({key: value for key, value in FULL.items() if key != "name"})
    )
    (tmp_path / "full.yaml").write_text(f"name: {FULL['name']}\n")
    assert load_recipe(tmp_path / "full.yaml") == parse_recipe(dump_yaml(FULL))


def test_a_fault_names_the_file_that_wrote_the_key(folder: Path) -> None:
    wrong = DEFAULTS.replace("max_age: 8", "max_agee: 8").replace("metrics: [rmse]", "metrics: [rmsee]")
    (folder / "defaults.yaml").write_text(wrong)
    (folder / "north.yaml").write_text(OWN.replace("cooldown: 1", "cooldown: soon"))
    told = faults(folder / "north.yaml")
    assert any(
        "defaults.yaml:7 retraining.max_agee: unknown key 'max_agee'. Did you mean 'max_age'" in text
        for text in told
    )
    assert any("north.yaml:4 retraining.cooldown: found 'soon'" in text for text in told)
    (folder / "defaults.yaml").write_text(DEFAULTS)
    (folder / "north.yaml").write_text(OWN)
    assert str(fault_in(folder / "north.yaml", "batches.column", "is not there")).startswith(
        f"{folder}/defaults.yaml:5 "
    )
    assert str(fault_in(folder / "north.yaml", "model.loader.source_uri", "is")).startswith(
        f"{folder}/north.yaml:3 "
    )


def test_a_fault_in_what_was_written_anew_is_of_the_recipe(folder: Path) -> None:
    rules = "quality: {rows: [{columns: [price], min: 0}]}\n"
    (folder / "defaults.yaml").write_text(DEFAULTS + rules)
    (folder / "north.yaml").write_text(OWN + "quality: {rows: [{min: 0}]}\n")
    (told,) = faults(folder / "north.yaml")
    assert "north.yaml:5 quality.rows[0].columns: is missing" in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: all\n", "defaults.yaml:1 name: each recipe has a name of its own"),
        ("", "defaults.yaml:1: is empty; write keys of a recipe, or remove the file"),
        ("- a\n", "defaults.yaml:1: found a list of 1"),
        ("a: [1\n", "defaults.yaml:"),
    ],
)
def test_broken_defaults_are_told_by_each_recipe_beside_them(folder: Path, text: str, words: str) -> None:
    (folder / "defaults.yaml").write_text(text)
    assert words in faults(folder / "north.yaml")[0]


def test_defaults_are_no_recipe_and_a_change_of_them_is_one_of_each(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes, broken = load_recipes([folder])
    assert [recipe.name for _, recipe in recipes] == ["north"] and not broken
    assert "name one of them" in faults(folder / "defaults.yaml")[0]
    monkeypatch.setenv("ML_ASSETS_RECIPES", str(folder))
    before = recipe_sights(read_settings())
    (folder / "defaults.yaml").write_text(DEFAULTS.replace("max_age: 8", "max_age: 9"))
    after = recipe_sights(read_settings())
    assert before.keys() == after.keys() and before != after
