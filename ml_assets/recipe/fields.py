"""The sections and fields of the recipe in words: for error messages, and for the manual."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ml_assets.recipe.faults import Key
from ml_assets.recipe.schema import Recipe, Section

WORDS: dict[object, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Any: "any value",
}
BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}"}


def type_words(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:
    """
    Say in words what a field may hold.

    >>> type_words(int | Literal["all"])
    "whole number or 'all'"
    >>> type_words(tuple[str, ...])
    'list of text'
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_words(arguments[0], tuple(_metadata(arguments[1:])))
    if origin is Literal:
        return ", ".join(repr(choice) for choice in arguments)
    if origin in (Union, UnionType):
        return " or ".join(type_words(inner, metadata) for inner in arguments if inner is not NoneType)
    if origin is tuple:
        members = type_words(arguments[0])
        few = any(getattr(item, "min_length", 0) == 1 for item in metadata)
        return f"list, not empty, of {members}" if few else f"list of {members}"
    if origin is dict:
        return f"mapping of names to {type_words(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a section with the keys {', '.join(annotation.model_fields)}"
    bounds = [
        text.format(getattr(item, name))
        for item in metadata
        for name, text in BOUNDS.items()
        if hasattr(item, name)
    ]
    return " ".join([WORDS[annotation], " and ".join(bounds)]).strip()


def sections(section: type[Section] = Recipe, key: str = "") -> Iterator[tuple[str, type[Section]]]:
    """Every section by its dotted key, the recipe itself first (`""`); sections in lists as `key[]`."""
    yield key, section
    for name, field in section.model_fields.items():
        for inner, in_list in _inner_sections(field.annotation):
            path = f"{key}.{name}".removeprefix(".")
            yield from sections(inner, f"{path}[]" if in_list else path)


def field_at(key: Key) -> FieldInfo | None:
    """The field of the recipe at `key`; None where `key` is no field (inside a list, or unknown)."""
    section: type[Section] | None = Recipe
    field: FieldInfo | None = None
    for part in key:
        if section is None or not isinstance(part, str) or part not in section.model_fields:
            return None
        field = section.model_fields[part]
        section = next((inner for inner, _ in _inner_sections(field.annotation)), None)
    return field


def allowed_at(key: Key) -> str:
    """What may stand at `key`, in words."""
    steps = list(key)
    annotation: Any = Recipe
    metadata: tuple[Any, ...] = ()
    while steps:
        part = steps.pop(0)
        inner = [section for section, _ in _inner_sections(annotation)]
        if isinstance(part, str) and inner and part in inner[0].model_fields:
            field = inner[0].model_fields[part]
            annotation, metadata = field.annotation, tuple(_metadata(field.metadata))
        else:
            annotation, metadata = _item(annotation), ()
    return type_words(annotation, metadata)


def keys_at(key: Key) -> tuple[str, ...]:
    """Names of the keys that the section at `key` may have."""
    annotation: Any = Recipe
    for part in key:
        inner = [section for section, _ in _inner_sections(annotation)]
        annotation = inner[0].model_fields[part].annotation if isinstance(part, str) else _item(annotation)
    return tuple(next(iter(_inner_sections(annotation)))[0].model_fields)


def _inner_sections(annotation: Any) -> Iterator[tuple[type[Section], bool]]:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        if issubclass(annotation, Section):
            yield annotation, False
        return
    in_list = get_origin(annotation) is tuple
    for argument in get_args(annotation):
        yield from ((inner, deep or in_list) for inner, deep in _inner_sections(argument))


def _item(annotation: Any) -> Any:
    """Type of what a list or a mapping holds."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        return arguments[0]
    if origin is dict:
        return arguments[1]
    for argument in arguments:
        item = _item(argument)
        if item is not None:
            return item
    return None


def _metadata(items: Any) -> Iterator[Any]:
    for item in items:
        yield from (item.metadata if isinstance(item, FieldInfo) else [item])
