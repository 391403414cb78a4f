"""Constraints by the names of columns, for an estimator that takes them by place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ml_assets.estimators.checked import Scored, checked
from ml_assets.recipe.faults import did_you_mean
from ml_assets.records import MONOTONE, Positive
from ml_assets.shown import listed

NUMBERS: Final = "numeric"
"""Begins the branch of the preparation that gives a number back, however it is scaled."""


def by_name(hyperparameters: Mapping[str, Any]) -> bool:
    """Whether hyperparameters name constraints by column.

    >>> by_name({"monotone_constraints": {"age": 1}}), by_name({"monotone_constraints": [1, 0]})
    (True, False)
    """
    return any(isinstance(hyperparameters.get(name), Mapping) for name in MONOTONE)


class Monotone(Scored, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator whose number, or share of the positive class, only rises, or only falls, with some columns.

    Parameters
    ----------
    estimator : estimator
        Kept unfitted.
    parameter : str
        What it calls constraints; it takes one for each column.
    constraints : mapping of str to int
        By column of numbers: 1 where the answer may only rise with it, -1 where it may only fall.
    positive : str, tuple of str or None
        Class whose share is the answer; of several targets that of each, until `of_target` has chosen. None: the last.

    Attributes
    ----------
    estimator_ : estimator
        Fitted.
    """

    def __init__(
        self, estimator: Any, parameter: str, constraints: Mapping[str, int], positive: Positive = None
    ) -> None:
        self.estimator = estimator
        self.parameter = parameter
        self.constraints = constraints
        self.positive = positive

    def fit(self, X: Any, y: Any) -> Monotone:
        """Fit on a frame X of shape (n_rows, n_features) whose columns are named, and y of shape (n_rows,).

        Raises
        ------
        ValueError
            If a constraint is of no column of numbers, or neither 1, 0 nor -1, or there are more than two classes.
        """
        X = checked(self, X, reset=True)
        if self.constraints and not isinstance(X, pd.DataFrame):
            raise ValueError(
                f"{self.parameter}: columns are not known by name here; leave feature_selection out, and name "
                "an estimator inside another one by `model.ensemble`."
            )
        kinds = X.dtypes.items() if isinstance(X, pd.DataFrame) else ()
        names = [_number(str(column), kind) for column, kind in kinds] or [None] * X.shape[1]
        for name, way in self.constraints.items():
            if name not in names:
                known = [each for each in names if each]
                raise ValueError(
                    f"{self.parameter}: {name!r} is no column of numbers.{did_you_mean(name, known)} "
                    f"Allowed: {listed(known)}"
                )
            if way not in (-1, 0, 1):
                raise ValueError(f"{self.parameter}: {name}: found {way!r}; allowed: 1, 0 or -1")
        way = self._way(y) if self.constraints and is_classifier(self.estimator) else 1
        each = [way * int(self.constraints.get(name, 0)) if name else 0 for name in names]
        place, library = _place(self.estimator, self.parameter)
        value: Any = tuple(each) if self.parameter == MONOTONE[0] else each
        if library == "catboost":  # copies a list, and then is no copy of itself to scikit-learn
            value = f"({','.join(map(str, each))})"
        estimator = clone(self.estimator).set_params(**{place: value})
        self.estimator_ = estimator.fit(_plain(X), y)
        return self

    def _way(self, y: Any) -> int:
        """-1 where the positive class is the first of two: libraries mean the share of the second."""
        classes = np.unique(np.asarray(y))
        if len(classes) > 2 and np.ndim(y) == 1:
            raise ValueError(
                f"{self.parameter}: one answer is to rise or fall, and of {len(classes)} classes there are as many. "
                "Leave it out"
            )
        return -1 if self.positive is not None and str(classes[0]) == self.positive else 1

    def predict(self, X: Any) -> Any:
        """Predict labels or numbers, of shape (n_rows,)."""
        check_is_fitted(self)
        return self.estimator_.predict(_plain(checked(self, X)))

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))  # type: ignore[untyped-decorator]  # likewise
    def predict_proba(self, X: Any) -> Any:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(_plain(checked(self, X)))

    @property
    def classes_(self) -> Any:
        """Classes of the fitted estimator."""
        check_is_fitted(self)
        return self.estimator_.classes_

    def __sklearn_tags__(self) -> Any:
        """Kind of estimator, as scikit-learn asks for it."""
        return self.estimator.__sklearn_tags__()


def pointed(estimator: Any, positive: Positive) -> Any:
    """Tell every constraint in an unfitted estimator whose share it is about; of several targets that of each."""
    for each in (estimator, *estimator.get_params().values()):
        if isinstance(each, Monotone):
            each.positive = positive
    return estimator


def of_target(estimator: Any, place: int) -> Any:
    """The same for one of several targets, by its place among them."""
    for each in (estimator, *estimator.get_params().values()):
        if isinstance(each, Monotone) and isinstance(each.positive, tuple):
            each.positive = each.positive[place]
    return estimator


def _place(estimator: Any, parameter: str) -> tuple[str, str]:
    """Name under which an estimator, or the one in it, takes a parameter, and its library."""
    params: dict[str, Any] = estimator.get_params()
    told = [name for name in params if name.rpartition("__")[2] == parameter]
    wrapped = [name for name, value in params.items() if name.endswith("estimator") and hasattr(value, "fit")]
    inner = max(wrapped, key=len, default="")
    library = type(params[inner] if inner else estimator).__module__.partition(".")[0]
    return min(told, key=len, default=f"{inner}__{parameter}" if inner else parameter), library


def _number(column: str, kind: Any) -> str | None:
    """Name of a column of numbers as a person knows it; None of any other."""
    if kind == "category":
        return None
    branch, between, name = column.partition("__")
    if not between:
        return column
    return name if branch.startswith(NUMBERS) and not name.startswith("missingindicator_") else None


def _plain(X: Any) -> Any:
    """What the estimator is given: an array, or with categories a frame whose names no library minds."""
    if not isinstance(X, pd.DataFrame):
        return X
    if any(kind == "category" for kind in X.dtypes):
        return X.set_axis([f"f{k}" for k in range(X.shape[1])], axis=1)
    return X.to_numpy()
