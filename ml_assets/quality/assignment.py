"""Whether chance dealt out a treatment: what the columns tell of it is no effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ml_assets.tasks.classification import placements

FEWEST = 200
MOST = 5_000
"""Rows that are looked at."""
TELLING = 0.55
"""Area under the curve from which on it matters."""
ERRORS = 3.0
"""Standard errors that it must be surely above one half by."""


def told_by_columns(
    rows: pd.DataFrame, features: Sequence[str], treatment: str, random_state: int
) -> float | None:
    """How well the columns tell who was treated, as an area under the curve; None where they surely do not.

    Of trees on rows that they had not learned, which say the propensity (Rosenbaum and Rubin 1983).

    Parameters
    ----------
    rows : DataFrame of shape (n_rows, n_columns)
        Clean rows.
    features : sequence of str
    treatment : str
        Column of 0 and 1.
    random_state : int
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    known = rows[rows[treatment].notna()]
    if len(known) > MOST:
        known = known.sample(MOST, random_state=random_state)
    treated = known[treatment].to_numpy(float) > 0
    if len(known) < FEWEST or min(treated.sum(), (~treated).sum()) < FEWEST / 10 or not features:
        return None
    X = np.column_stack([_numbers(known[name]) for name in features])
    trees = HistGradientBoostingClassifier(
        max_iter=50, max_leaf_nodes=8, min_samples_leaf=20, early_stopping=False, random_state=random_state
    )
    folds = StratifiedKFold(3, shuffle=True, random_state=random_state)
    scores = cross_val_predict(trees, X, treated, cv=folds, method="predict_proba")[:, 1]
    area = _area(scores, treated)
    error = float(placements(scores, treated).std() / np.sqrt(len(scores)))
    return area if area >= TELLING and area - ERRORS * error > 0.5 else None


def _numbers(column: pd.Series[Any]) -> Any:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(float)
    codes = column.astype(str).rank(method="dense").to_numpy(float)
    return np.where(column.isna(), np.nan, codes)


def _area(scores: Any, positive: Any) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores))
