"""Boosting that stops by itself, by rows of the training that it does not learn: no number of trees is guessed."""

from __future__ import annotations

import math
import time
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from ml_assets.estimators.checked import Scored, checked
from ml_assets.failures import MendableError

Learned = tuple[Any, NDArray[Any]]
"""Rows and labels that are learned."""

FEWEST_ROWS = 60
"""Below this there are too few rows to watch; so many trees are fitted then."""
FEW_TREES = 100
TRIED_TREES = 40
"""Trees by which it is told how long so many more take; with what comes before the first one it is never too few."""

TOLD = (
    "The seconds of the search were over before boosting ended: give it more (hyperparameter_tuning.timeout)"
)


class OutOfTime(MendableError):
    """Boosting was given up, as its time was over."""


class EarlyStopped(Scored, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Boosting with as many trees as rows that it does not learn want (XGBoost, LightGBM, CatBoost).

    Parameters
    ----------
    estimator : classifier or regressor
        The library's own, with room for more trees than will be wanted; kept unfitted.
    rounds : int
        Trees without an improvement after which it stops.
    share : float
        Share of the rows that is watched and not learned.
    ordered : bool
        Whether the last rows are watched; else rows at random, class by class.
    random_state : int
    ends : float
        Time (`time.monotonic`) at which it is given up.

    Attributes
    ----------
    estimator_ : estimator
        Fitted.
    trees_ : int
        Trees that are used.
    classes_ : ndarray of shape (n_classes,)
        Of a classifier.
    """

    def __init__(
        self,
        estimator: Any,
        rounds: int = 50,
        share: float = 0.15,
        *,
        ordered: bool = False,
        random_state: int = 0,
        ends: float = math.inf,
    ) -> None:
        self.estimator = estimator
        self.rounds = rounds
        self.share = share
        self.ordered = ordered
        self.random_state = random_state
        self.ends = ends

    def fit(self, X: Any, y: Any) -> EarlyStopped:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,).

        Raises
        ------
        OutOfTime
        """
        X, labels = checked(self, X, reset=True), column_or_1d(y, warn=True)
        check_consistent_length(X, labels)
        assert_all_finite(labels, input_name="y")
        if is_classifier(self.estimator):
            check_classification_targets(labels)
            self.classes_, labels = np.unique(labels, return_inverse=True)
        learned, watched = self._parts(labels)
        made, library = clone(self.estimator), type(self.estimator).__module__.partition(".")[0]
        if not len(watched):
            trees = {"catboost": "iterations"}.get(library, "n_estimators")
            made.set_params(**{trees: FEW_TREES})
            watching: dict[str, Any] = {}
        else:
            unlearned, truth = _rows(X, watched), labels[watched]
            # LightGBM has other names for the same.
            watching = (
                {"eval_X": (unlearned,), "eval_y": (truth,)}
                if library == "lightgbm"
                else {"eval_set": [(unlearned, truth)]}
            )
        rows = _rows(X, learned)
        watching |= WATCHES[library](
            made, self.rounds if len(watched) else None, self.ends, (rows, labels[learned])
        )
        self.estimator_ = made.fit(rows, labels[learned], **watching)
        if library == "xgboost":
            made.set_params(callbacks=None)  # the clock is no part of the model, and no pickle takes it
        if time.monotonic() > self.ends:
            raise OutOfTime(TOLD)
        self.trees_ = _trees(self.estimator_, library) if len(watched) else FEW_TREES
        return self

    def _parts(self, labels: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Positions of the rows to learn and of those to watch; every class is learned."""
        from sklearn.model_selection import train_test_split

        everything = np.arange(len(labels))
        if len(labels) < FEWEST_ROWS:
            return everything, everything[:0]
        if not hasattr(self, "classes_"):
            if self.ordered:
                cut = len(labels) - math.ceil(self.share * len(labels))
                return everything[:cut], everything[cut:]
            learned, watched = train_test_split(
                everything, test_size=self.share, random_state=self.random_state
            )
            return np.sort(learned), np.sort(watched)
        counts = np.bincount(labels)
        if self.ordered:
            cut = len(labels) - math.ceil(self.share * len(labels))
            if len(np.unique(labels[:cut])) == len(counts):
                return everything[:cut], everything[cut:]
        common = counts[labels] >= 4
        count = math.ceil(self.share * common.sum())
        if not len(counts) <= count <= common.sum() - len(counts):
            return everything, everything[:0]
        learned, watched = train_test_split(
            everything[common],
            test_size=count,
            random_state=self.random_state,
            stratify=labels[common],
        )
        return np.sort(np.r_[learned, everything[~common]]), np.sort(watched)

    def predict(self, X: Any) -> Any:
        """Predict labels or numbers, of shape (n_rows,)."""
        check_is_fitted(self)
        found = np.asarray(self.estimator_.predict(checked(self, X))).ravel()
        return self.classes_[found.astype(int)] if hasattr(self, "classes_") else found

    @available_if(lambda self: is_classifier(self.estimator))  # type: ignore[untyped-decorator]  # likewise
    def predict_proba(self, X: Any) -> Any:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(checked(self, X))

    def __sklearn_tags__(self) -> Any:
        """Kind of estimator, as scikit-learn asks for it."""
        tags = self.estimator.__sklearn_tags__()
        tags.target_tags.multi_output = False
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_label = False
        return tags


def _rows(X: Any, positions: NDArray[np.intp]) -> Any:
    return X.iloc[positions] if hasattr(X, "iloc") else X[positions]


def _trees(fitted: Any, library: str) -> int:
    """Number of trees that predictions are made of."""
    if library == "xgboost":
        return int(fitted.best_iteration) + 1
    return max(1, int(fitted.best_iteration_) + (library == "catboost"))


def _watch_xgboost(made: Any, rounds: int | None, ends: float, _learned: Learned) -> dict[str, Any]:
    from xgboost.callback import TrainingCallback

    class Clock(TrainingCallback):  # type: ignore[misc]  # xgboost's callbacks have no types
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            return time.monotonic() > ends

    made.set_params(early_stopping_rounds=rounds, callbacks=[Clock()])
    return {"verbose": False}


def _watch_lightgbm(_made: Any, rounds: int | None, ends: float, _learned: Learned) -> dict[str, Any]:
    lightgbm = import_module("lightgbm")

    def clock(_: Any) -> None:
        if time.monotonic() > ends:
            raise OutOfTime(TOLD)

    return {"callbacks": [clock] + ([lightgbm.early_stopping(rounds, verbose=False)] if rounds else [])}


def _watch_catboost(made: Any, rounds: int | None, ends: float, learned: Learned) -> dict[str, Any]:
    """CatBoost is given a clock only where it may need one.

    Before each call it lays all losses so far anew: of 1,500 trees of few rows that is three quarters of the time.
    """

    class Clock:
        def after_iteration(self, _: Any) -> bool:
            return time.monotonic() <= ends

    X = learned[0]
    kinds = X.dtypes.items() if hasattr(X, "columns") else ()
    made.set_params(cat_features=[column for column, kind in kinds if kind == "category"])
    watching: dict[str, Any] = {"early_stopping_rounds": rounds} if rounds else {}
    if not math.isfinite(ends):
        return watching
    started = time.monotonic()
    made.copy().set_params(iterations=TRIED_TREES).fit(*learned)
    now = time.monotonic()
    longest = (now - started) * (made.get_param("iterations") or 1000) / TRIED_TREES
    return watching if longest < ends - now else watching | {"callbacks": [Clock()]}


WATCHES = {"xgboost": _watch_xgboost, "lightgbm": _watch_lightgbm, "catboost": _watch_catboost}
"""How a library is told to stop early, and at the end of its time: what its `fit` is given."""
