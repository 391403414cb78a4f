"""The section `model.threshold`: from which share on a row is taken for the positive class."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Discriminator, Field, Tag

from ml_assets.recipe.schema.section import Section

DECIDED: Final = ("accuracy", "precision", "recall", "f1")
"""Metrics of labels, which a threshold moves."""


class LabelCosts(Section):
    """What a wrong label costs, in any unit."""

    false_positive: float = Field(ge=0)
    """Cost of a row that is taken for the positive class and is not of it."""
    false_negative: float = Field(ge=0)
    """Cost of a row of the positive class that is not found."""


class Threshold(Section):
    """How the share of the positive class from which a row is taken for it is chosen."""

    metric: str = Field(json_schema_extra={"enum": [*DECIDED, "cost"]})
    """`accuracy`, `precision`, `recall`, `f1` or `cost`, which is best there, on rows that no fit had learned."""
    at_least: dict[str, float] = Field(default_factory=dict)
    """What must hold there, as `{precision: 0.85}`."""
    costs: LabelCosts | None = None
    """What a wrong label costs; with `metric: cost`."""


Share = Annotated[float, Field(gt=0, lt=1)]
"""The threshold itself."""

ShareOrChoice = Annotated[
    Annotated[Share, Tag("share")] | Annotated[Threshold, Tag("choice")],
    Discriminator(lambda value: "choice" if isinstance(value, dict | Threshold) else "share"),
]
"""Told apart by what is written, so that a mistake in a section is none in a number."""
