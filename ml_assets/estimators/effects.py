"""Learners of an effect of another library, fitted on outcome and treatment as y has them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone, is_classifier
from sklearn.utils import column_or_1d, get_tags
from sklearn.utils.validation import check_is_fitted

from ml_assets.estimators.checked import checked

PROPENSITY = "propensity_learner"

Floats = NDArray[np.float64]


class _OfEffects(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What a learner of another library has round it.

    Parameters
    ----------
    estimator : learner of an effect
        Kept unfitted.

    Attributes
    ----------
    estimator_ : learner of an effect
        Fitted.
    share_ : float
        Of the treated rows.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> Any:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows, 2), the outcome and the treatment."""
        outcome, treated = np.asarray(y, dtype=np.float64).T
        if treated.min() == treated.max():
            raise ValueError("y: all rows are of one arm; an effect needs treated and untreated rows.")
        self.share_ = float(treated.mean())
        self.estimator_ = self._learned(np.asarray(X, dtype=np.float64), outcome, treated.astype(int))
        self.n_features_in_ = np.shape(X)[1]
        return self

    def predict(self, X: Any) -> Floats:
        """Predict the effect of treating each row, of shape (n_rows,)."""
        check_is_fitted(self)
        return np.asarray(self._effects(np.asarray(X, dtype=np.float64)), dtype=np.float64).ravel()

    def _learned(self, X: Floats, outcome: Floats, treated: NDArray[np.int_]) -> Any:
        raise NotImplementedError  # abstract: each library learns in its own way

    def _effects(self, X: Floats) -> Any:
        raise NotImplementedError  # abstract: each library tells effects in its own way

    def __sklearn_tags__(self) -> Any:
        """What it takes: y of two columns."""
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        return tags


class OfCausalML(_OfEffects):
    """A meta-learner of CausalML, told that the share of treated rows is the same everywhere.

    One without any learner gets histogram gradient boosting.
    """

    def _learned(self, X: Floats, outcome: Floats, treated: NDArray[np.int_]) -> Any:
        found = with_learners(clone(self.estimator))
        found.fit(X=X, treatment=treated, y=outcome, p=np.full(len(treated), self.share_))
        return found

    def _effects(self, X: Floats) -> Any:
        return self.estimator_.predict(X, p=np.full(len(X), self.share_))


class OfEconML(_OfEffects):
    """A learner of EconML, which asks a classifier of outcomes for its probability as it does a regressor."""

    def _learned(self, X: Floats, outcome: Floats, treated: NDArray[np.int_]) -> Any:
        found = with_probabilities(clone(self.estimator, safe=False))
        with warnings.catch_warnings():
            # EconML gives a classifier of outcomes a column of them.
            warnings.filterwarnings("ignore", message="A column-vector y was passed")
            found.fit(outcome, treated, X=X)
        return found

    def _effects(self, X: Floats) -> Any:
        return self.estimator_.effect(X)


class Probability(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier of outcomes 0 and 1 that predicts the probability of 1.

    Parameters
    ----------
    estimator : classifier
        Kept unfitted.

    Attributes
    ----------
    estimator_ : classifier
        Fitted.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Probability:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        X = checked(self, X, reset=True)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator_ = clone(self.estimator).fit(X, column_or_1d(y, warn=True), **weights)
        return self

    def predict(self, X: Any) -> Floats:
        """Predict probabilities, of shape (n_rows,)."""
        check_is_fitted(self)
        X = checked(self, X)
        if len(self.estimator_.classes_) < 2:
            return np.full(len(X), float(self.estimator_.classes_[0]))
        return np.asarray(self.estimator_.predict_proba(X)[:, -1], dtype=np.float64)

    def __sklearn_tags__(self) -> Any:
        """What it takes: what the classifier takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags


OF_OUTCOMES = ("models", "overall_model")
"""Parameters of EconML's meta-learners that learn the outcome: one, or one for each arm."""
OF_DISCRETE = ("model_y", "model_regression")
"""Likewise of its other classes, which take a classifier where they are told that the outcome is discrete."""


def with_probabilities(found: Any) -> Any:
    """Tell a learner of EconML, where it was given a classifier of outcomes, that it has one."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    for name in OF_OUTCOMES:
        given = getattr(found, name, None)
        each = given if isinstance(given, list) else [given]
        if not any(map(_classifies, each)):
            continue
        asked = [Probability(one) if _classifies(one) else one for one in each]
        setattr(found, name, asked if isinstance(given, list) else asked[0])
        if hasattr(found, "cate_models") and found.cate_models is None:
            found.cate_models = HistGradientBoostingRegressor(random_state=0)  # effects are numbers
    if any(_classifies(getattr(found, name, None)) for name in OF_DISCRETE):
        found.discrete_outcome = True
    return found


def _classifies(given: Any) -> bool:
    """Whether a parameter is a classifier: it may be text or nothing, too."""
    return hasattr(given, "__sklearn_tags__") and bool(is_classifier(given))


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
