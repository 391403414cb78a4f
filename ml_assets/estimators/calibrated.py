"""A classifier whose shares are brought to how often they come true, by maps that were learned before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from ml_assets.estimators.checked import checked
from ml_assets.tasks.calibrated import mapped


class CalibratedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier with calibrated shares; the maps are no part of what is fitted, as a threshold is none.

    Parameters
    ----------
    estimator : classifier
        With `predict_proba`; kept unfitted.
    maps : mapping of str to mapping
        By the name of a class, as in `records.ShareMap`: of two classes for one of them. A class without one, of more
        than two, keeps its share.

    Attributes
    ----------
    estimator_ : classifier
        Fitted.
    classes_ : ndarray of shape (n_classes,)
    """

    def __init__(self, estimator: Any, maps: Mapping[str, Mapping[str, Any]]) -> None:
        self.estimator = estimator
        self.maps = maps

    def fit(self, X: Any, y: Any) -> CalibratedClassifier:
        """Fit the classifier on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        X = checked(self, X, reset=True)
        self.estimator_ = clone(self.estimator).fit(X, y)
        self.classes_ = np.asarray(self.estimator_.classes_)
        return self

    def predict_proba(self, X: Any) -> Any:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        shares = np.asarray(self.estimator_.predict_proba(checked(self, X)), dtype=np.float64)
        return mapped(shares, [self.maps.get(str(name)) for name in self.classes_])

    def predict(self, X: Any) -> Any:
        """Predict labels, of shape (n_rows,): the class of the largest share."""
        shares = self.predict_proba(X)
        return self.classes_[shares.argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        """What it takes: what the estimator in it takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags
