"""`features.yaml`: tables of features that are there already, declared in a few lines; a repository is made of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ml_assets.recipe.durations import duration
from ml_assets.recipe.faults import dotted
from ml_assets.recipe.yaml_text import YamlFault, read_yaml
from ml_assets.sources.paths import SourceError

if TYPE_CHECKING:
    from ml_assets.recipe.faults import Key

FILE: Final = "features.yaml"
NAME: Final = r"^[A-Za-z][A-Za-z0-9_]*$"
TABLE: Final = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Declared(_Section):
    """One namespace: a table with a row for each state of an entity."""

    keys: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    """Columns that name the entity."""
    timestamp: str = "event_timestamp"
    """Column with the time from which on the values hold."""
    created: str | None = None
    """Column with the time when the row was written. Left out: a value that was written late cannot be told."""
    max_age: str | None = None
    """How long a value holds, as 90d. Left out: for ever."""
    file: str | None = None
    """Parquet file, or a folder of them. Default: `NAMESPACE.parquet`, beside features.yaml."""
    table: str | None = Field(None, pattern=TABLE)
    """Table of the environment's database, perhaps with its schema. Default: the namespace's name."""

    @field_validator("max_age")
    @classmethod
    def _is_duration(cls, value: str | None) -> str | None:
        if value is not None:
            duration(value)
        return value

    @property
    def ttl(self) -> timedelta:
        """How long a value holds; zero: for ever."""
        return duration(self.max_age) if self.max_age is not None else timedelta(0)


class Declaration(_Section):
    """All of `features.yaml`."""

    project: str = Field("features", pattern=NAME)
    """Name under which values are kept online: two installations with one Redis need two."""
    namespaces: dict[Annotated[str, Field(pattern=NAME)], Declared] = Field(min_length=1)
    """Namespaces by name."""


def declaration(place: Path) -> Declaration:
    """Read `features.yaml`.

    Raises
    ------
    SourceError
        It is none; the message names line and key.
    """
    try:
        data, lines = read_yaml(place.read_text("utf-8"))
    except OSError as error:
        raise SourceError(f"{place}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SourceError(f"{place}: is no UTF-8 text: save it as UTF-8") from None
    except YamlFault as fault:
        raise SourceError(f"{place}:{fault.line} {fault.message}") from None
    try:
        return Declaration.model_validate(data)
    except ValidationError as error:
        raise SourceError(_told(place, dict(error.errors()[0]), lines)) from None


def _told(place: Path, detail: dict[str, Any], lines: dict[Key, int]) -> str:
    """Say what is wrong with the first wrong key."""
    key: Key = tuple(part for part in detail["loc"] if part != "[key]")
    known = key
    while known not in lines:
        known = known[:-1]
    where = f"{place}:{lines[known]} {dotted(key)}".rstrip()
    if detail["type"] == "extra_forbidden":
        allowed = Declaration.model_fields if len(key) == 1 else Declared.model_fields
        return f"{where}: unknown key {key[-1]!r}; allowed: {', '.join(allowed)}"
    if detail["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: {detail['msg'].removeprefix('Value error, ')}, found {str(detail['input'])[:60]!r}"
