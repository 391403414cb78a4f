"""What all networks have in common as scikit-learn's estimators: what is fitted holds arrays alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import assert_all_finite, check_consistent_length, check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from ml_assets.networks import columns as known
from ml_assets.networks.beginning import Start

if TYPE_CHECKING:
    from ml_assets.networks.training import Network

LEAST_ASIDE = 10
"""Rows below which none are set aside: the rows that are learned then say when to stop."""


estimator = dataclass(kw_only=True, eq=False, repr=False)
"""Parameters are fields: their names and defaults stand once, and scikit-learn reads them from the signature."""


@estimator
class Learner(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What all networks have in common: how they learn, and how they answer.

    Attributes
    ----------
    weights_ : dict of str to ndarray
    history_ : list of dict
        Of each epoch: `epoch`, `loss` and `loss_aside` (of the rows learned, and of those set aside), `learning_rate`.
    columns_ : Columns
    """

    _alike: ClassVar[bool] = False
    """Whether all numbers are of one kind."""

    learning_rate: float = 0.001
    batch_size: int = 32
    max_epochs: int = 100
    patience: int = 10
    plateau_patience: int = 5
    plateau_factor: float = 0.5
    weight_decay: float = 0.0
    dropout: float = 0.3
    validation_fraction: float = 0.1
    start_from: Any = None
    frozen_epochs: int = 0
    checkpoints: str | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    library: Literal["torch", "keras"] = "torch"
    n_jobs: int | None = None
    random_state: int | None = None

    def _network(self, columns: known.Columns, outputs: int) -> Network:
        raise NotImplementedError  # abstract: each kind of network has its own

    def _named(self, name: str, columns: known.Columns, outputs: int, **arguments: Any) -> Network:
        from ml_assets.networks.training import Network

        _see_library(self.library)
        return Network(
            name=name,
            width=columns.width,
            levels=columns.levels,
            outputs=outputs,
            arguments=arguments,
            library=self.library,
        )

    def _learn(self, X: Any, y: NDArray[Any], outputs: int, weights: NDArray[np.float32] | None) -> None:
        from ml_assets.networks.training import Lessons, Rows, train

        random = check_random_state(self.random_state)
        start = self._start()
        self.columns_ = known.learned(X, alike=self._alike) if start is None else start.learned(X)
        self.network_ = self._network(self.columns_, outputs)
        if start is not None:
            self.network_ = start.continued(self.network_)
        numbers, codes = known.taken(X, self.columns_)
        aside = _set_aside(y, self.validation_fraction, random, classes=weights is not None)
        lessons = Lessons(
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            patience=self.patience,
            plateau_patience=self.plateau_patience,
            plateau_factor=self.plateau_factor,
            weight_decay=self.weight_decay,
            frozen_epochs=self.frozen_epochs,
            seed=int(random.randint(2**31)),
            threads=1 if self.n_jobs is None else max(1, self.n_jobs),
            device=self.device,
        )
        rows = Rows(numbers=numbers, codes=codes, y=y, aside=aside)
        folder = None if self.checkpoints is None else Path(self.checkpoints)
        begun = None if start is None else start.weights
        self.weights_, self.history_ = train(self.network_, rows, lessons, weights, folder, begun)
        self.n_iter_ = len(self.history_)

    def _start(self) -> Start | None:
        """What it begins from: of a version in a recipe it is found where the recipe's training has the registry."""
        if self.start_from is None or isinstance(self.start_from, Start):
            return self.start_from
        raise ValueError(
            f"start_from: {self.start_from!r} names a version, which only the training of a recipe looks up: "
            "give a Start, or leave it out."
        )

    def _answered(self, X: Any) -> NDArray[np.float64]:
        from ml_assets.networks.training import answer

        check_is_fitted(self)
        X = self._checked(X)
        return answer(self.network_, self.weights_, *known.taken(X, self.columns_))

    def _checked(self, X: Any) -> Any:
        """Hold rows against what was fitted; a frame stays one, for its categories."""
        if _typed(X):
            return validate_data(self, X, reset=False, skip_check_array=True)
        return validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")

    def _to_learn(self, X: Any, y: Any) -> tuple[Any, NDArray[Any]]:
        """Hold rows and labels against what can be learned."""
        if _typed(X):
            X = validate_data(self, X, skip_check_array=True)
            check_consistent_length(X, y)
            assert_all_finite(y, input_name="y")
        else:
            numeric = not hasattr(self, "predict_proba")
            X, y = validate_data(
                self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", y_numeric=numeric
            )
        if len(X) < 2:
            raise ValueError("Found array with 1 sample(s) while a minimum of 2 is required: n_samples=1.")
        return X, column_or_1d(y, warn=True)

    def __sklearn_tags__(self) -> Any:
        """What it takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


@estimator
class Classifier(ClassifierMixin, Learner):  # type: ignore[misc]  # scikit-learn has no types
    """Learns classes of any labels."""

    class_weight: Any = None

    def fit(self, X: Any, y: Any) -> Classifier:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,).

        Raises
        ------
        ValueError
            If there is one class only, or the columns are not what the network takes.
        """
        X, y = self._to_learn(X, y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"The labels have one class only ({self.classes_[0]!r}): two are needed.")
        weights = np.ones(len(self.classes_))
        if self.class_weight is not None:
            weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        self._learn(X, codes.astype(np.int64), len(self.classes_), weights.astype(np.float32))
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        found = self._answered(X)
        shares = np.exp(found - found.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict labels, of shape (n_rows,)."""
        found = self._answered(X)
        return np.asarray(self.classes_[found.argmax(axis=1)])


@estimator
class Regressor(RegressorMixin, Learner):  # type: ignore[misc]  # scikit-learn has no types
    """Learns a number, or several."""

    def fit(self, X: Any, y: Any) -> Regressor:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,).

        Raises
        ------
        ValueError
            If the columns are not what the network takes.
        """
        X, y = self._to_learn(X, y)
        y = y.astype(np.float64)
        start = self._start()
        self.mean_, spread = float(y.mean()), float(y.std())
        self.scale_ = spread if spread > 0 else 1.0
        if start is not None:
            self.mean_, self.scale_ = start.mean, start.scale
        sized = ((y - self.mean_) / self.scale_).astype(np.float32).reshape(-1, 1)
        self._learn(X, sized, 1, None)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict numbers, of shape (n_rows,)."""
        return np.asarray(self._answered(X)[:, 0] * self.scale_ + self.mean_)


def _see_library(name: str) -> None:
    if name not in ("torch", "keras"):
        raise ValueError(f"library: {name!r} is none; allowed: torch, keras.")
    if name == "keras" and find_spec("keras") is None:
        raise ValueError('library: keras is not installed. Install it: pip install "ml_assets[keras]"')


def _typed(X: Any) -> bool:
    return isinstance(X, pd.DataFrame) and any(kind == "category" for kind in X.dtypes)


def _set_aside(y: NDArray[Any], fraction: float, random: Any, *, classes: bool) -> NDArray[np.bool_]:
    """Rows that say when to stop, of each class the same share, one at least learned."""
    aside = np.zeros(len(y), dtype=bool)
    groups = [np.flatnonzero(y == code) for code in np.unique(y)] if classes else [np.arange(len(y))]
    for group in groups if len(y) >= LEAST_ASIDE else []:
        count = min(math.floor(fraction * len(group) + 0.5), len(group) - 1)
        aside[random.permutation(group)[:count]] = True
    return aside
