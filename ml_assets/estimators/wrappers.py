"""Estimators round an estimator that does not take what a recipe gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import KBinsDiscretizer, LabelEncoder, MinMaxScaler
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d, get_tags
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ml_assets.estimators.checked import checked
from ml_assets.estimators.effects import OfCausalML, OfEconML


class LabelEncodedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier that wants labels 0 … k-1 (XGBoost), or weights of such labels, for labels of any kind.

    Parameters
    ----------
    estimator : classifier
        Fitted on the codes of the labels; kept unfitted.
    class_weight : "balanced" or mapping of label to weight, optional
        How much the rows of a class count, as scikit-learn's classifiers have it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    estimator_ : classifier
        Fitted.
    """

    class_weight: Any = None  # models of earlier versions have none of their own

    def __init__(self, estimator: Any, class_weight: Any = None) -> None:
        self.estimator = estimator
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LabelEncodedClassifier:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,).

        Raises
        ------
        ValueError
            If there is no row, a label is no class (a fraction, infinite, missing), or there is one class only.
        """
        X = checked(self, X, reset=True)
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        if len(self.classes_) < 2:
            raise ValueError(f"The labels have one class only ({self.classes_[0]!r}): two are needed.")
        codes, estimator, weights = encoder.transform(y), clone(self.estimator), {}
        if sample_weight is not None:
            weights["sample_weight"] = _check_sample_weight(sample_weight, X)
        if self.class_weight is not None:
            by_code = self._weights()
            if "class_weight" in estimator.get_params(deep=False):
                estimator.set_params(class_weight=by_code)
            else:
                each = compute_sample_weight(by_code, codes)
                weights["sample_weight"] = weights.get("sample_weight", 1.0) * each
        self.estimator_ = estimator.fit(X, codes, **weights)
        return self

    def _weights(self) -> Any:
        """Weights of classes, by code."""
        if not isinstance(self.class_weight, Mapping):
            return self.class_weight
        codes = {str(name): code for code, name in enumerate(self.classes_)}
        unknown = [name for name in self.class_weight if str(name) not in codes]
        if unknown:
            raise ValueError(f"class_weight: {unknown[0]!r} is no label (found {', '.join(codes)}).")
        return {codes[str(name)]: weight for name, weight in self.class_weight.items()}

    def predict(self, X: Any) -> Any:
        """Predict labels, of shape (n_rows,)."""
        check_is_fitted(self)
        return self.classes_[np.asarray(self.estimator_.predict(checked(self, X))).astype(int)]

    def predict_proba(self, X: Any) -> Any:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(checked(self, X))

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
    class_weights : mapping of label to weight, optional
        As CatBoost has it, which cannot be cloned with a mapping.

    Attributes
    ----------
    estimator_ : estimator
        Fitted.
    """

    class_weights: Any = None  # likewise

    def __init__(self, estimator: Any, class_weights: Any = None) -> None:
        self.estimator = estimator
        self.class_weights = class_weights

    def fit(self, X: Any, y: Any) -> NamedCategories:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        X = checked(self, X, reset=True)
        kinds = X.dtypes.items() if hasattr(X, "columns") else ()
        named = [column for column, kind in kinds if kind == "category"]
        estimator = clone(self.estimator).set_params(cat_features=named)
        if self.class_weights is not None:
            estimator.set_params(class_weights=self.class_weights)
        self.estimator_ = estimator.fit(X, y)
        return self

    def predict(self, X: Any) -> Any:
        """Predict labels or numbers, of shape (n_rows,)."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict(checked(self, X))).ravel()

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))  # type: ignore[untyped-decorator]  # likewise
    def predict_proba(self, X: Any) -> Any:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(checked(self, X))

    @property
    def classes_(self) -> Any:
        """Classes of the fitted classifier."""
        check_is_fitted(self)
        if not hasattr(
            self.estimator, "predict_proba"
        ):  # CatBoost has none there, or an empty one by its loss
            raise AttributeError("a regressor has no classes_")
        return self.estimator_.classes_

    @property
    def feature_importances_(self) -> Any:
        """Importances of the fitted estimator, of shape (n_features,)."""
        check_is_fitted(self)
        return self.estimator_.feature_importances_

    def __sklearn_tags__(self) -> Any:
        """Kind of estimator, as scikit-learn asks for it."""
        return self.estimator.__sklearn_tags__()


class MeanWhereNone(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A regressor that has no answer for some rows (no neighbour in the radius): these get the mean of the training.

    Parameters
    ----------
    estimator : regressor
        Kept unfitted.

    Attributes
    ----------
    estimator_ : regressor
        Fitted.
    mean_ : float or ndarray of shape (n_targets,)
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> MeanWhereNone:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,) or (n_rows, n_targets)."""
        X = checked(self, X, reset=True)
        self.estimator_ = clone(self.estimator).fit(X, y)
        self.mean_ = np.mean(np.asarray(y, dtype=np.float64), axis=0)
        return self

    def predict(self, X: Any) -> Any:
        """Predict numbers, of the shape of y."""
        check_is_fitted(self)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="One or more samples have no neighbors")
            found = self.estimator_.predict(checked(self, X))
        return np.where(np.isnan(found), self.mean_, found)

    def __sklearn_tags__(self) -> Any:
        """Kind of estimator, as scikit-learn asks for it."""
        return self.estimator.__sklearn_tags__()


STEPS = 5


def labels_as_codes(estimator: Any, **parameters: Any) -> Any:
    """Put labels round a classifier that wants codes; a regressor is left as it is."""
    return LabelEncodedClassifier(estimator, **parameters) if is_classifier(estimator) else estimator


def from_zero(estimator: Any) -> Any:
    """Bring each column to 0 … 1, for an estimator that takes columns as counts."""
    return Pipeline([("from_zero", MinMaxScaler(clip=True)), ("estimator", estimator)])


def in_steps(estimator: Any) -> Any:
    """Bring each column to one of five equal steps, for an estimator that takes columns as categories."""
    steps = KBinsDiscretizer(STEPS, encode="ordinal", strategy="uniform", subsample=None)
    if estimator.min_categories is None:
        estimator.set_params(min_categories=STEPS)  # a step that no training row is in
    return Pipeline([("cut", steps), ("estimator", estimator)])


WRAPPERS: Mapping[str, Callable[..., Any]] = {
    "none": lambda estimator: estimator,
    "labels_as_codes": labels_as_codes,
    "categories_by_name": NamedCategories,
    "from_zero": from_zero,
    "in_steps": in_steps,
    "mean_where_none": MeanWhereNone,
    "of_causalml": OfCausalML,
    "of_econml": OfEconML,
}
"""From an estimator of a library to what a recipe's rows can be given to."""
