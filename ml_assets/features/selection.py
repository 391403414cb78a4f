"""Which of the prepared columns an estimator is given."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    SelectorMixin,
    SequentialFeatureSelector,
    chi2,
    f_classif,
    f_regression,
    mutual_info_classif,
    mutual_info_regression,
)
from sklearn.linear_model import LassoCV, LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.validation import check_is_fitted

from ml_assets.features.by_targets import EachTargetModel, columns_of, mean_score
from ml_assets.recipe.schema.engineering import FeatureSelection, Selection

HALF = 0.5
"""Share of the columns that is kept where the recipe says nothing."""
GAIN = 0.001
"""Score that a column must add to be taken in step by step."""
LEAST = 1e-5
"""Weight from which a column counts in a model that gives most columns none, as scikit-learn's default has it."""
PENALTY = 0.1
"""C of the linear classifier with an L1 penalty."""


class Selected(SelectorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Keep the columns that tell most of the target, and all of them where none tells anything.

    Parameters
    ----------
    method : str
        A name in `METHODS`.
    keep : int, float or None
        Columns, or their share; None for what the method itself keeps, else half.
    classes : bool
        Whether the target is classes, not numbers.
    random_state : int

    Attributes
    ----------
    support_ : ndarray of bool of shape (n_columns,)

    Examples
    --------
    >>> X = np.array([[0.0, 5.0], [1.0, 5.1], [2.0, 5.0], [3.0, 5.1]])
    >>> Selected("anova", 1, classes=False).fit(X, np.array([0.0, 1.0, 2.0, 3.1])).get_support().tolist()
    [True, False]
    """

    def __init__(
        self,
        method: Selection = "anova",
        keep: int | float | None = None,
        classes: bool = True,
        random_state: int = 0,
    ) -> None:
        self.method = method
        self.keep = keep
        self.classes = classes
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Selected:
        """Choose among the columns of X of shape (n_rows, n_columns), none of which misses a value.

        Several targets, y of shape (n_rows, n_targets), count the same: a column's score is its mean share in the
        scores by each.
        """
        several = np.ndim(y) == 2
        if several and self.classes:
            y = np.column_stack([np.unique(target, return_inverse=True)[1] for target in columns_of(y)])
        values = StandardScaler().fit_transform(np.asarray(X, dtype=np.float64))  # weights are compared
        self.n_features_in_ = values.shape[1]
        keep = self._number(self.n_features_in_)
        self.support_ = np.ones(self.n_features_in_, dtype=bool)
        if keep is None or keep < self.n_features_in_:
            with warnings.catch_warnings():  # of constant columns, and of a model that only chooses
                warnings.simplefilter("ignore", (ConvergenceWarning))
                warnings.simplefilter("ignore", UserWarning)
                warnings.simplefilter("ignore", RuntimeWarning)
                made = METHODS[self.method](keep, self.classes, self.random_state)
                chosen = (of_several(made, self.random_state) if several else made).fit(values, y)
            self.support_ = np.asarray(chosen.get_support())
        if not self.support_.any():
            self.support_[:] = True
        return self

    def _number(self, columns: int) -> int | None:
        if self.keep is None:
            return None if self.method in OWN_NUMBER else max(1, round(HALF * columns))
        return max(1, round(self.keep * columns)) if isinstance(self.keep, float) else self.keep

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return self.support_


def selected(wanted: FeatureSelection, classes: bool, random_state: int) -> Selected:
    """Return the unfitted selection that a recipe asks for."""
    return Selected(wanted.method, wanted.keep, classes, random_state)


def of_several(selector: Any, random_state: int) -> Any:
    """Make a selector for one target one for several."""
    if isinstance(selector, SelectKBest):
        return selector.set_params(score_func=mean_score(selector.score_func))
    each = {"estimator": EachTargetModel(selector.estimator)}
    if isinstance(selector, SequentialFeatureSelector):
        return selector.set_params(
            **each, scoring=_mean_score, cv=KFold(3, shuffle=True, random_state=random_state)
        )
    if isinstance(selector, SelectFromModel) and selector.threshold is None:
        least = LEAST if isinstance(selector.estimator, LinearSVC | LassoCV) else "mean"
        return selector.set_params(**each, threshold=least)
    return selector.set_params(**each)


def _mean_score(model: EachTargetModel, X: Any, y: Any) -> float:
    pairs = zip(model.estimators_, columns_of(y), strict=True)
    return float(np.mean([_score(each, X, target) for each, target in pairs]))


def _chi2(X: Any, y: Any) -> Any:
    return chi2(MinMaxScaler().fit_transform(X), y)


def _best(of_classes: Callable[..., Any], of_numbers: Callable[..., Any] | None, seeded: bool = False) -> Any:
    def make(keep: int | None, classes: bool, random_state: int) -> Any:
        score = of_classes if classes or of_numbers is None else of_numbers
        return SelectKBest(partial(score, random_state=random_state) if seeded else score, k=keep)

    return make


def _from_model(model: Callable[[bool, int], Any]) -> Any:
    def make(keep: int | None, classes: bool, random_state: int) -> Any:
        fewer = {} if keep is None else {"max_features": keep, "threshold": -np.inf}
        return SelectFromModel(model(classes, random_state), **fewer)

    return make


def _linear(classes: bool) -> Any:
    return LogisticRegression(max_iter=2000) if classes else Ridge()


def _score(model: Any, X: Any, y: Any) -> float:
    """Area under the curve of two classes; of more the accuracy, of numbers R²."""
    if len(getattr(model, "classes_", ())) == 2 and len(np.unique(y)) == 2:
        return float(roc_auc_score(y, model.decision_function(X)))
    return float(model.score(X, y))


def _lasso(classes: bool, random_state: int) -> Any:
    if classes:
        return LinearSVC(penalty="l1", dual=False, C=PENALTY, random_state=random_state)
    return LassoCV(cv=3, random_state=random_state)


def _forest(classes: bool, random_state: int) -> Any:
    kind = RandomForestClassifier if classes else RandomForestRegressor
    return kind(n_estimators=50, min_samples_leaf=5, max_samples=0.5, random_state=random_state)


METHODS: dict[str, Callable[[int | None, bool, int], Any]] = {
    "chi2": _best(_chi2, None),
    "anova": _best(f_classif, f_regression),
    "mutual_information": _best(mutual_info_classif, mutual_info_regression, seeded=True),
    "rfe": lambda keep, classes, _: RFE(_linear(classes), n_features_to_select=keep, step=0.1),
    "lasso": _from_model(_lasso),
    "forest": _from_model(_forest),
    "sequential": lambda keep, classes, _: SequentialFeatureSelector(
        RidgeClassifier() if classes else Ridge(),
        n_features_to_select=keep or "auto",
        tol=GAIN if keep is None else None,
        scoring=_score,
        cv=3,
    ),
}
"""From the number of columns to keep, the kind of target and the seed to a selector of scikit-learn."""
OWN_NUMBER = ("lasso", "forest", "sequential")
"""Methods that say themselves how many columns they keep."""
