"""A regressor whose target is brought to mean 0 and deviation 1: networks learn nothing of numbers in thousands."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data


class ScaledTargetRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Fit on the target less its mean, over its standard deviation.

    Parameters
    ----------
    estimator : regressor
        Kept unfitted.

    Attributes
    ----------
    estimator_ : regressor
        Fitted.
    mean_, scale_ : float
        Of the target.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> ScaledTargetRegressor:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        X, y = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        self.mean_ = float(np.mean(y))
        self.scale_ = float(np.std(y)) or 1.0
        self.estimator_ = clone(self.estimator).fit(X, (y - self.mean_) / self.scale_)
        return self

    def predict(self, X: Any) -> Any:
        """Predict numbers, of shape (n_rows,)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return np.asarray(self.estimator_.predict(X)).ravel() * self.scale_ + self.mean_

    def __sklearn_tags__(self) -> Any:
        """What it takes: what the estimator in it takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = get_tags(self.estimator).input_tags.allow_nan
        return tags
