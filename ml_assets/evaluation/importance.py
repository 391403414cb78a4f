"""How much a model loses when one of its columns tells it nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.estimators.used import used_columns
from ml_assets.evaluation.evaluate import predict, predictions_frame, recommender
from ml_assets.features.preprocessing import output_columns
from ml_assets.records import Positive
from ml_assets.tasks.metrics import metric_named, score

ROWS = 1_000
REPEATS = 3
ROWS_AT_ONCE = 20_000
CELLS_AT_ONCE = 4_000_000


def permutation_importance(
    model: Any,
    frame: pd.DataFrame,
    y: Any,
    metric: str,
    positive: Positive,
    random_state: int,
    known: pd.DataFrame | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Loss in the metric's own unit when a column's values are those of other rows (Breiman 2001, section 10).

    Parameters
    ----------
    model : Pipeline
        The fitted model.
    frame : DataFrame of shape (n_rows, n_columns)
        Rows the model has not learned; 1,000 of them at most are used.
    y : Series of shape (n_rows,) or DataFrame of shape (n_rows, n_targets)
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
    progress : callable, optional
        Called now and then with: columns done, columns.

    Returns
    -------
    dict of str to float
        Mean loss by feature, 0 where a column's permutation did no harm; empty where the metric is undefined, and of a
        recommendation.
    """
    if recommender(model) is not None:  # its one column says who is asked for
        return {}
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
    names = [str(name) for name in getattr(model, "feature_names_in_", frame.columns)]
    prepare, estimator, places = _parts(model, names)
    # Prepared once, not once for each column: what a column becomes depends on that column alone.
    own = prepare(pd.concat([rows[names]] * REPEATS, ignore_index=True))
    others = prepare(donors[names].iloc[np.concatenate(orders)].reset_index(drop=True))
    index = pd.RangeIndex(len(rows) * REPEATS)

    def loss(predicted: pd.DataFrame) -> float:
        parts = (predicted.iloc[k * len(rows) : (k + 1) * len(rows)] for k in range(REPEATS))
        scores = [score(metric, truth, part, positive) for part in parts]
        return max(0.0, sign * (base - float(np.mean(scores))))

    untouched = predictions_frame(estimator, own, index, positive)
    nothing = loss(untouched)
    used = used_columns(estimator)
    losses = {name: nothing for name in names if used is not None and used.isdisjoint(places[name])}
    asked = [name for name in names if name not in losses]
    # Many estimators take as long for a few rows as for thousands.
    together = max(1, min(ROWS_AT_ONCE // len(index), CELLS_AT_ONCE // max(1, own.size)))
    for first in range(0, len(asked), together):
        part = asked[first : first + together]
        features = _replaced(own, others, [places[name] for name in part])
        everywhere = predictions_frame(estimator, features, pd.RangeIndex(len(features)), positive)
        unmoved = np.all(
            [
                (everywhere[output].to_numpy().reshape(len(part), -1) == untouched[output].to_numpy()).all(
                    axis=1
                )
                for output in untouched.columns
            ],
            axis=0,
        )
        for k, name in enumerate(part):
            predicted = everywhere.iloc[k * len(index) : (k + 1) * len(index)]
            losses[name] = nothing if unmoved[k] else loss(predicted.set_axis(index))
        if progress is not None:
            progress(len(losses), len(names))
    return {name: losses[name] for name in names}


def _parts(model: Any, names: list[str]) -> tuple[Callable[[pd.DataFrame], Any], Any, dict[str, list[int]]]:
    """What prepares rows, what predicts from that, and which of its columns each feature becomes."""
    transformer = getattr(model, "named_steps", {}).get("preprocessing")
    places = output_columns(transformer) if transformer is not None else None
    if transformer is None or places is None:
        return pd.DataFrame.copy, model, {name: [k] for k, name in enumerate(names)}
    return transformer.transform, model[1:], places


def _replaced(own: Any, others: Any, places: list[list[int]]) -> Any:
    """One's own rows once for each feature, one below the other, with the columns of others in its places."""
    if isinstance(own, pd.DataFrame):
        changed = [own.assign(**{own.columns[k]: others.iloc[:, k] for k in each}) for each in places]
        return pd.concat(changed, ignore_index=True)
    features = np.tile(own, (len(places), 1))
    for k, each in enumerate(places):
        features[k * len(own) : (k + 1) * len(own), each] = others[:, each]
    return features
