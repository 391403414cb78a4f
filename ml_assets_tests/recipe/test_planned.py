"""What people write and no recipe takes: each has one message, at its place, whose remedy is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from ml_assets.cli.app import app
from ml_assets.recipe import RecipeError, load_recipe, planned
from ml_assets.recipe.faults import Key, dotted
from ml_assets.recipe.fields import keys_at
from ml_assets.settings.keys import KEYS

GOOD: dict[str, Any] = {
    "name": "churn",
    "model": {
        "class_path": "xgboost.XGBClassifier",
        "loader": {"source_uri": "a.csv"},
        "data_interface": {"task_type": "classification", "target_col": "y"},
    },
}
DOCS = Path(__file__).parents[2] / "docs"
REMEDY = re.compile(r"Leave it out|is written as|leave `\w+` out|Allowed: ")
CITED = re.compile(
    r"\b(?:model|hyperparameter_tuning|evaluation|training|monitoring|retraining|promotion)(?:\.\w+)+"
)


def refused(folder: Path, key: str, value: Any) -> tuple[str, int]:
    """The one message about a recipe that says a value, and the line of its key."""
    recipe = yaml.safe_load(yaml.safe_dump(GOOD))
    *outer, name = key.split(".")
    place = recipe
    for part in outer:
        place = place.setdefault(part, {})
    place[name] = value
    text = yaml.safe_dump(recipe, sort_keys=False)
    (folder / "churn.yaml").write_text(text)
    with pytest.raises(RecipeError) as error:
        load_recipe(folder / "churn.yaml")
    (fault,) = error.value.errors
    assert (fault.file, fault.key) == (str(folder / "churn.yaml"), key)
    lines = [
        number for number, line in enumerate(text.splitlines(), 1) if line.strip().startswith(f"{name}:")
    ]
    assert [fault.line] == lines
    return fault.message


def commands() -> dict[str, click.Command]:
    """Every command by its words."""
    found: dict[str, click.Command] = {}

    def below(command: click.Command, words: str) -> None:
        found[words] = command
        for name, inner in getattr(command, "commands", {}).items():
            below(inner, f"{words} {name}")

    below(typer.main.get_command(app), "ml-assets")
    return found


def sees_a_way_out(message: str) -> None:
    """What a message names is there: commands with their options, settings, keys and pages."""
    assert REMEDY.search(message), message
    known = commands()
    for said in re.findall(r"`(ml-assets [^`]+)`", message):
        words = [
            word for word in said.split() if re.fullmatch(r"[a-z-]+", word) and not word.startswith("--")
        ]
        command = known[" ".join(words)]
        names = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", said)) <= names, said
    variables = {key.variable for key in KEYS.values()}
    assert set(re.findall(r"\bML_ASSETS_[A-Z_]*[A-Z]", message)) <= variables
    for path in CITED.findall(message):
        *outer, name = path.split(".")
        assert name in keys_at(tuple(outer)), path
    for page in re.findall(r"docs/\w+\.md", message):
        assert (DOCS / page.removeprefix("docs/")).exists(), page


@pytest.mark.parametrize("value", [True, {"some": "thing"}], ids=["value", "section"])
@pytest.mark.parametrize("key", planned.ELSEWHERE)
def test_a_key_that_no_recipe_has_is_answered_with_what_is_so(tmp_path: Path, key: str, value: Any) -> None:
    message = refused(tmp_path, key, value)
    name = key.rpartition(".")[2]
    assert message.startswith(f"'{name}' "), message
    assert "not yet supported" not in message
    sees_a_way_out(message)


@pytest.mark.parametrize(("key", "value"), planned.REFUSED)
def test_a_value_that_no_version_will_take_is_answered_with_the_reason(
    tmp_path: Path, key: str, value: str
) -> None:
    message = refused(tmp_path, key, value)
    assert "not yet" not in message
    assert REMEDY.search(message), message


def test_what_is_answered_is_no_key_of_the_schema() -> None:
    for key in planned.ELSEWHERE:
        *outer, name = key.split(".")
        where: Key = tuple(outer)
        assert name not in keys_at(where), dotted((*where, name))
