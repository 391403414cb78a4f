"""From a fitted estimator to a model of plain data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from ml_assets.compiled.refusal import NotCompiledError
from ml_assets.compiled.spec import Calibrated, Kernel, Layers, Linear, Link, Mean, Model, Several, Stacked
from ml_assets.compiled.write_trees import TREES
from ml_assets.estimators.kernel import BOUND, HALF_RANGE

Arrays = dict[str, NDArray[Any]]


def write_model(estimator: Any, folder: Path, name: str = "model") -> tuple[Model, Arrays]:
    """Write down an estimator; what is in a library's own format goes into the folder.

    Raises
    ------
    NotCompiledError
        If it is of a kind that is not known here.
    """
    kind = type(estimator).__name__
    if kind in WRITERS:
        return WRITERS[kind](estimator, folder, name)
    if kind in TREES:
        spec, arrays = TREES[kind](estimator, folder, name)
        return spec, {f"{name}.{key}": values for key, values in arrays.items()}
    if kind in LINEAR and np.ndim(estimator.coef_) in (1, 2):
        return _linear(estimator, LINEAR[kind](estimator), name)
    raise NotCompiledError(f"{kind} is served as it is")


def _wrapped(estimator: Any, folder: Path, name: str) -> tuple[Model, Arrays]:
    return write_model(estimator.estimator_, folder, name)


def _linear(estimator: Any, link: Link, name: str) -> tuple[Model, Arrays]:
    coef = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    intercept = np.broadcast_to(np.asarray(estimator.intercept_, np.float64).ravel(), (len(coef),))
    if link == "identity" and len(coef) > 1:
        raise NotCompiledError(f"{type(estimator).__name__} answers several targets at once")
    return Linear(link=link), {f"{name}.coef": coef, f"{name}.intercept": intercept.copy()}


def _shares(estimator: Any) -> Link:
    if len(estimator.classes_) == 2:
        return "sigmoid"
    return "one_against_rest" if getattr(estimator, "solver", "") == "liblinear" else "softmax"


def _by_gradient(estimator: Any) -> Link:
    if estimator.loss != "log_loss":
        raise NotCompiledError(f"the loss {estimator.loss} gives shares of its own kind")
    return "sigmoid" if len(estimator.classes_) == 2 else "one_against_rest"


def _tweedie(estimator: Any) -> Link:
    link = (
        "log" if estimator.link == "log" or (estimator.link == "auto" and estimator.power > 0) else "identity"
    )
    return "exponential" if link == "log" else "identity"


LINEAR: dict[str, Callable[[Any], Link]] = {
    **dict.fromkeys(("LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis"), _shares),
    "SGDClassifier": _by_gradient,
    **dict.fromkeys(("PoissonRegressor", "GammaRegressor"), lambda _: "exponential"),
    "TweedieRegressor": _tweedie,
    **dict.fromkeys(
        (
            "ARDRegression", "BayesianRidge", "ElasticNet", "ElasticNetCV", "HuberRegressor", "Lars", "LarsCV", "Lasso",
            "LassoCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "LinearRegression", "LinearSVR",
            "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV", "PassiveAggressiveRegressor",
            "QuantileRegressor", "Ridge", "RidgeCV", "SGDRegressor", "TheilSenRegressor",
        ),
        lambda _: "identity",
    ),
}  # fmt: skip
"""Estimators with `coef_` and `intercept_`: from the fitted one to how its sums become answers."""


def _calibrated(estimator: Any, folder: Path, name: str) -> tuple[Model, Arrays]:
    """A linear decision with Platt's sigmoid, as `estimators.build` makes it."""
    parts = estimator.calibrated_classifiers_
    inner = parts[0].estimator
    if not hasattr(inner, "decision_function") and estimator.method in ("sigmoid", "isotonic"):
        return _calibrated_shares(estimator, folder, name)
    if len(parts) != 1 or estimator.method != "sigmoid" or not hasattr(inner, "coef_"):
        raise NotCompiledError("CalibratedClassifierCV of several decisions, or by steps, is served as it is")
    if np.ndim(inner.coef_) not in (1, 2) or hasattr(inner, "predict_proba"):
        raise NotCompiledError(f"{type(inner).__name__} in CalibratedClassifierCV is served as it is")
    coef = np.atleast_2d(np.asarray(inner.coef_, dtype=np.float64))
    arrays = {
        "coef": coef,
        "intercept": np.broadcast_to(np.asarray(inner.intercept_, np.float64).ravel(), (len(coef),)).copy(),
        "sigmoid_a": np.array([each.a_ for each in parts[0].calibrators], dtype=np.float64),
        "sigmoid_b": np.array([each.b_ for each in parts[0].calibrators], dtype=np.float64),
    }
    named = {f"{name}.{key}": values for key, values in arrays.items()}
    return Linear(link="sigmoid", calibrated=True), named


