"""Estimators round an estimator that does not take what a recipe gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.validation import check_is_fitted


class LabelEncodedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier that wants labels 0 … k-1 (XGBoost), for labels of any kind.

    Parameters
    ----------
    estimator : classifier
        Fitted on the codes of the labels; kept unfitted.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    estimator_ : classifier
        Fitted.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LabelEncodedClassifier:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator_ = clone(self.estimator).fit(X, encoder.transform(y), **weights)
        self.n_features_in_ = np.shape(X)[1]
        return self

    def predict(self, X: Any) -> Any:
        """Predict labels, of shape (n_rows,)."""
        check_is_fitted(self)
        return self.classes_[np.asarray(self.estimator_.predict(X)).astype(int)]

    def predict_proba(self, X: Any) -> Any:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @property
    def feature_importances_(self) -> Any:
        """Importances of the fitted estimator, of shape (n_features,)."""
        check_is_fitted(self)
        return self.estimator_.feature_importances_
