"""The estimators a recipe may name: an allow-list of class paths, with tasks and parameter names.

`estimators.json` is the literal table; a test keeps it equal to the installed libraries.
The recipe itself imports none of them: it only has to know the names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml_assets.recipe import planned
from ml_assets.recipe.faults import did_you_mean, nearest
from ml_assets.recipe.own import MODULES, is_allowed
from ml_assets.recipe.tasks import ESTIMATOR_KINDS

TWINS: Final = {
    "sklearn.linear_model.LogisticRegression": "sklearn.linear_model.Ridge",
    "sklearn.linear_model.LogisticRegressionCV": "sklearn.linear_model.RidgeCV",
    "sklearn.linear_model.Ridge": "sklearn.linear_model.RidgeClassifier",
    "sklearn.linear_model.RidgeCV": "sklearn.linear_model.RidgeClassifierCV",
    "sklearn.linear_model.RidgeClassifierCV": "sklearn.linear_model.RidgeCV",
    "sklearn.linear_model.LinearRegression": "sklearn.linear_model.LogisticRegression",
    "sklearn.linear_model.Lasso": "sklearn.linear_model.LogisticRegression",
    "sklearn.linear_model.ElasticNet": "sklearn.linear_model.LogisticRegression",
    "sklearn.svm.SVC": "sklearn.svm.SVR",
    "sklearn.svm.SVR": "sklearn.svm.SVC",
    "sklearn.svm.NuSVC": "sklearn.svm.NuSVR",
    "sklearn.svm.NuSVR": "sklearn.svm.NuSVC",
    "sklearn.svm.LinearSVC": "sklearn.svm.LinearSVR",
    "sklearn.svm.LinearSVR": "sklearn.svm.LinearSVC",
}
"""The same idea for the other task, where the names do not tell."""


OF_KIND: Final = {
    "Clusterer": "sklearn.cluster.KMeans",
    "Recommender": "sklearn.decomposition.TruncatedSVD",
}
"""The usual estimator of a task that is of a kind by itself."""

NO_NEW_ROWS: Final = frozenset(
    f"sklearn.cluster.{name}"
    for name in (
        "AgglomerativeClustering", "DBSCAN", "FeatureAgglomeration", "HDBSCAN", "OPTICS", "SpectralBiclustering",
        "SpectralClustering", "SpectralCoclustering",
    )
)  # fmt: skip
"""Clusterers that have no `predict`: they know the rows that they were fitted on, and no other."""


@dataclass(frozen=True)
class Estimator:
    """What is known of a class without importing it."""

    task: str
    required: tuple[str, ...]
    parameters: tuple[str, ...]
    takes: Mapping[str, Any]
    """Values that a parameter surely takes, by its name; it may take more."""


def _read_table() -> dict[str, Estimator]:
    rows = json.loads(Path(__file__).with_name("estimators.json").read_text("utf-8"))
    return {
        path: Estimator(row["task"], tuple(row["required"]), tuple(row["parameters"]), row.get("takes", {}))
        for path, row in rows.items()
    }


ESTIMATORS: Final = _read_table()
"""Class path → estimator."""

ALLOWED: Final = tuple(sorted({path.partition(".")[0] for path in ESTIMATORS}))
"""Packages whose estimators may be named."""

_OF_ALLOWED: Final = f"estimators of {', '.join(ALLOWED[:-1])} and {ALLOWED[-1]}"


def check_class_path(class_path: str) -> None:
    """
    Refuse a class path that is not on the allow-list.

    Raises
    ------
    ValueError
        With what is allowed, and the nearest valid name.

    Examples
    --------
    >>> check_class_path("sklearn.svm.SVC")
    >>> check_class_path("xgboost.XGBClasifier")
    Traceback (most recent call last):
    ValueError: 'xgboost.XGBClasifier' is no estimator of xgboost. Did you mean 'xgboost.XGBClassifier'?
    """
    if class_path in ESTIMATORS or is_allowed(class_path):
        return
    package, _, _ = class_path.partition(".")
    suggestion = _suggestion(class_path)
    if package in ALLOWED:
        raise ValueError(f"{class_path!r} is no estimator of {package}.{suggestion}")
    if package in planned.INSTEAD:
        raise ValueError(
            f"{class_path!r} is no estimator: networks are, as {planned.INSTEAD[package]} "
            "(docs/recipe.md, Neural networks)"
        )
    module = class_path.rpartition(".")[0] or "MODULE"
    raise ValueError(
        f"{class_path!r} is not allowed: only {_OF_ALLOWED} are, and those of modules that the operator trusts "
        f"({MODULES}={module}).{suggestion}"
    )


def twin(class_path: str, task: str) -> str:
    """
    The estimator of the same kind for `task`; a random forest where there is none, or the usual one of the task.

    >>> twin("sklearn.ensemble.ExtraTreesRegressor", "classification")
    'sklearn.ensemble.ExtraTreesClassifier'
    >>> twin("sklearn.naive_bayes.GaussianNB", "regression")
    'sklearn.ensemble.RandomForestRegressor'
    """
    suffix = ESTIMATOR_KINDS[task]
    if suffix in OF_KIND:
        return OF_KIND[suffix]
    renamed = (class_path.replace(other, suffix) for other in ESTIMATOR_KINDS.values())
    for candidate in (TWINS.get(class_path), *renamed):
        if candidate in ESTIMATORS and ESTIMATOR_KINDS.get(ESTIMATORS[candidate].task) == suffix:
            return candidate
    return f"sklearn.ensemble.RandomForest{suffix}"


def _suggestion(class_path: str) -> str:
    paths_by_name = {path.rpartition(".")[2]: path for path in ESTIMATORS}
    found = nearest(class_path.rpartition(".")[2], paths_by_name)
    names = [paths_by_name[name] for name in found]
    return (
        f" Did you mean {' or '.join(map(repr, names))}?" if names else did_you_mean(class_path, ESTIMATORS)
    )
