"""A weighted mean of several models, fitted together on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin, clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ml_assets.estimators.monotone import Monotone

RAREST_LEVEL, MOST_LEVELS = 5, 50
"""Rows that a category needs for a column of its own, and columns that a feature becomes at most."""


class _Blended(_BaseComposition):  # type: ignore[misc]  # scikit-learn has no types
    """What the two blends share.

    Parameters
    ----------
    estimators : list of (str, estimator)
        Kept unfitted.
    weights : sequence of float, optional
        Of each estimator, at least 0; default: equal ones.
    numbers : sequence of str
        Names of the estimators that take numbers without gaps only: they are given such where X is a frame with
        missing numbers and categories.
    typed : bool
        Whether X is such a frame.

    Attributes
    ----------
    estimators_ : list of estimators
        Fitted.
    weights_ : ndarray of shape (n_estimators,)
        They add up to 1.
    encoder_ : transformer or None
        From such a frame to numbers; None where none is needed.
    """

    def __init__(
        self,
        estimators: Sequence[tuple[str, Any]],
        weights: Sequence[float] | None = None,
        numbers: Sequence[str] = (),
        typed: bool = False,
    ) -> None:
        self.estimators = estimators
        self.weights = weights
        self.numbers = numbers
        self.typed = typed

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, those of the estimators too."""
        found: dict[str, Any] = self._get_params("estimators", deep=deep)
        return found

    def set_params(self, **params: Any) -> Any:
        """Set parameters, those of an estimator by `<name>__<parameter>`."""
        return self._set_params("estimators", **params)

    def _fit_members(self, X: Any, y: Any) -> None:
        names = [name for name, _ in self.estimators]
        if not names:
            raise ValueError("estimators: a blend needs one at least.")
        self._validate_names(names)
        weights = np.ones(len(names)) if self.weights is None else np.asarray(self.weights, dtype=np.float64)
        if weights.shape != (len(names),) or (weights < 0).any() or not weights.sum() > 0:
            raise ValueError(
                f"weights: {len(names)} numbers of at least 0, not all 0, are needed (found {self.weights!r})."
            )
        self.weights_ = weights / weights.sum()
        self.encoder_ = _encoder().fit(X) if self.typed and self.numbers else None
        inputs = self._inputs(X)
        self.estimators_ = [clone(each).fit(inputs[name], y) for name, each in self.estimators]

    def _inputs(self, X: Any) -> dict[str, Any]:
        """What each estimator is given."""
        encoded = None if self.encoder_ is None else self.encoder_.transform(X)
        plain = X if self.typed or not isinstance(X, pd.DataFrame) else X.to_numpy()
        inputs = {name: X if isinstance(each, Monotone) else plain for name, each in self.estimators}
        return inputs | ({} if encoded is None else dict.fromkeys(self.numbers, encoded))

    def _mean(self, X: Any, method: str) -> NDArray[np.float64]:
        check_is_fitted(self)
        inputs = self._inputs(self._checked(X, reset=False))
        parts = [
            weight * np.asarray(getattr(each, method)(inputs[name]), dtype=np.float64)
            for (name, _), each, weight in zip(self.estimators, self.estimators_, self.weights_, strict=True)
            if weight
        ]
        return np.asarray(np.sum(parts, axis=0))

    def _checked(self, X: Any, *, reset: bool, **options: Any) -> Any:
        """Hold X against what was fitted; a frame of typed columns stays one."""
        named = any(isinstance(each, Monotone) for _, each in self.estimators)
        if (self.typed or named) and isinstance(X, pd.DataFrame):
            found = validate_data(self, X, reset=reset, skip_check_array=True)
            return (found, options["y"]) if "y" in options else found
        finite = "allow-nan" if self.__sklearn_tags__().input_tags.allow_nan else True
        return validate_data(self, X, reset=reset, ensure_all_finite=finite, **options)

    def __sklearn_tags__(self) -> Any:
        """What it takes: what every estimator in it takes."""
        tags = super().__sklearn_tags__()
        inner = [get_tags(each).input_tags for _, each in self.estimators]
        tags.input_tags.allow_nan = all(each.allow_nan for each in inner)
        return tags


class BlendedClassifier(ClassifierMixin, _Blended):  # type: ignore[misc]  # scikit-learn has no types
    """Classifiers whose shares are averaged; parameters and attributes are those of `_Blended`, and `classes_`."""

    def fit(self, X: Any, y: Any) -> BlendedClassifier:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        X, y = self._checked(X, reset=True, y=y)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"The labels have one class only ({self.classes_[0]!r}): two are needed.")
        self._fit_members(X, y)
        return self

    def predict_proba(self, X: Any) -> Any:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        return self._mean(X, "predict_proba")

    def predict(self, X: Any) -> Any:
        """Predict labels, of shape (n_rows,)."""
        shares = self.predict_proba(X)
        return self.classes_[shares.argmax(axis=1)]


class BlendedRegressor(RegressorMixin, _Blended):  # type: ignore[misc]  # scikit-learn has no types
    """Regressors whose predictions are averaged; parameters and attributes are those of `_Blended`."""

    def fit(self, X: Any, y: Any) -> BlendedRegressor:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        X, y = self._checked(X, reset=True, y=y)
        self._fit_members(X, y)
        return self

    def predict(self, X: Any) -> Any:
        """Predict numbers, of shape (n_rows,)."""
        return self._mean(X, "predict")


def _encoder() -> Any:
    """From numbers with gaps and categories to numbers, as linear models and networks take them."""
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    levels = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=RAREST_LEVEL,
        max_categories=MOST_LEVELS,
        sparse_output=False,
    )
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include=np.number)),
        (levels, make_column_selector(dtype_include="category")),
        sparse_threshold=0.0,
    )
