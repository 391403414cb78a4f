"""What scikit-learn learns from one target alone, of several: of each by itself, each counting the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

Array = NDArray[Any]


class EachTargetEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Encode each category by each of several targets.

    Parameters
    ----------
    encoder : TargetEncoder
        Kept unfitted; a copy is fitted to each target, by one target as it is.

    Attributes
    ----------
    encoders_ : list of TargetEncoder
        One for each target.
    """

    def __init__(self, encoder: Any) -> None:
        self.encoder = encoder

    def fit(self, X: Any, y: Any) -> EachTargetEncoder:
        """Learn from X of shape (n_rows, n_categories) and y of shape (n_rows, n_targets)."""
        self.encoders_ = [clone(self.encoder).fit(X, target) for target in columns_of(y)]
        self._counted(X)
        return self

    def fit_transform(self, X: Any, y: Any) -> Array:
        """Learn, and encode each row by codes that were learned without it."""
        self.encoders_ = [clone(self.encoder) for _ in columns_of(y)]
        parts = [
            each.fit_transform(X, target) for each, target in zip(self.encoders_, columns_of(y), strict=True)
        ]
        self._counted(X)
        return self._by_category(parts)

    def transform(self, X: Any) -> Array:
        """Encode X: of each category the columns of all targets, of each target one, or one for each of its classes."""
        check_is_fitted(self)
        return self._by_category([each.transform(X) for each in self.encoders_])

    @property
    def categories_(self) -> list[Array]:
        """Levels of each category, as `TargetEncoder` has them."""
        check_is_fitted(self)
        return list(self.encoders_[0].categories_)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the columns, with the place of each among those of its category."""
        given = getattr(self, "feature_names_in_", [f"x{k}" for k in range(self.n_features_in_)])
        names = given if input_features is None else input_features
        return np.array([f"{name}_{k}" for name in names for k in range(sum(self.widths()))], dtype=object)

    def widths(self) -> list[int]:
        """Columns that a category becomes, by target."""
        return [len(each.classes_) if each.target_type_ == "multiclass" else 1 for each in self.encoders_]

    def _counted(self, X: Any) -> None:
        self.n_features_in_ = np.shape(X)[1]
        if hasattr(X, "columns"):
            self.feature_names_in_ = np.array(list(X.columns), dtype=object)

    def _by_category(self, parts: list[Array]) -> Array:
        """Put the columns of one category side by side."""
        shaped = [
            part.reshape(len(part), self.n_features_in_, width)
            for part, width in zip(parts, self.widths(), strict=True)
        ]
        together = np.concatenate(shaped, axis=2)
        return together.reshape(len(together), -1)


class EachTargetModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A copy of an estimator for each target: what selections by a model ask of a model.

    Parameters
    ----------
    estimator : estimator
        Kept unfitted.

    Attributes
    ----------
    estimators_ : list of estimators
        Fitted, one for each target.
    feature_importances_ : ndarray of shape (n_columns,)
        Mean over the targets of the shares that each gives the columns.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> EachTargetModel:
        """Fit on X of shape (n_rows, n_columns) and y of shape (n_rows, n_targets)."""
        self.estimators_ = [clone(self.estimator).fit(X, target) for target in columns_of(y)]
        self.feature_importances_ = mean_of_shares([_importances(each) for each in self.estimators_])
        return self


def mean_score(score: Callable[..., Any]) -> Callable[[Any, Any], Array]:
    """Make a score of columns by one target, larger for those that tell more, one by several targets.

    Returns
    -------
    callable
        Takes X of shape (n_rows, n_columns) and y of shape (n_rows, n_targets); gives the mean over the targets of
        each column's share in the scores by that target.
    """

    def each(X: Any, y: Any) -> Array:
        found = [score(X, target) for target in columns_of(y)]
        return mean_of_shares([one[0] if isinstance(one, tuple) else one for one in found])

    return each


def mean_of_shares(scores: list[Array]) -> Array:
    """Mean of several scores of columns, each brought to a sum of 1; what is endless outweighs what is not.

    >>> mean_of_shares([np.array([3.0, 1.0]), np.array([0.0, 0.5]), np.array([np.inf, 7.0])]).tolist()
    [0.5833333333333334, 0.4166666666666667]
    """
    shares = []
    for each in scores:
        endless = np.isposinf(each)
        known = np.where(endless, 1.0, 0.0) if endless.any() else np.nan_to_num(each, nan=0.0)
        total = known.sum()
        shares.append(known / total if total > 0 else known)
    return np.asarray(np.mean(shares, axis=0))


def columns_of(y: Any) -> list[Array]:
    """Targets of y of shape (n_rows, n_targets), each by itself."""
    return list(np.asarray(y).T)


def _importances(model: Any) -> Array:
    """Weights of the columns in a fitted model: their sizes, of several classes added."""
    if hasattr(model, "coef_"):
        return np.asarray(np.abs(np.atleast_2d(model.coef_)).sum(axis=0))
    return np.asarray(model.feature_importances_)
