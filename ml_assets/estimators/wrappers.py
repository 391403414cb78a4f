"""Estimators round an estimator that does not take what a recipe gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.metaestimators import available_if
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


class NamedCategories(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator that wants the names of the columns that are categories, and answers in one column (CatBoost).

    Parameters
    ----------
    estimator : estimator
        With a parameter `cat_features`; kept unfitted.

    Attributes
    ----------
    estimator_ : estimator
        Fitted.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> NamedCategories:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        kinds = X.dtypes.items() if hasattr(X, "columns") else ()
        named = [column for column, kind in kinds if kind == "category"]
        self.estimator_ = clone(self.estimator).set_params(cat_features=named).fit(X, y)
        self.n_features_in_ = np.shape(X)[1]
        return self

    def predict(self, X: Any) -> Any:
        """Predict labels or numbers, of shape (n_rows,)."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict(X)).reshape(len(X))

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))  # type: ignore[untyped-decorator]  # likewise
    def predict_proba(self, X: Any) -> Any:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @property
    def classes_(self) -> Any:
        """Classes of the fitted estimator."""
        check_is_fitted(self)
        return self.estimator_.classes_

    @property
    def feature_importances_(self) -> Any:
        """Importances of the fitted estimator, of shape (n_features,)."""
        check_is_fitted(self)
        return self.estimator_.feature_importances_

    def __sklearn_tags__(self) -> Any:
        """Kind of estimator, as scikit-learn asks for it."""
        return self.estimator.__sklearn_tags__()


WRAPPERS: Mapping[str, Callable[[Any], Any]] = {
    "none": lambda estimator: estimator,
    "labels_as_codes": lambda estimator: (
        LabelEncodedClassifier(estimator) if is_classifier(estimator) else estimator
    ),
    "categories_by_name": NamedCategories,
}
"""From an estimator of a library to what a recipe's rows can be given to."""
