"""The section `model.ensemble`: estimators that answer together with that of `model.class_path`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_serializer, field_validator

from ml_assets.recipe import catalogue
from ml_assets.recipe.schema.section import Section
from ml_assets.recipe.space import as_written
from ml_assets.recipe.space_text import parse_hyperparameters


class Estimated(Section):
    """A section that names an estimator by `class_path`, with `hyperparameters`."""

    @field_validator("class_path", check_fields=False)
    @classmethod
    def _allowed(cls, value: str | None) -> str | None:
        if value is not None:
            catalogue.check_class_path(value)
        return value

    @field_validator("hyperparameters", check_fields=False)
    @classmethod
    def _parsed(cls, value: dict[str, Any]) -> dict[str, Any]:
        return parse_hyperparameters(value)

    @field_serializer("hyperparameters", check_fields=False)
    def _written(self, value: dict[str, Any]) -> dict[str, Any]:
        return {name: as_written(inner) for name, inner in value.items()}


class Member(Estimated):
    """One estimator of an ensemble."""

    class_path: str
    """Estimator, e.g. `xgboost.XGBClassifier`."""
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    """A plain value is fixed; `{type: int, low, high}` and its like are searched, of all estimators together."""
    weight: float = Field(1.0, gt=0)
    """How much it counts, where that of `model.class_path` counts 1 (`averaging`, `voting`)."""


class Ensemble(Section):
    """Estimators that answer together with that of `model.class_path`."""

    method: Literal["averaging", "voting", "stacking", "blending"]
    """The mean of their answers, most of their votes, or a model of what they answer for rows that they have not
    learned: of each of five folds (`stacking`), or of a fifth of the rows (`blending`)."""
    estimators: Annotated[tuple[Member, ...], Field(strict=False, min_length=1)]
    """The others."""
