"""Settings as they count, each with the layer that it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Environment = Literal["local", "dev", "prod"]


class Found(NamedTuple):
    """A value of a file of settings."""

    text: str
    layer: str
    """The file."""
    key: str
    line: int


@dataclass(frozen=True)
class Layers(Mapping[str, str]):
    """Variables of the environment, and beneath them what the files of settings say, by the names of the variables."""

    environment: Environment
    environ: Mapping[str, str]
    files: Mapping[str, Found]
    read: tuple[str, ...]
    """The files, the lowest first."""

    def __getitem__(self, variable: str) -> str:
        """Give the environment's value, where it has one that is not empty; else the file's."""
        if text := self.environ.get(variable):
            return text
        return self.files[variable].text if variable in self.files else self.environ[variable]

    def __iter__(self) -> Iterator[str]:
        """Go through the names of variables."""
        return iter({**self.files, **self.environ})

    def __len__(self) -> int:
        """Count the variables."""
        return len({**self.files, **self.environ})

    def layer(self, variable: str) -> str | None:
        """Say where a value comes from: the variable itself, or a file; None where there is none."""
        if self.environ.get(variable):
            return variable
        return self.files[variable].layer if variable in self.files else None

    def place(self, variable: str) -> str:
        """Name the place where a value stands, for a message: the variable, or file, line and key."""
        if self.layer(variable) in (None, variable):
            return variable
        found = self.files[variable]
        return f"{found.layer}:{found.line} {found.key}"


def named(environ: Mapping[str, str], variable: str) -> str:
    """Name the place of a value, for a message.

    >>> named({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL")
    'LOG_LEVEL'
    """
    return environ.place(variable) if isinstance(environ, Layers) else variable
