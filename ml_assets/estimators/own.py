"""Estimators of a person's own, held to scikit-learn's interface."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_features, _num_samples, check_is_fitted

from ml_assets.estimators.checked import Scored
from ml_assets.recipe.faults import did_you_mean
from ml_assets.recipe.own import OwnError, failure, imported

KEY = "class_path"
NEEDED = ("fit", "predict", "get_params", "set_params")


class OwnEstimator(Scored, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator of a person's own: what it does otherwise than scikit-learn's is told in one line.

    Parameters
    ----------
    estimator : estimator
        Kept unfitted.
    path : str
        Its import path, for messages.

    Attributes
    ----------
    estimator_ : estimator
        Fitted.
    """

    def __init__(self, estimator: Any, path: str) -> None:
        self.estimator = estimator
        self.path = path

    def fit(self, X: Any, y: Any) -> OwnEstimator:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        fitted = self._asked("fit", lambda: clone(self.estimator).fit(X, y))
        if not hasattr(fitted, "predict"):
            raise OwnError(f"{KEY}: {self.path}.fit gave {type(fitted).__name__}; it must return self")
        self.estimator_ = fitted
        if is_classifier(self):
            classes = getattr(fitted, "classes_", None)
            if classes is None:
                raise OwnError(
                    f"{KEY}: {self.path} has no classes_ after fit: set it to the sorted labels of y"
                )
            self.classes_ = np.asarray(classes)
        self.answers_ = () if is_classifier(self) else np.asarray(y).shape[1:]
        self.n_features_in_ = _num_features(X)
        return self

    def predict(self, X: Any) -> Any:
        """Predict labels or numbers, of the shape of y."""
        check_is_fitted(self)
        return self._of_rows("predict", X, getattr(self, "answers_", ()))

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))  # type: ignore[untyped-decorator]  # likewise
    def predict_proba(self, X: Any) -> Any:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        return self._of_rows("predict_proba", X, (len(self.classes_),))

    def _of_rows(self, method: str, X: Any, columns: tuple[int, ...]) -> Any:
        found = np.asarray(self._asked(method, lambda: getattr(self.estimator_, method)(X)))
        expected = (_num_samples(X), *columns)
        if found.shape != expected:
            raise OwnError(f"{KEY}: {self.path}.{method} gave shape {found.shape}; expected {expected}")
        return found

    def _asked(self, method: str, ask: Any) -> Any:
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - a person's own code may raise anything: it is told with its name
            raise OwnError(f"{KEY}: {self.path}.{method} failed: {failure(error)}") from None

    def __sklearn_tags__(self) -> Any:
        """Kind of estimator, as scikit-learn asks for it."""
        tags = self.estimator.__sklearn_tags__()
        if is_classifier(self.estimator):  # each target has classes of its own
            tags.target_tags.multi_output = False
        return tags


def own_class(path: str) -> Any:
    """Import a class, if the operator allows its module, and see that it has scikit-learn's methods.

    Raises
    ------
    OwnError
    """
    found = imported(path, KEY)
    missing = [name for name in NEEDED if not callable(getattr(found, name, None))]
    if missing or not isinstance(found, type):
        what = f"has no {', '.join(missing)}" if isinstance(found, type) else "is no class"
        raise OwnError(
            f"{KEY}: {path} {what}: derive it from sklearn.base.ClassifierMixin or RegressorMixin, and BaseEstimator"
        )
    return found


def own_parameters(path: str) -> tuple[str, ...]:
    """Names of the parameters of a class.

    Raises
    ------
    OwnError
    """
    try:
        return tuple(own_class(path)._get_param_names())
    except (RuntimeError, AttributeError) as error:  # of *args, and of a class that is no BaseEstimator
        raise OwnError(
            f"{KEY}: {path} does not name its parameters as scikit-learn asks ({error}): derive it from "
            "sklearn.base.BaseEstimator, and name each in __init__"
        ) from None


def own_defaults(path: str) -> dict[str, Any]:
    """Defaults of the parameters of a class; of one without a default nothing.

    Raises
    ------
    OwnError
    """
    taken = inspect.signature(own_class(path)).parameters
    return {
        name: taken[name].default
        for name in own_parameters(path)
        if name in taken and taken[name].default is not inspect.Parameter.empty
    }


def unknown_parameters(path: str, params: Mapping[str, Any]) -> dict[str, str]:
    """Say of each parameter that a class does not have what was found.

    Raises
    ------
    OwnError
    """
    names = own_parameters(path)
    return {
        name: f"{path} has no parameter {name!r}.{did_you_mean(name, names)}"
        for name in params
        if name not in names
    }


def build_own(path: str, params: Mapping[str, Any], random_state: int) -> Any:
    """Build an estimator of a person's own: seeded, and on one thread, where it has parameters for these.

    Raises
    ------
    OwnError
        If it does not keep to scikit-learn's interface, or has no such parameter.
    """
    names = own_parameters(path)
    for message in unknown_parameters(path, params).values():
        raise OwnError(f"hyperparameters: {message}")
    ours = {"random_state": random_state, "n_jobs": 1}
    given = {name: value for name, value in ours.items() if name in names} | dict(params)
    try:
        made = own_class(path)(**given)
        clone(made)
    except Exception as error:  # noqa: BLE001 - a person's own code may raise anything: it is told with its name
        raise OwnError(f"{KEY}: {path} cannot be made: {failure(error)}") from None
    if not (is_classifier(made) or is_regressor(made)):
        raise OwnError(
            f"{KEY}: {path} does not say whether it is a classifier or a regressor: derive it from "
            "sklearn.base.ClassifierMixin or RegressorMixin, before BaseEstimator"
        )
    return OwnEstimator(made, path)
