"""Every estimator of ours is one as scikit-learn wants it: no check fails that what is inside it passes alone."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import RadiusNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import check_estimator
from xgboost import XGBClassifier, XGBRegressor

from ml_assets.estimators.blend import BlendedClassifier, BlendedRegressor
from ml_assets.estimators.build import build
from ml_assets.estimators.calibrated import CalibratedClassifier
from ml_assets.estimators.clusters import Clusters
from ml_assets.estimators.effects import Probability
from ml_assets.estimators.ensembles import StackedClassifier, StackedRegressor, VotedClassifier
from ml_assets.estimators.kernel import KernelClassifier, KernelRegressor
from ml_assets.estimators.monotone import Monotone
from ml_assets.estimators.own import OwnEstimator
from ml_assets.estimators.scaled import ScaledTargetRegressor
from ml_assets.estimators.several import SeveralTargets
from ml_assets.estimators.stopping import EarlyStopped
from ml_assets.estimators.wrappers import LabelEncodedClassifier, MeanWhereNone, NamedCategories
from ml_assets.features.lean import LeanImputer, LeanScaler
from ml_assets.uplift import RLearner, SLearner, TLearner, XLearner
from ml_assets_tests.support.libraries import marks_of

TREES = {"n_estimators": 8, "n_jobs": 1}
CLASSIFIERS = [("linear", LogisticRegression()), ("bayes", GaussianNB())]
REGRESSORS = [("linear", Ridge()), ("tree", DecisionTreeRegressor(random_state=0))]


class Numbered(Clusters):
    """Numbers of clusters are text; scikit-learn's checks count with them."""

    def predict(self, X: Any) -> Any:
        return super().predict(X).astype(int)

    def fit(self, X: Any, y: Any = None) -> Any:
        super().fit(X, y)
        self.labels_ = self.predict(X)
        return self


class TwoOutcomes(Probability):
    """The checks' targets are any numbers; here what is above their middle happened."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        values = np.asarray(y)
        if values.ndim and values.size:
            y = values > np.sort(values, axis=None)[len(values) // 2 - 1]
        return super().fit(X, y, sample_weight)


class _Treated:
    """A learner of an effect that treats every second row of the checks, which have one target."""

    def fit(self, X: Any, y: Any) -> Any:
        if y is not None and np.ndim(np.asarray(y)) == 1:
            y = np.column_stack([np.asarray(y), np.arange(len(np.asarray(y))) % 2])
        return super().fit(X, y)  # type: ignore[misc]  # of the learner

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]  # likewise
        tags.target_tags.single_output, tags.target_tags.multi_output = True, False
        return tags


class S(_Treated, SLearner):
    """Treated."""


class T(_Treated, TLearner):
    """Treated."""


class X(_Treated, XLearner):
    """Treated."""


class R(_Treated, RLearner):
    """Treated."""


class Both(RegressorMixin, SeveralTargets):  # type: ignore[misc]  # scikit-learn has no types
    """Several targets, of which the checks, which have one, see the first."""

    def __init__(self, estimator: Any) -> None:
        super().__init__(estimator, ("one", "two"))

    def fit(self, X: Any, y: Any) -> Any:
        return super().fit(X, y if y is None else np.column_stack([np.asarray(y), np.asarray(y)]))

    def predict(self, X: Any) -> Any:
        return super().predict(X)[:, 0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = False
        return tags


OWN_IS_TOLD = {"check_dtype_object"}
"""What a person's class raises is told in one line, of one type."""

OF_THE_TWO = {"check_supervised_y_2d"}
"""Two columns are made of the one here, which nobody is warned of."""
SLOW = GradientBoostingRegressor(n_estimators=3, random_state=0)
ABOVE_THE_MIDDLE = {"check_regressors_train", "check_sample_weight_equivalence_on_dense_data"}
"""Numbers are not foretold, and weights move no middle."""

OF_AN_EFFECT = {"check_regressors_train", "check_supervised_y_2d"}
"""What is foretold is not y but what the treatment does to it, and the second column of y is made up here."""