def _calibrated_shares(estimator: Any, folder: Path, name: str) -> tuple[Model, Arrays]:
    """The mean of estimators that tell shares (trees, forests, boosters), each with scikit-learn's own maps."""
    specs: list[Model] = []
    arrays: Arrays = {}
    for k, each in enumerate(estimator.calibrated_classifiers_):
        if not np.array_equal(each.estimator.classes_, estimator.classes_):
            raise NotCompiledError(
                "CalibratedClassifierCV of which one does not know all classes is served as it is"
            )
        part, own = write_model(each.estimator, folder, f"{name}.{k}.0")
        arrays |= own
        for place, by in enumerate(each.calibrators, start=1 if len(estimator.classes_) == 2 else 0):
            maps = (
                {"given": by.X_thresholds_, "meant": by.y_thresholds_}
                if estimator.method == "isotonic"
                else {"platt": np.array([by.a_, by.b_])}
            )
            arrays |= {
                f"{name}.{k}.maps.{place}.{key}": np.asarray(own, np.float64) for key, own in maps.items()
            }
        specs.append(Calibrated(part=part, classes=len(estimator.classes_)))
    return Mean(parts=tuple(specs)), arrays | {f"{name}.weights": np.ones(len(specs))}


def _by_maps(estimator: Any, folder: Path, name: str) -> tuple[Model, Arrays]:
    """Shares with the maps of `training.calibration`."""
    part, arrays = write_model(estimator.estimator_, folder, f"{name}.0")
    for k, label in enumerate(map(str, estimator.classes_)):
        if (by := estimator.maps.get(label)) is None:
            continue
        if by["given"]:
            arrays |= {
                f"{name}.maps.{k}.{key}": np.array(by[key], dtype=np.float64) for key in ("given", "meant")
            }
        else:
            arrays[f"{name}.maps.{k}.sigmoid"] = np.array([by["slope"], by["intercept"]], dtype=np.float64)
    return Calibrated(part=part, classes=len(estimator.classes_)), arrays


def _layers(estimator: Any, folder: Path, name: str) -> tuple[Model, Arrays]:
    if not hasattr(estimator, "out_activation_"):
        raise NotCompiledError(f"{type(estimator).__name__} of ml_assets.networks is served as it is")
    links: dict[str, Link] = {"identity": "identity", "logistic": "sigmoid", "softmax": "softmax"}
    if estimator.out_activation_ not in links or (
        estimator.n_outputs_ > 1 and estimator.out_activation_ != "softmax"
    ):
        raise NotCompiledError(f"a network that ends in {estimator.out_activation_} is served as it is")
    arrays = {f"{name}.coef{k}": each for k, each in enumerate(estimator.coefs_)}
    arrays |= {f"{name}.intercept{k}": each for k, each in enumerate(estimator.intercepts_)}
    spec = Layers(
        layers=len(estimator.coefs_),
        activation=estimator.activation,
        link=links[estimator.out_activation_],
    )
    return spec, arrays


def _kernel(estimator: Any, _: Path, name: str) -> tuple[Model, Arrays]:
    """Scaling, Nyström's features and the linear model on them; the last two are one product of matrices."""
    steps = [step for _, step in estimator.model_.steps]
    scaler, features, linear = steps[0], steps[-2], steps[-1]
    smoothly = hasattr(scaler, "mean_")
    scale = 1.0 / scaler.scale_ if smoothly else scaler.scale_
    arrays = {
        "scale": scale,
        "shift": -scaler.mean_ * scale if smoothly else scaler.min_,
        "centres": features.components_,
        "weights": np.atleast_2d(linear.coef_) @ features.normalization_,
        "intercept": np.ravel(linear.intercept_),
    }
    spec = Kernel(
        link=_shares(linear) if is_classifier(estimator) else "identity",
        gamma=features.gamma,
        within=BOUND if smoothly else HALF_RANGE,
        smoothly=smoothly,
    )
    return spec, {f"{name}.{key}": np.asarray(values, np.float64) for key, values in arrays.items()}


