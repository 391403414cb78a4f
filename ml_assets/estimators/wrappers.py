"""Estimators round an estimator that does not take what a recipe gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data


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
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,).

        Raises
        ------
        ValueError
            If there is no row, a label is no class (a fraction, infinite, missing), or there is one class only.
        """
        X = self._checked(X, reset=True)
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        if len(self.classes_) < 2:
            raise ValueError(f"The labels have one class only ({self.classes_[0]!r}): two are needed.")
        weights = {}
        if sample_weight is not None:
            weights["sample_weight"] = _check_sample_weight(sample_weight, X)
        self.estimator_ = clone(self.estimator).fit(X, encoder.transform(y), **weights)
        return self

    def predict(self, X: Any) -> Any:
        """Predict labels, of shape (n_rows,)."""
        check_is_fitted(self)
        return self.classes_[np.asarray(self.estimator_.predict(self._checked(X))).astype(int)]

    def predict_proba(self, X: Any) -> Any:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(self._checked(X))

    def _checked(self, X: Any, *, reset: bool = False) -> Any:
        """Hold X against what was fitted; a frame stays one, for its categories, anything else becomes an array."""
        if isinstance(X, pd.DataFrame):
            if X.empty:
                raise ValueError(
                    f"Found array with {len(X)} sample(s) (shape={X.shape}) while a minimum of 1 is required."
                )
            if not reset and not hasattr(self, "feature_names_in_"):
                return X  # fitted on an array, or by a version that kept no names
            return validate_data(self, X, reset=reset, skip_check_array=True)
        tags = get_tags(self.estimator).input_tags
        finite = "allow-nan" if tags.allow_nan else True
        return validate_data(self, X, reset=reset, accept_sparse=tags.sparse, ensure_all_finite=finite)

    def __sklearn_tags__(self) -> Any:
        """What it takes: what the estimator in it takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags

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
