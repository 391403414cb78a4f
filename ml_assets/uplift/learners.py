"""S-, T-, X- and R-learner: what treating a row changes, from models of its outcome.

y has two columns, the outcome and whether the row was treated (1) or not (0). Rows were treated by chance: the share of
treated rows is the same for all. Rows to predict have neither column.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone, is_classifier
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.utils import get_tags
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

Floats = NDArray[np.float64]

FOLDS = 5
"""Of the R-learner: the expected outcome of a row is learned from the other folds."""


class _Learner(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What the learners share.

    Parameters
    ----------
    learner : estimator, optional
        Learns the outcome; kept unfitted. A classifier is asked for the probability of its last class. Default:
        histogram gradient boosting.
    random_state : int, optional
        Seed of the default learner, and of folds.

    Attributes
    ----------
    share_ : float
        Of the treated rows.
    """

    def __init__(self, learner: Any = None, random_state: int | None = None) -> None:
        self.learner = learner
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Any:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows, 2), the outcome and the treatment."""
        X = self._checked(X, reset=True)
        if y is None:
            raise ValueError("This learner requires y to be passed, but the target y is None.")
        if len(X) == 1:
            raise ValueError("one sample is of one arm; an effect needs treated and untreated rows.")
        both = check_array(y, ensure_2d=False, dtype=np.float64)
        if both.shape != (len(X), 2):
            raise ValueError(f"y has shape {np.shape(y)}; outcome and treatment are two columns.")
        treated = both[:, 1] > 0
        if not 0 < int(treated.sum()) < len(treated):
            raise ValueError("y: all rows are of one arm; an effect needs treated and untreated rows.")
        self.share_ = float(treated.mean())
        self._learn(X, both[:, 0], treated)
        return self

    def predict(self, X: Any) -> Floats:
        """Predict the effect of treating each row, of shape (n_rows,)."""
        check_is_fitted(self, "share_")
        return np.asarray(self._effects(self._checked(X, reset=False)), dtype=np.float64)

    def _learn(self, X: Any, outcome: Floats, treated: NDArray[np.bool_]) -> None:
        raise NotImplementedError  # abstract: each learner has its own

    def _effects(self, X: Any) -> Floats:
        raise NotImplementedError  # abstract: each learner has its own

    def _checked(self, X: Any, *, reset: bool) -> Any:
        finite = "allow-nan" if get_tags(self).input_tags.allow_nan else True
        return validate_data(self, X, reset=reset, ensure_all_finite=finite, dtype=np.float64)

    def _of_outcome(self) -> Any:
        return self._default() if self.learner is None else clone(self.learner)

    def _of_effect(self) -> Any:
        """A model of effects, which are numbers: the learner where it is a regressor."""
        return self._default() if self.learner is None or is_classifier(self.learner) else clone(self.learner)

    def _default(self) -> Any:
        return HistGradientBoostingRegressor(
            max_iter=100,
            max_leaf_nodes=15,
            min_samples_leaf=20,
            learning_rate=0.05,
            random_state=self.random_state,
        )

    def __sklearn_tags__(self) -> Any:
        """What it takes: what the learner takes, and y of two columns."""
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = self.learner is None or get_tags(self.learner).input_tags.allow_nan
        return tags


class SLearner(_Learner):
    """One model of the outcome, to which the treatment is one more column (Künzel et al. 2019).

    Its effect is what the model says of the row treated less what it says of it untreated. A linear model ascribes the
    same effect to every row.
    """

    def _learn(self, X: Any, outcome: Floats, treated: NDArray[np.bool_]) -> None:
        self.model_ = self._of_outcome().fit(_beside(X, treated), outcome)

    def _effects(self, X: Any) -> Floats:
        sides = [_expected(self.model_, _beside(X, np.full(len(X), arm))) for arm in (True, False)]
        return sides[0] - sides[1]


class TLearner(_Learner):
    """Two models of the outcome, one for each arm, and their difference (Künzel et al. 2019)."""

    def _learn(self, X: Any, outcome: Floats, treated: NDArray[np.bool_]) -> None:
        self.treated_, self.control_ = _of_arms(self, X, outcome, treated)

    def _effects(self, X: Any) -> Floats:
        return _expected(self.treated_, X) - _expected(self.control_, X)


class XLearner(_Learner):
    """Models of each arm's effects, which the other arm's model of the outcome tells (Künzel et al. 2019).

    The two are averaged by the share of treated rows, so that the model of the larger arm counts.
    """

    def _learn(self, X: Any, outcome: Floats, treated: NDArray[np.bool_]) -> None:
        of_treated, of_control = _of_arms(self, X, outcome, treated)
        gained = outcome[treated] - _expected(of_control, X[treated])
        missed = _expected(of_treated, X[~treated]) - outcome[~treated]
        self.treated_ = self._of_effect().fit(X[treated], gained)
        self.control_ = self._of_effect().fit(X[~treated], missed)

    def _effects(self, X: Any) -> Floats:
        of_control, of_treated = np.asarray(self.control_.predict(X)), np.asarray(self.treated_.predict(X))
        return np.asarray(self.share_ * of_control.ravel() + (1 - self.share_) * of_treated.ravel())


class RLearner(_Learner):
    """One model of the effect, on outcomes less what was expected of the row (Nie and Wager 2021).

    The learner must take `sample_weight`. What is expected of a row is learned from the other folds.
    """

    def _learn(self, X: Any, outcome: Floats, treated: NDArray[np.bool_]) -> None:
        folds = KFold(min(FOLDS, len(X)), shuffle=True, random_state=self.random_state)
        of_outcome = self._of_outcome()
        way = "predict_proba" if is_classifier(of_outcome) else "predict"
        expected = np.asarray(cross_val_predict(of_outcome, X, outcome, cv=folds, method=way))
        if expected.ndim > 1:
            expected = expected[:, -1]
        away = treated - self.share_
        self.model_ = self._of_effect().fit(X, (outcome - expected) / away, sample_weight=np.square(away))

    def _effects(self, X: Any) -> Floats:
        return np.asarray(self.model_.predict(X)).ravel()


def _of_arms(learner: _Learner, X: Any, outcome: Floats, treated: NDArray[np.bool_]) -> tuple[Any, Any]:
    """A model of the outcome for the treated rows, and one for the others."""
    arms = (treated, ~treated)
    of_treated, of_control = (learner._of_outcome().fit(X[arm], outcome[arm]) for arm in arms)
    return of_treated, of_control


def _beside(X: Any, treated: NDArray[np.bool_]) -> Any:
    return np.column_stack([X, treated.astype(np.float64)])


def _expected(model: Any, X: Any) -> Floats:
    """Outcome that a model expects; of a classifier the probability of the last class, 0 or 1 where it knows one."""
    if not is_classifier(model):
        return np.asarray(model.predict(X), dtype=np.float64).ravel()
    if len(model.classes_) < 2:
        return np.full(len(X), float(model.classes_[0]))
    return np.asarray(model.predict_proba(X)[:, -1], dtype=np.float64)
