"""What the settings hold that nobody is to see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from pydantic import BaseModel, SecretStr

SHORTEST: Final = 6
"""Characters: a shorter secret is found in any text."""


def secrets_in(settings: Any) -> tuple[str, ...]:
    """
    Give all secrets of the settings, the longest first.

    >>> class Some(BaseModel):
    ...     password: SecretStr = SecretStr("opensesame")
    >>> secrets_in(Some())
    ('opensesame',)
    """
    return tuple(sorted({text for text in _found(settings) if len(text) >= SHORTEST}, key=len, reverse=True))


def _found(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _found(getattr(value, name))
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _found(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _found(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _found(each)
