"""The published schema and the manual say what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ml_assets.recipe.fields import sections
from ml_assets.recipe.json_schema import DOCS, manual_text, recipe_schema, schema_text
from ml_assets.recipe.loading import parse_recipe
from ml_assets.recipe.yaml_text import read_yaml

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT.parent / "shared" / "recipes").glob("*.yaml")) + sorted(
    (ROOT / "ml_assets" / "recipes").glob("*.yaml")
)
SCHEMA = recipe_schema()
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
ANNOTATIONS = {"description", "default", "title", "$defs", "$schema"}
MINIMAL = {
    "name": "a",
    "model": {
        "loader": {"source_uri": "a.csv"},
        "data_interface": {"task_type": "regression", "target_col": "y"},
    },
}


def is_type(data: Any, name: str) -> bool:
    return isinstance(data, TYPES[name]) and (name == "boolean" or not isinstance(data, bool))


def conforms(data: Any, schema: dict[str, Any]) -> bool:
    """Whether data conforms to the part of JSON Schema that is used here; another keyword raises."""
    return all(_RULES[word](data, value, schema) for word, value in schema.items() if word not in ANNOTATIONS)


def _additional(data: Any, value: Any, schema: dict[str, Any]) -> bool:
    extra = (
        [item for name, item in data.items() if name not in schema.get("properties", {})]
        if is_object(data)
        else []
    )
    return all(value is not False and (value is True or conforms(item, value)) for item in extra)


def is_object(data: Any) -> bool:
    return isinstance(data, dict)


_RULES: dict[str, Any] = {
    "$ref": lambda data, value, _: conforms(data, SCHEMA["$defs"][value.removeprefix("#/$defs/")]),
    "type": lambda data, value, _: any(
        is_type(data, name) for name in ([value] if isinstance(value, str) else value)
    ),
    "enum": lambda data, value, _: data in value,
    "const": lambda data, value, _: data == value,
    "anyOf": lambda data, value, _: any(conforms(data, option) for option in value),
    "oneOf": lambda data, value, _: sum(conforms(data, option) for option in value) == 1,
    "not": lambda data, value, _: not conforms(data, value),
    "required": lambda data, value, _: not is_object(data) or all(name in data for name in value),
    "properties": lambda data, value, _: (
        not is_object(data)
        or all(conforms(data[name], inner) for name, inner in value.items() if name in data)
    ),
    "additionalProperties": _additional,
    "items": lambda data, value, _: not isinstance(data, list) or all(conforms(item, value) for item in data),
    "minItems": lambda data, value, _: not isinstance(data, list) or len(data) >= value,
    "maxItems": lambda data, value, _: not isinstance(data, list) or len(data) <= value,
    "minLength": lambda data, value, _: not isinstance(data, str) or len(data) >= value,
    "pattern": lambda data, value, _: not isinstance(data, str) or re.search(value, data) is not None,
    "minimum": lambda data, value, _: not is_type(data, "number") or data >= value,
    "maximum": lambda data, value, _: not is_type(data, "number") or data <= value,
    "exclusiveMinimum": lambda data, value, _: not is_type(data, "number") or data > value,
    "exclusiveMaximum": lambda data, value, _: not is_type(data, "number") or data < value,
}


def with_value(path: str, value: Any) -> dict[str, Any]:
    data = yaml.safe_load(yaml.safe_dump(MINIMAL))
    *parents, last = path.split(".")
    section = data
    for name in parents:
        section = section.setdefault(name, {})
    section[last] = value
    return data


def test_schema_on_disk_is_current() -> None:
    written = (DOCS / "recipe.schema.json").read_text("utf-8")
    assert written == schema_text(), "run python -m ml_assets.recipe.json_schema"


def test_tables_of_the_manual_are_current() -> None:
    written = (DOCS / "recipe.md").read_text("utf-8")
    assert written == manual_text(written), "run python -m ml_assets.recipe.json_schema"


def test_a_section_without_a_table_is_an_error() -> None:
    written = (DOCS / "recipe.md").read_text("utf-8")
    for place in ("keys: batches", "names: metrics"):
        with pytest.raises(ValueError, match="the manual has places for"):
            manual_text(written.replace(f"<!-- {place} -->", ""))


def test_every_key_is_described() -> None:
    for name, definition in SCHEMA["$defs"].items():
        assert definition["description"], name
    for _, section in sections():
        assert all(field.description for field in section.model_fields.values())


def test_recipes_of_the_manual_load() -> None:
    blocks = re.findall(r"```yaml\n(name:.*?)```", (DOCS / "recipe.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 7
    assert len(blocks[0].splitlines()) <= 8
    for block in blocks:
        parse_recipe(block)
        assert conforms(read_yaml(block)[0], SCHEMA)


@pytest.mark.skipif(not SAMPLES, reason="no recipes are there")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_recipes_conform_to_the_schema(path: Path) -> None:
    assert conforms(read_yaml(path.read_text("utf-8"))[0], SCHEMA)


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        ("name", "churn", "My Churn"),
        ("nmae", None, "x"),
        ("model.class_path", "xgboost.XGBRegressor", 3),
        ("model.data_interface.task_type", "regression", "regresion"),
        ("model.data_interface.target_col", ["a", "b"], 3),
        ("model.hyperparameters.x", {"type": "int", "low": 1, "high": 9}, {"type": "int", "low": 1}),
        ("model.hyperparameters.x", {"type": "float", "low": 0.1, "high": 9, "log": True}, {"type": "float"}),
        ("model.hyperparameters.x", {"type": "categorical", "choices": [1]}, {"type": "categorical",
         "choices": []}),
        ("model.hyperparameters.x", {"a": 1, "b": 2}, {"type": "uniform"}),
        ("model.hyperparameters.x", {"class_path": "sklearn.svm.SVR"}, {"class_path": "sklearn.svm.SVR",
         "x": 1}),
        ("model.hyperparameters.x", [{"type": "int", "low": 1, "high": 9}], [{"type": "int"}]),
        ("hyperparameter_tuning.n_trials", 1, 0),
        ("hyperparameter_tuning.metric", "rmse", "rsme"),
        ("evaluation.validation.test_size", 0.5, 1.5),
        ("training.window", "all", "half"),
        ("training.window", 3, 0),
        ("monitoring.label_delay", 1, True),
    ],
)  # fmt: skip
def test_schema_tells_good_from_bad(path: str, good: Any, bad: Any) -> None:
    assert conforms(with_value(path, good), SCHEMA) or path == "nmae"
    assert not conforms(with_value(path, bad), SCHEMA)
