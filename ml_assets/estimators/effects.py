"""Learners of an effect of another library, fitted on outcome and treatment as y has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

PROPENSITY = "propensity_learner"


class OfCausalML(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A meta-learner of CausalML, told that the share of treated rows is the same everywhere.

    Parameters
    ----------
    estimator : meta-learner
        Kept unfitted. One without any learner gets histogram gradient boosting.

    Attributes
    ----------
    estimator_ : meta-learner
        Fitted.
    share_ : float
        Of the treated rows.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> OfCausalML:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows, 2), the outcome and the treatment."""
        outcome, treated = np.asarray(y, dtype=np.float64).T
        if treated.min() == treated.max():
            raise ValueError("y: all rows are of one arm; an effect needs treated and untreated rows.")
        self.share_ = float(treated.mean())
        found = with_learners(clone(self.estimator))
        found.fit(X=X, treatment=treated.astype(int), y=outcome, p=np.full(len(treated), self.share_))
        self.estimator_ = found
        self.n_features_in_ = np.shape(X)[1]
        return self

    def predict(self, X: Any) -> Any:
        """Predict the effect of treating each row, of shape (n_rows,)."""
        check_is_fitted(self)
        found = self.estimator_.predict(X, p=np.full(len(X), self.share_))
        return np.asarray(found, dtype=np.float64).ravel()

    def __sklearn_tags__(self) -> Any:
        """What it takes: y of two columns."""
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        return tags


def with_learners(found: Any) -> Any:
    """Give a meta-learner that has no learner one of its kind: a classifier of outcomes where it asks for one."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    params = found.get_params(deep=False)
    if any(
        value is not None for name, value in params.items() if name.endswith("learner") and name != PROPENSITY
    ):
        return found
    classifies = type(found).__name__.endswith("Classifier")
    seed = params.get("random_state") or 0
    kind = HistGradientBoostingClassifier if classifies else HistGradientBoostingRegressor
    if "learner" in params:
        return found.set_params(learner=kind(random_state=seed))
    effect = HistGradientBoostingRegressor(random_state=seed)
    return found.set_params(outcome_learner=kind(random_state=seed), effect_learner=effect)
