"""How much a model loses when one of its columns tells it nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ml_assets.evaluation.evaluate import predict
from ml_assets.evaluation.metrics import metric_named, score

ROWS = 1_000
REPEATS = 3


def permutation_importance(
    model: Any,
    frame: pd.DataFrame,
    y: pd.Series[Any],
    metric: str,
    positive: str | None,
    random_state: int,
    known: pd.DataFrame | None = None,
) -> dict[str, float]:
    """Loss in the metric's own unit when a column's values are those of other rows (Breiman 2001, section 10).

    Parameters
    ----------
    model : Pipeline
        The fitted model.
    frame : DataFrame of shape (n_rows, n_columns)
        Rows the model has not learned; 1,000 of them at most are used.
    y : Series of shape (n_rows,)
        Their true values, none missing.
    metric : str
        Name of the metric.
    positive : str or None
        The positive one of two classes.
    random_state : int
        Seed of sample and permutations.
    known : DataFrame of shape (n_known_rows, n_columns), optional
        Rows whose values take the place of a column's own; default: `frame`. A hold-out of the newest rows
        may hold one value only of a column that the model leans on (the month, an interest rate): among
        themselves they would say that it does not matter.

    Returns
    -------
    dict of str to float
        Mean loss by feature, 0 where a column's permutation did no harm; empty where the metric is undefined.
    """
    rng = np.random.default_rng(random_state)
    taken = rng.permutation(len(frame))[:ROWS]
    rows, truth = frame.iloc[taken].reset_index(drop=True), y.iloc[taken].reset_index(drop=True)
    sign = 1 if metric_named(metric).direction == "maximize" else -1
    base = score(metric, truth, predict(model, rows), positive)
    if not np.isfinite(base):
        return {}
    donors = rows if known is None else known
    orders = [rng.permutation(len(donors)) for _ in range(REPEATS)]
    orders = [np.resize(order, len(rows)) for order in orders]
    stacked = pd.concat([rows] * REPEATS, ignore_index=True)
    losses = {}
    for name in map(str, getattr(model, "feature_names_in_", frame.columns)):
        permuted = pd.concat([donors[name].iloc[order] for order in orders], ignore_index=True)
        predicted = predict(model, stacked.assign(**{name: permuted}))
        scores = [
            score(metric, truth, predicted.iloc[k * len(rows) : (k + 1) * len(rows)], positive)
            for k in range(REPEATS)
        ]
        losses[name] = max(0.0, sign * (base - float(np.mean(scores))))
    return losses