def _voting(estimator: Any, folder: Path, name: str) -> tuple[Model, Arrays]:
    if is_classifier(estimator) and estimator.voting != "soft":
        raise NotCompiledError("a vote of labels is served as it is")
    parts, arrays = _parts(estimator.estimators_, folder, name)
    weights = estimator._weights_not_none or [1.0] * len(parts)
    return Mean(parts=parts), arrays | {f"{name}.weights": np.array(weights, dtype=np.float64)}


def _members(estimator: Any, folder: Path, name: str) -> tuple[tuple[Model, ...], Arrays]:
    if estimator.encoder_ is not None or estimator.typed:
        raise NotCompiledError("an ensemble of estimators with inputs of their own is served as it is")
    known = [estimator, *estimator.estimators_, *([estimator.final_] if hasattr(estimator, "final_") else [])]
    if is_classifier(estimator) and len({len(each.classes_) for each in known}) > 1:
        raise NotCompiledError("an ensemble of which one does not know all classes is served as it is")
    return _parts(estimator.estimators_, folder, name)


def _blended(estimator: Any, folder: Path, name: str) -> tuple[Model, Arrays]:
    parts, arrays = _members(estimator, folder, name)
    votes = type(estimator).__name__ == "VotedClassifier"
    return Mean(parts=parts, votes=votes), arrays | {f"{name}.weights": estimator.weights_}


def _stacked(estimator: Any, folder: Path, name: str) -> tuple[Model, Arrays]:
    """A stack of `estimators.ensembles`."""
    parts, arrays = _members(estimator, folder, name)
    final, more = write_model(estimator.final_, folder, f"{name}.final")
    return Stacked(parts=parts, final=final, odds=is_classifier(estimator)), arrays | more


def _stacking(estimator: Any, folder: Path, name: str) -> tuple[Model, Arrays]:
    if set(estimator.stack_method_) - {"predict_proba", "predict"} or (
        is_classifier(estimator) and "predict" in estimator.stack_method_
    ):
        raise NotCompiledError("a stack of decisions is served as it is")
    parts, arrays = _parts(estimator.estimators_, folder, name)
    final, more = write_model(estimator.final_estimator_, folder, f"{name}.final")
    return Stacked(parts=parts, final=final, passthrough=estimator.passthrough), arrays | more


def _several(estimator: Any, folder: Path, name: str) -> tuple[Model, Arrays]:
    if estimator.together_:
        raise NotCompiledError("one estimator that learned several targets together is served as it is")
    parts, arrays = _parts(estimator.estimators_, folder, name)
    return Several(parts=parts), arrays


def _parts(estimators: Any, folder: Path, name: str) -> tuple[tuple[Model, ...], Arrays]:
    specs: list[Model] = []
    arrays: Arrays = {}
    for k, each in enumerate(estimators):
        spec, own = write_model(each, folder, f"{name}.{k}")
        specs.append(spec)
        arrays |= own
    return tuple(specs), arrays


WRITERS: dict[str, Callable[[Any, Path, str], tuple[Model, Arrays]]] = {
    "LabelEncodedClassifier": _wrapped,
    "NamedCategories": _wrapped,
    "FixedThresholdClassifier": _wrapped,
    "CalibratedClassifierCV": _calibrated,
    "CalibratedClassifier": _by_maps,
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), _layers),
    **dict.fromkeys(("KernelClassifier", "KernelRegressor"), _kernel),
    **dict.fromkeys(("VotingClassifier", "VotingRegressor"), _voting),
    **dict.fromkeys(("BlendedClassifier", "BlendedRegressor", "VotedClassifier"), _blended),
    **dict.fromkeys(("StackedClassifier", "StackedRegressor"), _stacked),
    **dict.fromkeys(("StackingClassifier", "StackingRegressor"), _stacking),
    "SeveralTargets": _several,
}
"""Estimators that hold others, or numbers of their own."""
