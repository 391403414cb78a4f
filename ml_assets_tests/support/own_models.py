"""Estimators as a person writes them: some as they should be, some not."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class Nearest(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The class whose mean is nearest."""

    def __init__(self, power: float = 2.0) -> None:
        self.power = power

    def fit(self, X: Any, y: Any) -> Nearest:
        """Take the means."""
        self.classes_ = np.unique(y)
        self.means_ = np.array([np.asarray(X)[y == label].mean(axis=0) for label in self.classes_])
        return self

    def _distances(self, X: Any) -> Any:
        return (np.abs(np.asarray(X)[:, None, :] - self.means_) ** self.power).sum(axis=2)

    def predict(self, X: Any) -> Any:
        """Take the nearest."""
        return self.classes_[self._distances(X).argmin(axis=1)]

    def predict_proba(self, X: Any) -> Any:
        """The nearer, the surer."""
        near = 1 / (1 + self._distances(X))
        return near / near.sum(axis=1, keepdims=True)


class Mean(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # likewise
    """The mean, whatever comes."""

    def fit(self, X: Any, y: Any) -> Mean:
        """Take the mean."""
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X: Any) -> Any:
        """The same for each row."""
        return np.full(len(X), self.mean_)


class NoKind(BaseEstimator):  # type: ignore[misc]  # likewise
    """Says not what it is."""

    def fit(self, X: Any, y: Any) -> NoKind:
        """Nothing."""
        return self

    def predict(self, X: Any) -> Any:
        """Nothing."""
        return np.zeros(len(X))


class NoSelf(Mean):
    """Gives nothing from fit."""

    def fit(self, X: Any, y: Any) -> Any:
        """Forgets to return."""
        super().fit(X, y)


class NoClasses(Nearest):
    """Does not tell its classes."""

    def fit(self, X: Any, y: Any) -> NoClasses:
        """Forget them."""
        super().fit(X, y)
        self.names_ = self.classes_
        del self.classes_
        return self


class OneRow(Mean):
    """Predicts one row, whatever comes."""

    def predict(self, X: Any) -> Any:
        """One."""
        return np.zeros(1)


class Failing(Mean):
    """Fails."""

    def fit(self, X: Any, y: Any) -> Any:
        """As a person's code may."""
        raise LookupError("no such table")


class Plain:
    """No estimator."""


def build() -> Mean:
    """No class."""
    return Mean()
