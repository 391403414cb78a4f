"""The recipe for editors and for readers: `docs/recipe.schema.json`, and the tables and lists of `docs/recipe.md`.

`python -m ml_assets.recipe.json_schema` writes both; a test keeps them current.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ml_assets.recipe.catalogue import ESTIMATORS, NO_NEW_ROWS
from ml_assets.recipe.fields import sections, type_words
from ml_assets.recipe.own import PATH
from ml_assets.recipe.quantiles import PATTERN as QUANTILES
from ml_assets.recipe.readable import DATASETS, FILE_TYPES
from ml_assets.recipe.schema import Recipe
from ml_assets.recipe.tasks import METRIC_DIRECTIONS, RECOMMENDS, TASK_METRICS, UNTARGETED
from ml_assets.recipe.yaml_text import flow_yaml, read_yaml

DOCS: Final = Path(__file__).parents[2] / "docs"
NUMBER: Final = {"type": "number"}
WHOLE: Final = {"type": "integer"}
FLAG: Final = {"type": "boolean"}

HYPERPARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "Hyperparameter": {
        "description": "A fixed value, a search space, or an estimator with hyperparameters of its own.",
        "anyOf": [
            {"type": ["null", "boolean", "number", "string"]},
            {"type": "array", "items": {"$ref": "#/$defs/Hyperparameter"}},
            {"$ref": "#/$defs/Int"},
            {"$ref": "#/$defs/Float"},
            {"$ref": "#/$defs/Categorical"},
            {"$ref": "#/$defs/Nested"},
            {
                "type": "object",
                "not": {"anyOf": [{"required": ["class_path"]}, {"required": ["type"]}]},
                "additionalProperties": {"$ref": "#/$defs/Hyperparameter"},
            },
        ],
    },
    "Int": {
        "description": "Search space: whole numbers from low to high.",
        "type": "object",
        "properties": {
            "type": {"const": "int"},
            "low": WHOLE,
            "high": WHOLE,
            "step": {"type": "integer", "minimum": 1},
            "log": FLAG,
        },
        "required": ["type", "low", "high"],
        "additionalProperties": False,
    },
    "Float": {
        "description": "Search space: numbers from low to high; log: evenly in their logarithm.",
        "type": "object",
        "properties": {"type": {"const": "float"}, "low": NUMBER, "high": NUMBER, "log": FLAG},
        "required": ["type", "low", "high"],
        "additionalProperties": False,
    },
    "Categorical": {
        "description": "Search space: one of the choices.",
        "type": "object",
        "properties": {"type": {"const": "categorical"}, "choices": {"type": "array", "minItems": 1}},
        "required": ["type", "choices"],
        "additionalProperties": False,
    },
    "Nested": {
        "description": "An estimator inside an estimator.",
        "type": "object",
        "properties": {
            "class_path": {"$ref": "#/$defs/ClassPath"},
            "hyperparameters": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Hyperparameter"}},
        },
        "required": ["class_path"],
        "additionalProperties": False,
    },
    "ClassPath": {
        "description": "Estimator by its public import path.",
        "anyOf": [
            {
                "enum": [
                    path
                    for path, known in ESTIMATORS.items()
                    if known.task in TASK_METRICS and path not in NO_NEW_ROWS
                ]
            },
            {"type": "string"},
        ],
    },
}
"""What pydantic cannot know: the shapes inside `hyperparameters`, and the names an editor may offer."""


def _words(names: Iterable[str]) -> str:
    return f"`{' '.join(names)}`"


LISTS: Final = {
    "files": "Files: "
    + ", ".join(f"{name} ({_words(endings)})" for name, endings in FILE_TYPES.items())
    + f". `sklearn://` knows {_words(DATASETS)}.\n",
    "metrics": "".join(f"{task.capitalize()}: {_words(names)}.\n" for task, names in TASK_METRICS.items()),
}
"""Names that the manual lists."""


def recipe_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a recipe, with descriptions and search spaces."""
    schema = Recipe.model_json_schema()
    model = schema["$defs"]["Model"]["properties"]
    model["hyperparameters"]["additionalProperties"] = {"$ref": "#/$defs/Hyperparameter"}
    model["class_path"]["anyOf"] = [{"$ref": "#/$defs/ClassPath"}, {"type": "null"}]
    metric = schema["$defs"]["Tuning"]["properties"]["metric"]
    metric["anyOf"] = [
        {"enum": list(METRIC_DIRECTIONS)},
        {"type": "string", "pattern": QUANTILES},
        {"type": "string", "pattern": PATH},
        {"type": "null"},
    ]
    interface = schema["$defs"]["DataInterface"]
    target = interface["properties"]["target_col"]
    target["anyOf"] = [each for each in target["anyOf"] if each != {"type": "null"}]
    target.pop("default")
    interface["anyOf"] = [
        {"required": ["target_col"], "properties": {"task_type": {"not": {"enum": list(UNTARGETED)}}}},
        {
            "not": {"required": ["target_col"]},
            "properties": {"task_type": {"enum": [task for task in UNTARGETED if task not in RECOMMENDS]}},
        },
        {"required": ["user_col", "item_col"], "properties": {"task_type": {"enum": list(RECOMMENDS)}}},
    ]
    for section in (schema, *schema["$defs"].values()):
        for field in section["properties"].values():
            if "$ref" in field:
                # The section says its own defaults, key by key.
                field.pop("default", None)
    schema["$defs"] = dict(sorted((schema["$defs"] | HYPERPARAMETERS).items()))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """Text of `docs/recipe.schema.json`."""
    return json.dumps(recipe_schema(), indent=1, ensure_ascii=False) + "\n"


