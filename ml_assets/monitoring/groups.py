"""Groups of protected columns, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ml_assets.evaluation.gaps import Judge
from ml_assets.monitoring.dependence import design_effect, related
from ml_assets.recipe.gaps import MEASURES
from ml_assets.tasks.several import has_labels

if TYPE_CHECKING:
    import pandas as pd

    from ml_assets.evaluation.gaps import Mask
    from ml_assets.recipe.schema import Recipe
    from ml_assets.records import Positive
    from ml_assets.tasks.base import Floats


def judge_of(recipe: Recipe, rows: pd.DataFrame, metric: str, positive: Positive) -> Judge:
    """By what the groups among some rows are judged; rows of one entity count together, as those of a time do.

    Parameters
    ----------
    recipe : Recipe
    rows : DataFrame of shape (n_rows, n_columns)
        With labels, entities and time.
    metric : str
        That decides.
    positive : str, tuple of str or None
    """
    wanted = recipe.evaluation.fairness
    time = recipe.batches.column if recipe.batches is not None else None
    together = related(rows[has_labels(rows[recipe.target])], recipe.entities, time)

    def design(values: Floats, among: Mask) -> float:
        finite = among & np.isfinite(values)
        return 1.0 if together is None else design_effect(values[finite], together.of(finite))

    return Judge(
        task=recipe.task,
        metric=metric,
        positive=positive,
        min_rows=wanted.min_rows,
        measures=tuple(name for name, tasks in MEASURES.items() if recipe.task in tasks),
        limits=wanted.max_gap,
        random_state=recipe.random_state,
        design=design,
    )
