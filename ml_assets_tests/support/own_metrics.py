"""Metrics as a person writes them: some as they should be, some not."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score, root_mean_squared_error


def profit(y_true: Any, y_pred: Any) -> float:
    """What an offer earns on average: 10 from who buys, a cost of 6 each; nothing from who gets none."""
    return float(np.where(y_pred == "1", 10.0 * (y_true == "1") - 6.0, 0.0).mean())


def weighted_profit(y_true: Any, y_pred: Any, sample_weight: Any) -> float:
    """The same, by how often each row counts."""
    earned = np.where(y_pred == "1", 10.0 * (y_true == "1") - 6.0, 0.0)
    return float(np.average(earned, weights=sample_weight))


def total(y_true: Any, y_pred: Any) -> float:
    """A sum, which is no score."""
    return float(np.sum(y_true == y_pred))


def rmse(y_true: Any, y_pred: Any) -> float:
    """One that is built in, too."""
    return float(root_mean_squared_error(y_true, y_pred))


def area(y_true: Any, y_pred: Any, y_prob: Any) -> float:
    """One that is built in, too, from probabilities."""
    return float(roc_auc_score(y_true == "yes", y_prob))


def broken(y_true: Any, y_pred: Any) -> float:
    """One that fails."""
    raise KeyError("price")


def unlike(prices: Any) -> float:
    """One that cannot be called with two arrays."""
    return float(len(prices))
