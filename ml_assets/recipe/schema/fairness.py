"""The section `evaluation.fairness`: how the groups of protected columns are judged."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ml_assets.recipe.schema.section import Section


class Fairness(Section):
    """How the gaps between the groups of protected columns are judged."""

    groups: dict[
        str,
        Annotated[int, Field(ge=2, le=20)] | Annotated[tuple[float, ...], Field(strict=False, min_length=1)],
    ] = Field(default_factory=dict)
    """Groups of a protected number: the numbers at which the next group begins, as `{age: [25, 60]}`, or how many
    groups of equal size. Default: four, where it has more than ten values."""
    max_gap: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Largest gap per measure; one that is surely larger keeps a first model out, and on live rows is an alarm."""
    tolerance: float = Field(0.02, ge=0.0)
    """A challenger that surely widens a gap of the champion by more is not promoted."""
    min_rows: int = Field(50, ge=10)
    """Fewest rows of a group of which a figure is judged."""
