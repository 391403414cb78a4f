"""How a model's predictions move from batch to batch while nothing changes: learned when it is trained.

The fitted model has learned its training rows, and looks better on them than it is. So the parameters are fitted
twice more, on every other stretch of batches, and each predicts the stretches that it has not seen (cross-fitting,
Chernozhukov et al. 2018, The Econometrics Journal 21).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.evaluation.evaluate import predict
from ml_assets.monitoring.column_tests import effects
from ml_assets.monitoring.verdict import FEWEST_BATCHES, outputs, pair_of
from ml_assets.names import BATCH, ROW_ID
from ml_assets.recipe.schema import Recipe
from ml_assets.records import Profile
from ml_assets.training.splits import labelled_rows

Fit = Callable[[pd.DataFrame], Any]
"""From rows to a model with the parameters of the champion; ValueError where it cannot be."""
FIT_ROWS = 10_000
"""Rows that are predicted; more cost time and tell little."""
FEWEST_ROWS = 30
"""Rows of a stretch: the effects of fewer tell nothing."""


def stretches(sizes: Mapping[str, int], min_rows: int) -> list[list[str]]:
    """Part batches, in their order, into stretches as they will be judged: of `min_rows` rows, where 8 have so many.

    Parameters
    ----------
    sizes : mapping of str to int
        Rows of each batch.
    min_rows : int
        Rows that a report has at least.

    >>> stretches({"a": 400, "b": 300}, 300)
    [['a'], ['b']]
    >>> len(stretches({f"{k:02}": 100 for k in range(30)}, 300)), len(stretches(dict.fromkeys("abcdefgh", 100), 300))
    (10, 8)
    """
    labels = sorted(sizes)
    if not labels:
        return []
    usual = max(float(np.median(list(sizes.values()))), 1.0)
    each = min(int(np.ceil(min_rows / usual)), max(1, len(labels) // FEWEST_BATCHES))
    first = len(labels) % each
    parts = [labels[k : k + each] for k in range(first, len(labels), each)]
    return [part for part in parts if sum(sizes[label] for label in part) >= min(FEWEST_ROWS, min_rows)]


def with_predictions(
    profile: Profile, fit: Fit, train: pd.DataFrame, test: pd.DataFrame, recipe: Recipe
) -> Profile:
    """Add the usual movement of the predictions to what is known of a version."""
    return profile.model_copy(update={"usual": profile.usual | usual_predictions(fit, train, test, recipe)})


def usual_predictions(
    fit: Fit, train: pd.DataFrame, test: pd.DataFrame, recipe: Recipe
) -> dict[str, dict[str, tuple[float, ...]]]:
    """Effects of stretches of batches on the predictions, each against the rows of the hold-out.

    Parameters
    ----------
    fit : callable
    train, test : DataFrame of shape (n_rows, n_columns)
        Training set and hold-out, with `batch__`.
    recipe : Recipe

    Returns
    -------
    dict
        By output and effect, oldest stretch first; empty where there are no batches, or where a half cannot be fitted.
    """
    if recipe.batches is None or BATCH not in train.columns:
        return {}
    whole = labelled_rows(pd.concat([train, test], ignore_index=True), recipe)
    if len(whole) > FIT_ROWS:
        whole = whole.sample(FIT_ROWS, random_state=recipe.random_state).sort_index()
    sizes = {str(label): int(rows) for label, rows in whole[BATCH].value_counts().items()}
    parts = stretches(sizes, recipe.monitoring.min_rows)
    places = whole[BATCH].map({label: place for place, part in enumerate(parts) for label in part})
    whole, number = whole[places.notna()], places[places.notna()].to_numpy(dtype=int)
    if len(parts) < 2:
        return {}
    try:
        halves = [predict(fit(whole[number % 2 != k]), whole[number % 2 == k]) for k in (0, 1)]
    except ValueError:
        return {}
    predicted = pd.concat(halves).reindex(whole.index)
    held_out = whole[ROW_ID].isin(test[ROW_ID]).to_numpy()
    found: dict[str, dict[str, list[float]]] = {}
    for place in range(len(parts)):
        now, known = number == place, held_out & (number != place)
        if not known.any():
            continue
        for name in outputs(predicted):
            values = predicted[name]
            numeric = pd.api.types.is_numeric_dtype(values.dtype)
            pair = pair_of(values[known], values[now], int(now.sum()), numeric)
            for effect, value in effects(pair).items():
                found.setdefault(name, {}).setdefault(effect, []).append(round(abs(value), 5))
    return {name: {each: tuple(values) for each, values in by.items()} for name, by in found.items()}