def manual_text(written: str) -> str:
    """
    Renew the manual between `<!-- keys: SECTION -->`, or `<!-- names: LIST -->`, and `<!-- end -->`.

    Raises
    ------
    ValueError
        A section of the recipe or a list has no place, or a place neither.
    """
    example = read_yaml((DOCS / "every_key.yaml").read_text("utf-8"))[0]
    tables = {
        f"keys: {key or 'recipe'}": _table(section.model_fields, _inside(example, key), _parts(key))
        for key, section in sections()
    }
    texts = tables | {f"names: {name}": text for name, text in LISTS.items()}
    pattern = re.compile(r"<!-- ((?:keys|names): \S+) -->\n.*?<!-- end -->", re.DOTALL)
    named = pattern.findall(written)
    if sorted(named) != sorted(texts):
        raise ValueError(f"the manual has places for {sorted(named)}, there are {sorted(texts)}")
    return pattern.sub(lambda found: f"<!-- {found[1]} -->\n{texts[found[1]]}<!-- end -->", written)


def _table(model_fields: dict[str, FieldInfo], examples: dict[str, Any], parts: set[str]) -> str:
    rows = [
        f"| `{name}` | {_cell(_type(field))} | {_default(field)} "
        f"| {'see below' if name in parts else _example(examples.get(name))} "
        f"| {_cell(field.description or '')} |\n"
        for name, field in model_fields.items()
    ]
    return "".join(["| key | type | default | example | meaning |\n|---|---|---|---|---|\n", *rows])


def _inside(example: Any, key: str) -> dict[str, Any]:
    """Section of the example; of a list of sections all keys of its members."""
    for name in key.split(".") if key else ():
        example = example.get(name.removesuffix("[]"), {})
        if name.endswith("[]"):
            example = {each: member[each] for member in reversed(example or []) for each in member}
    return dict(example)


def _parts(key: str) -> set[str]:
    """Keys of a section that have tables of their own."""
    begin = f"{key}." if key else ""
    return {
        name.removeprefix(begin).removesuffix("[]")
        for name, _ in sections()
        if name.startswith(begin) and "." not in name.removeprefix(begin)
    }


def _example(value: Any) -> str:
    return "–" if value in (None, []) else f"`{_cell(flow_yaml(value))}`"


def _type(field: FieldInfo) -> str:
    words = type_words(field.annotation, tuple(field.metadata))
    words = re.sub(r"a section with the keys [\w, ]+", "section", words)
    return words.replace("'", "`")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined:
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple) and value:
        return ", ".join(f"`{each}`" for each in value)
    if isinstance(value, tuple | dict):
        return "empty"
    return f"`{value}`" if isinstance(value, str | int | float) else "its defaults"


def main() -> None:
    """Write both files."""
    (DOCS / "recipe.schema.json").write_text(schema_text(), "utf-8")
    manual = DOCS / "recipe.md"
    manual.write_text(manual_text(manual.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
