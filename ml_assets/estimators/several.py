"""One estimator for several targets: its own way where it has one, else a copy of it for each target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_features, check_is_fitted

from ml_assets.estimators.monotone import of_target


class SeveralTargets(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Predict several targets.

    Parameters
    ----------
    estimator : estimator
        Kept unfitted. One that takes several targets at once learns them together; of any other a copy learns each.
    targets : tuple of str
        Names of the targets, in the order of the columns of y.

    Attributes
    ----------
    together_ : bool
        Whether one estimator learned all targets.
    estimators_ : list of estimators
        Fitted: one, or one for each target.
    """

    def __init__(self, estimator: Any, targets: tuple[str, ...]) -> None:
        self.estimator = estimator
        self.targets = targets

    def fit(self, X: Any, y: Any) -> SeveralTargets:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows, n_targets)."""
        if y is None:
            raise ValueError("This estimator requires y to be passed, but the target y is None.")
        labels = np.asarray(y)
        if labels.ndim != 2 or labels.shape[1] != len(self.targets):
            raise ValueError(f"y has shape {labels.shape}; {len(self.targets)} targets need as many columns.")
        self.together_ = takes_several(self.estimator)
        if self.together_:
            self.estimators_ = [clone(self.estimator).fit(X, labels)]
        else:
            own = _of_each(self.estimator, labels)
            self.estimators_ = [each.fit(X, labels[:, k]) for k, each in enumerate(own)]
        self.n_features_in_ = _num_features(X)
        return self

    def predict(self, X: Any) -> Any:
        """Predict labels or numbers, of shape (n_rows, n_targets)."""
        check_is_fitted(self)
        if self.together_:
            return np.asarray(self.estimators_[0].predict(X))
        return np.column_stack([np.asarray(each.predict(X)).ravel() for each in self.estimators_])

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))  # type: ignore[untyped-decorator]  # likewise
    def predict_proba(self, X: Any) -> list[Any]:
        """Predict shares of shape (n_rows, n_classes) for each target, in the order of its `classes_`."""
        check_is_fitted(self)
        if self.together_:
            return list(self.estimators_[0].predict_proba(X))
        return [each.predict_proba(X) for each in self.estimators_]

    @property
    def classes_(self) -> list[Any]:
        """Classes of each target."""
        check_is_fitted(self)
        if self.together_:
            return list(self.estimators_[0].classes_)
        return [each.classes_ for each in self.estimators_]

    def __sklearn_tags__(self) -> Any:
        """Kind of estimator, as scikit-learn asks for it."""
        tags = self.estimator.__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def takes_several(estimator: Any) -> bool:
    """Whether an estimator can be fitted on several targets at once.

    >>> from sklearn.linear_model import LogisticRegression, Ridge
    >>> takes_several(Ridge()), takes_several(LogisticRegression())
    (True, False)
    """
    return bool(get_tags(estimator).target_tags.multi_output)


def _of_each(estimator: Any, labels: Any) -> Iterator[Any]:
    """A copy for each target, with the weights of that target's labels alone.

    Raises
    ------
    ValueError
        If a weight is one of a label that no target has.
    """
    weights = {
        name: value
        for name, value in estimator.get_params().items()
        if name.rpartition("__")[2] in ("class_weight", "class_weights") and isinstance(value, Mapping)
    }
    known = [set(column.astype(str)) if weights else set() for column in labels.T]
    every = set().union(*known)
    for name, value in weights.items():
        unknown = [label for label in value if str(label) not in every]
        if unknown:
            key = name.rpartition("__")[2]
            raise ValueError(f"{key}: {unknown[0]!r} is no label (found {', '.join(sorted(every))}).")
    for k, found in enumerate(known):
        own = {
            name: {label: weight for label, weight in value.items() if str(label) in found}
            for name, value in weights.items()
        }
        yield of_target(clone(estimator).set_params(**own), k)


def needs_several(estimator: Any) -> bool:
    """Whether an estimator cannot be fitted on one target alone."""
    return not get_tags(estimator).target_tags.single_output
