"""From a class path and parameters to a scikit-learn estimator, and the families of the automatic search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.preprocessing import LabelEncoder
from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from ml_assets.recipe import catalogue
from ml_assets.recipe.faults import Key, did_you_mean
from ml_assets.recipe.space import Categorical, Float, Int, Nested

DEFAULTS: dict[str, dict[str, Any]] = {
    "sklearn.linear_model.LogisticRegression": {"max_iter": 2000},
    "sklearn.neural_network.MLPClassifier": {"max_iter": 500},
    "sklearn.neural_network.MLPRegressor": {"max_iter": 500},
    "sklearn.ensemble.VotingClassifier": {"voting": "soft"},
}
"""Where the library's own default often does not converge, or gives no probabilities."""

REQUIRED = {"sklearn.semi_supervised.SelfTrainingClassifier": ("estimator",)}
"""Parameters that have a default, which does not work."""

THREADED = ("xgboost.",)
"""Packages that would take all cores unless told otherwise."""


@dataclass(frozen=True)
class Candidate:
    """An estimator with its search spaces, and the point of them that is tried first."""

    class_path: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    first: Mapping[str, Any] = field(default_factory=dict)


def families(task: str) -> dict[str, Candidate]:
    """Return the families of the automatic search; the linear model is always one of them.

    Spaces are small and forests capped, so that each fit stays within seconds on some 10,000 rows.
    """
    suffix = "Classifier" if task == "classification" else "Regressor"
    linear = (
        Candidate("sklearn.linear_model.LogisticRegression", {"C": Float(1e-3, 1e2, log=True)}, {"C": 1.0})
        if task == "classification"
        else Candidate("sklearn.linear_model.Ridge", {"alpha": Float(1e-2, 1e4, log=True)}, {"alpha": 1.0})
    )
    return {
        "linear": linear,
        "xgboost": Candidate(
            f"xgboost.XGB{suffix}",
            {
                "n_estimators": Int(50, 400, log=True),
                "learning_rate": Float(0.02, 0.3, log=True),
                "max_depth": Int(2, 8),
                "min_child_weight": Float(1.0, 20.0, log=True),
                "subsample": Float(0.5, 1.0),
                "colsample_bytree": Float(0.4, 1.0),
                "reg_lambda": Float(0.1, 20.0, log=True),
            },
            {
                "n_estimators": 200,
                "learning_rate": 0.1,
                "max_depth": 4,
                "min_child_weight": 1.0,
                "subsample": 0.9,
                "colsample_bytree": 0.8,
                "reg_lambda": 1.0,
            },
        ),
        "forest": Candidate(
            f"sklearn.ensemble.RandomForest{suffix}",
            {
                "n_estimators": 100,
                "max_samples": Float(0.3, 0.9),
                "min_samples_leaf": Int(1, 20, log=True),
                "max_features": Float(0.1, 0.8),
            },
            {"max_samples": 0.6, "min_samples_leaf": 2, "max_features": 0.3},
        ),
    }


def build(class_path: str, params: Mapping[str, Any], random_state: int, task: str) -> Any:
    """Build an estimator, and those inside it.

    Seeded, on one thread unless the parameters say otherwise, and with probabilities: a classifier that only
    has a decision function is calibrated (Platt 1999). Labels may be text.

    Parameters
    ----------
    class_path : str
        On the allow-list of the recipe, e.g. `xgboost.XGBClassifier`.
    params : mapping of str to value
        Plain values; an inner estimator is a `Nested` or the same as a dict `{class_path, hyperparameters}`,
        or a list of `{name, estimator}`.

    Raises
    ------
    ValueError
        If the class is not allowed, is for another task, or has no such parameter.
    """
    estimator = _build(class_path, params, random_state)
    if is_classifier(estimator) != (task == "classification"):
        raise ValueError(f"{class_path} is no estimator for {task}.")
    return estimator


def wrong_values(class_path: str, params: Mapping[str, Any], key: Key = ()) -> list[tuple[Key, str]]:
    """Hold values, and the ends of search spaces, against what scikit-learn's estimators say they take.

    Returns
    -------
    list of (key, message)
        Keys are relative to `params`. XGBoost says nothing of its parameters before it is fitted.
    """
    constraints = getattr(_class(class_path), "_parameter_constraints", {})
    wrong: list[tuple[Key, str]] = []
    for name, value in params.items():
        inner = _inner_estimators(value)
        for place, nested in inner:
            wrong += wrong_values(nested.class_path, nested.hyperparameters, (*key, name, *place))
        if inner or name not in constraints:
            continue
        for each in _extremes(value):
            try:
                validate_parameter_constraints(
                    {name: constraints[name]}, {name: each}, class_path.rpartition(".")[2]
                )
            except InvalidParameterError as error:
                wrong.append(((*key, name), str(error)))
                break
    return wrong