OURS: dict[str, tuple[Any, Any, set[str]]] = {
    "labels as codes": (LabelEncodedClassifier(LogisticRegression()), LogisticRegression(), set()),
    "labels as codes of boosting": (
        LabelEncodedClassifier(XGBClassifier(n_estimators=3, n_jobs=1)), LogisticRegression(), set(),
    ),
    "blended classifiers": (BlendedClassifier(CLASSIFIERS, [0.7, 0.3]), GaussianNB(), set()),
    "blended regressors": (BlendedRegressor(REGRESSORS), Ridge(), set()),
    "scaled target": (ScaledTargetRegressor(Ridge()), Ridge(), set()),
    "kernel classifier": (KernelClassifier(), LogisticRegression(), set()),
    "kernel classifier, by range": (KernelClassifier(scale="range"), LogisticRegression(), set()),
    "kernel regressor": (KernelRegressor(), Ridge(), set()),
    "calibrated": (CalibratedClassifier(LogisticRegression(), {}), LogisticRegression(), set()),
    "k-means": (Numbered(KMeans(2, n_init=1, random_state=0)), KMeans(2, n_init=1, random_state=0), set()),
    "mixture": (Numbered(GaussianMixture(2, random_state=0)), GaussianMixture(2, random_state=0), set()),
    "votes": (VotedClassifier(CLASSIFIERS), GaussianNB(), set()),
    "stacked classifiers": (StackedClassifier(CLASSIFIERS), GaussianNB(), set()),
    "stacked regressors": (StackedRegressor(REGRESSORS), Ridge(), set()),
    "stopped regressor": (EarlyStopped(XGBRegressor(**TREES)), XGBRegressor(**TREES), set()),
    "stopped classifier": (EarlyStopped(XGBClassifier(**TREES)), LogisticRegression(), set()),
    "mean where none": (
        MeanWhereNone(RadiusNeighborsRegressor(radius=5.0)), RadiusNeighborsRegressor(radius=5.0), set(),
    ),
    "own classifier": (OwnEstimator(LogisticRegression(), "shop.Own"), LogisticRegression(), OWN_IS_TOLD),
    "own regressor": (OwnEstimator(LinearRegression(), "shop.Own"), LinearRegression(), OWN_IS_TOLD),
    "monotone": (
        Monotone(XGBRegressor(**TREES), "monotone_constraints", {}), XGBRegressor(**TREES), set(),
    ),
    "probability": (TwoOutcomes(LogisticRegression()), LogisticRegression(), ABOVE_THE_MIDDLE),
    "several targets, together": (Both(Ridge()), Ridge(), OF_THE_TWO),
    "several targets, one by one": (Both(SLOW), SLOW, OF_THE_TWO),
    "imputer": (LeanImputer(), LinearRegression(), set()),
    "scaler": (LeanScaler(), LinearRegression(), set()),
    **{
        f"effect, {learner.__name__}": (learner(Ridge()), Ridge(), OF_AN_EFFECT)
        for learner in (S, T, X, R)
    },
}  # fmt: skip
"""An estimator of ours, what it is no worse than, and checks that it may fail."""


def failures(estimator: BaseEstimator) -> dict[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks provoke them
        results = check_estimator(estimator, on_fail=None)
    return {each["check_name"]: str(each["exception"]) for each in results if each["status"] == "failed"}


@pytest.mark.parametrize("name", OURS)
def test_no_check_of_scikit_learn_fails_that_passes_alone(name: str) -> None:
    estimator, alone, allowed = OURS[name]
    found = failures(estimator)
    assert set(found) - allowed <= set(failures(alone) if set(found) - allowed else ()), found


BOOSTED = {
    "catboost.CatBoostClassifier": {"iterations": 8},
    "catboost.CatBoostRegressor": {"iterations": 8},
    "lightgbm.LGBMClassifier": {"n_estimators": 8, "min_child_samples": 2},
    "lightgbm.LGBMRegressor": {"n_estimators": 8, "min_child_samples": 2},
}


@pytest.mark.parametrize(
    "class_path", [pytest.param(path, marks=marks_of(path), id=path) for path in BOOSTED]
)
@pytest.mark.parametrize("stopped", [False, True])
def test_nor_of_boosting_by_other_libraries(class_path: str, stopped: bool) -> None:
    task = "classification" if class_path.endswith("Classifier") else "regression"
    built = build(class_path, BOOSTED[class_path], 0, task)
    inner = built.estimator if isinstance(built, NamedCategories) else built
    found = failures(EarlyStopped(inner) if stopped else built)
    assert set(found) <= set(failures(inner) if found else ()), found
