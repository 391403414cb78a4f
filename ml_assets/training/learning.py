"""The learning curve: how a model's score on the hold-out grows with the rows that it learns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml_assets.evaluation.evaluate import predict
from ml_assets.recipe.schema import Recipe
from ml_assets.records import Curve, Evaluation, Score, TrainingResult
from ml_assets.tasks.intervals import intervals
from ml_assets.tasks.metrics import labelled
from ml_assets.training.fit import refit
from ml_assets.training.splits import labelled_rows

PARTS = (1 / 8, 1 / 4, 1 / 2)
"""Parts of the training rows that are learned again; together they take less than one fit of all."""
FEWEST = 20
"""Rows of a part below which it is left out."""


def learning_curve(
    training_rows: pd.DataFrame,
    test_rows: pd.DataFrame,
    recipe: Recipe,
    training: TrainingResult,
    evaluation: Evaluation,
) -> Curve | None:
    """Fit the model's parameters on an eighth, a quarter and half of its rows, and score each on the hold-out.

    Parameters
    ----------
    training_rows, test_rows : DataFrame of shape (n_rows, n_columns)
    recipe : Recipe
    training : TrainingResult
        Features, parameters and threshold, which stay as they are.
    evaluation : Evaluation
        Whose score is that of all rows.

    Returns
    -------
    Curve or None
        With 95 % intervals of the hold-out; None where the metric is undefined, or no part has enough rows.
    """
    rows, metric = labelled_rows(training_rows, recipe), evaluation.metric
    if metric not in evaluation.scores:
        return None
    order = np.random.default_rng(recipe.random_state).permutation(len(rows))
    points: dict[int, Score] = {}
    for part in PARTS:
        count = round(part * len(rows))
        if count < FEWEST:
            continue
        try:
            model = refit(rows.iloc[np.sort(order[:count])], recipe, training)
        except ValueError:  # of one class only, or too few for the parameters
            continue
        said = labelled(test_rows[recipe.target], predict(model, test_rows), recipe.task, training.positive)
        found = intervals(said, [metric], recipe.random_state)
        if metric in found:
            points[count] = found[metric]
    if not points:
        return None
    points[len(rows)] = evaluation.scores[metric]
    return Curve(
        name="learning_curve",
        title="Learning curve",
        x_label="rows learned",
        y_label=f"{metric} on the hold-out",
        x=tuple(map(float, points)),
        y=tuple(score.value for score in points.values()),
        low=tuple(score.low for score in points.values()),
        high=tuple(score.high for score in points.values()),
    )