def _inner_estimators(value: Any) -> list[tuple[Key, Nested]]:
    if isinstance(value, Nested):
        return [(("hyperparameters",), value)]
    if not isinstance(value, list | tuple):
        return []
    members = [(i, each.get("estimator")) for i, each in enumerate(value) if isinstance(each, Mapping)]
    return [
        ((i, "estimator", "hyperparameters"), member) for i, member in members if isinstance(member, Nested)
    ]


def _extremes(value: Any) -> tuple[Any, ...]:
    if isinstance(value, Int | Float):
        return value.low, value.high
    return value.choices if isinstance(value, Categorical) else (value,)


def defaults_of(class_path: str) -> dict[str, Any]:
    """Return the default of every parameter of a class on the allow-list."""
    return (
        {**_class(class_path)().get_params(deep=False), **DEFAULTS.get(class_path, {})}
        if not (class_path in catalogue.ESTIMATORS and catalogue.ESTIMATORS[class_path].required)
        else dict(DEFAULTS.get(class_path, {}))
    )


def _class(class_path: str) -> Any:
    catalogue.check_class_path(class_path)
    module, _, name = class_path.rpartition(".")
    return getattr(import_module(module), name)


def _build(class_path: str, params: Mapping[str, Any], random_state: int) -> Any:
    kind = _class(class_path)
    accepted = catalogue.ESTIMATORS[class_path].parameters
    for name in params:
        if name not in accepted:
            raise ValueError(
                f"hyperparameters: {class_path} has no parameter {name!r}.{did_you_mean(name, accepted)}"
            )
    given = {name: _inner(value, random_state) for name, value in params.items()}
    ours = dict(DEFAULTS.get(class_path, {}))
    if "random_state" in accepted:
        ours["random_state"] = random_state
    if class_path.startswith(THREADED) and "nthread" not in given:
        ours["n_jobs"] = 1
    required = (*catalogue.ESTIMATORS[class_path].required, *REQUIRED.get(class_path, ()))
    absent = [name for name in required if name not in given]
    if absent:
        raise ValueError(f"hyperparameters: {class_path} needs {', '.join(absent)}.")
    estimator = kind(**(ours | given))
    if not is_classifier(estimator):
        return estimator
    if class_path.startswith("xgboost."):
        return LabelEncodedClassifier(estimator)
    if not hasattr(estimator, "predict_proba") and hasattr(estimator, "decision_function"):
        return CalibratedClassifierCV(estimator, method="sigmoid", cv=3, ensemble=False)
    return estimator


def _inner(value: Any, random_state: int) -> Any:
    if isinstance(value, Nested):
        return _build(value.class_path, value.hyperparameters, random_state)
    if isinstance(value, Mapping):
        if "class_path" in value:
            return _build(value["class_path"], value.get("hyperparameters", {}), random_state)
        return {name: _inner(inner, random_state) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [
            (inner["name"], _inner(inner["estimator"], random_state))
            if isinstance(inner, Mapping) and set(inner) == {"name", "estimator"}
            else _inner(inner, random_state)
            for inner in value
        ]
    return value


class LabelEncodedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier that wants labels 0 … k-1 (XGBoost), for labels of any kind.

    Parameters
    ----------
    estimator : classifier
        Fitted on the codes of the labels; kept unfitted.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    estimator_ : classifier
        Fitted.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LabelEncodedClassifier:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator_ = clone(self.estimator).fit(X, encoder.transform(y), **weights)
        self.n_features_in_ = np.shape(X)[1]
        return self

    def predict(self, X: Any) -> Any:
        """Predict labels, of shape (n_rows,)."""
        check_is_fitted(self)
        return self.classes_[np.asarray(self.estimator_.predict(X)).astype(int)]

    def predict_proba(self, X: Any) -> Any:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @property
    def feature_importances_(self) -> Any:
        """Importances of the fitted estimator, of shape (n_features,)."""
        check_is_fitted(self)
        return self.estimator_.feature_importances_
