"""What all records share: frozen, named, and JSON there and back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from ml_assets.shown import on_one_line

Direction = Literal["maximize", "minimize"]
Kind = Literal["number", "text", "time", "empty", "other"]
Positive = str | tuple[str | None, ...] | None
"""Positive class of two, None where there is none; of several targets one for each, in their order."""


class Record(BaseModel):
    """A frozen result."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Finding(Record):
    """One thing wrong with a recipe or its data."""

    rule: str
    message: Annotated[str, AfterValidator(on_one_line)]
    """One line, whatever the cells hold that it names."""
    column: str | None = None
    key: str | None = None
    """The recipe's key that is wrong, where the data is not."""


class Schema(Record):
    """What kind of values each column held in an earlier batch; columns that are never used are left out."""

    columns: dict[str, Kind]
    classes: dict[str, tuple[str, ...]] = {}
    """Class labels of each target as they were spelled first."""
    truths: tuple[str, ...] = ()
    """Columns of text that hold yes and no alone, in whatever way these are written later."""


class Score(Record):
    """A metric with its 95 % interval."""

    value: float
    low: float
    high: float
