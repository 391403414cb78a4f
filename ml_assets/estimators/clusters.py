"""A clusterer whose clusters have numbers that stay: by size, or those that another model gives the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.utils.validation import check_is_fitted

from ml_assets.estimators.checked import checked

COUNTS = ("n_clusters", "n_components")
"""Parameters that say how many clusters there shall be."""


class Clusters(ClusterMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Assign rows to clusters, "0" the one with most training rows.

    Parameters
    ----------
    estimator : estimator
        Kept unfitted; has `fit` and `predict`.

    Attributes
    ----------
    estimator_ : estimator
        Fitted.
    classes_ : array of str of shape (n_clusters,)
        Numbers of the clusters, in the order of `centres_`.
    centres_ : array of shape (n_clusters, n_features)
        Mean of the training rows of each.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any = None) -> Clusters:
        """Fit on X of shape (n_rows, n_features); y is not looked at.

        Raises
        ------
        ValueError
            If there are fewer different rows than clusters, or one cluster is found.
        """
        X = self._checked(X, reset=True)
        different, wanted = len(np.unique(X, axis=0)), self._wanted()
        if len(X) == 1:
            raise ValueError("one sample is no cluster: there are no clusters to find")
        if different < 2:
            raise ValueError(f"all {len(X):,} rows are alike once prepared: there are no clusters to find")
        if wanted is not None and wanted[1] > different:
            name, count = wanted
            raise ValueError(
                f"{name}: {count} clusters of {different:,} different rows: ask for {different:,} at most, or take "
                "more rows"
            )
        self.estimator_ = clone(self.estimator).fit(X)
        found, own, sizes = np.unique(self.estimator_.predict(X), return_inverse=True, return_counts=True)
        if len(found) < 2:
            raise ValueError(
                f"{type(self.estimator).__name__} finds one cluster in {len(X):,} rows: ask for more, or for "
                "smaller ones"
            )
        order = np.argsort(-sizes, kind="stable")
        self.of_ = {int(found[place]): number for number, place in enumerate(order)}
        self.centres_ = np.array([X[own == place].mean(axis=0) for place in order])
        self.classes_ = np.array([str(number) for number in range(len(order))], dtype=object)
        return self

    def predict(self, X: Any) -> Any:
        """Number of each row's cluster, as text."""
        places = self._places(X)
        return self.classes_[places]

    def fit_predict(self, X: Any, y: Any = None) -> Any:
        """Fit, and give the number of each row's cluster, as text."""
        return self.fit(X, y).predict(X)

    def distances(self, X: Any) -> Any:
        """How far each row is from the centre of its cluster, in the space of the prepared columns."""
        places = self._places(X)
        return np.linalg.norm(self._checked(X) - self.centres_[places], axis=1)

    def named_as(self, own: Sequence[str], others: Sequence[str]) -> Clusters:
        """Take over the numbers that another model gives the same rows, for as many rows as can be (Kuhn 1955).

        Parameters
        ----------
        own : sequence of str of shape (n_rows,)
            What this one predicts.
        others : sequence of str of shape (n_rows,)
            What the other one does. A cluster that shares no row with one of the other's gets a number that it has not.
        """
        from scipy.optimize import linear_sum_assignment

        names = sorted(set(others), key=int)
        shared = np.zeros((len(self.classes_), len(names)))
        for mine, theirs in zip(own, others, strict=True):
            shared[list(self.classes_).index(mine), names.index(theirs)] += 1
        matched = {
            int(k): names[int(place)]
            for k, place in zip(*linear_sum_assignment(-shared), strict=True)
            if shared[k, place]
        }
        free = (str(number) for number in range(max(map(int, names)) + 1, 10**9))
        numbers = [matched.get(k) or next(free) for k in range(len(self.classes_))]
        self.classes_ = np.array(numbers, dtype=object)
        return self

    def _places(self, X: Any) -> Any:
        check_is_fitted(self)
        X = self._checked(X)
        found = self.estimator_.predict(X)
        known = np.array([self.of_.get(int(label), -1) for label in found])
        if (known < 0).any():  # a cluster that no training row was of
            apart = np.linalg.norm(X[known < 0][:, None] - self.centres_[None], axis=2)
            known[known < 0] = apart.argmin(axis=1)
        return known

    def _checked(self, X: Any, *, reset: bool = False) -> Any:
        return np.asarray(checked(self, X, reset=reset), dtype=np.float64)

    def _wanted(self) -> tuple[str, int] | None:
        params = self.estimator.get_params(deep=False)
        counts = [(name, params[name]) for name in COUNTS if isinstance(params.get(name), int)]
        return counts[0] if counts else None
