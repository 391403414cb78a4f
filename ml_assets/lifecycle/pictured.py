"""What a step hands on to be looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.recipe import Recipe
    from ml_assets.records import Evaluation


@dataclass(frozen=True, kw_only=True)
class Pictured:
    """Result of a step: whatever pictures it has, its asset shows."""

    pictures: dict[str, bytes] = field(default_factory=dict)
    """PNG images by name, of at most 30 KB each, in the order in which they are shown."""


def evaluation_pictures(
    recipe: Recipe, evaluation: Evaluation, y: Any, predicted: pd.DataFrame
) -> dict[str, bytes]:
    """Draw what the recipe's task shows of an evaluation, and its curves."""
    from ml_assets.evaluation.pictures import pictures
    from ml_assets.reports.explained import summary_picture
    from ml_assets.reports.svg import panels
    from ml_assets.tasks.all import task_of

    curves = {"curves": panels(evaluation.curves)} if evaluation.curves else {}
    if evaluation.swarms:
        curves["contributions"] = summary_picture(evaluation.swarms, evaluation.swarms_of)
    return pictures(task_of(recipe).picture, y, predicted) | curves
