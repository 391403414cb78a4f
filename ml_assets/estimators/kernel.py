"""Kernel models: smooth functions of all columns together, where trees see steps and a linear model planes."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

Scale = Literal["deviation", "range"]
"""What makes columns alike: their standard deviation, or their range (images, whose corners hardly vary)."""
BOUND = 3.0
"""Deviations that no value goes beyond, however far out it lies (Holzmüller et al. 2024, Better by default)."""
HALF_RANGE = 3.0**0.5
"""Half of the range of a column that is evenly spread with deviation 1."""


def bounded(X: Any) -> NDArray[np.float64]:
    """Bring values smoothly within three deviations: x / sqrt(1 + (x / 3)^2).

    >>> bounded([[0.0, 4.0, -400.0]]).round(2).tolist()
    [[0.0, 2.4, -3.0]]
    """
    values = np.asarray(X, dtype=np.float64)
    return np.asarray(values / np.sqrt(1.0 + (values / BOUND) ** 2))


POSITIVE = [Interval(Real, 0, None, closed="neither")]
CONSTRAINTS = {
    "gamma": POSITIVE,
    "n_components": [Interval(Integral, 1, None, closed="left")],
    "scale": [StrOptions(set(get_args(Scale)))],
    "random_state": ["random_state"],
}
"""What parameters of both kinds may be, as scikit-learn says it."""


class _Kernel(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both kinds share: columns made alike, Nyström's features of a Gaussian kernel, a linear model on them."""

    gamma: float
    n_components: int
    scale: Scale
    random_state: int

    def _fitted(self, X: NDArray[np.float64], y: Any, linear: Any) -> Pipeline:
        alike = (
            (MinMaxScaler((-HALF_RANGE, HALF_RANGE), clip=True),)
            if self.scale == "range"
            else (StandardScaler(), FunctionTransformer(bounded))
        )
        features = Nystroem(
            gamma=self.gamma / X.shape[1],
            n_components=min(self.n_components, len(X)),
            random_state=self.random_state,
        )
        return make_pipeline(*alike, features, linear).fit(X, y)

    def _rows(self, X: Any) -> Any:
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=np.float64)


class KernelClassifier(ClassifierMixin, _Kernel):  # type: ignore[misc]  # scikit-learn has no types
    """Logistic regression on the features of a Gaussian kernel, approximated from some of the rows.

    Parameters
    ----------
    gamma : float
        Width of the kernel exp(-gamma ||x - z||^2 / n_features).
    C : float
        Inverse of the L2 penalty.
    n_components : int
        Rows that the kernel is approximated from (Williams & Seeger 2001), fewer where there are fewer.
    scale : "deviation" or "range"
        What makes columns alike first; by deviation, values far out are bounded.
    random_state : int

    Attributes
    ----------
    model_ : Pipeline
        Fitted.
    classes_ : ndarray of shape (n_classes,)
    """

    _parameter_constraints = CONSTRAINTS | {"C": POSITIVE}

    def __init__(
        self,
        gamma: float = 0.2,
        C: float = 30.0,
        n_components: int = 400,
        scale: Scale = "deviation",
        random_state: int = 0,
    ) -> None:
        self.gamma = gamma
        self.C = C
        self.n_components = n_components
        self.scale = scale
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> KernelClassifier:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        self.model_ = self._fitted(X, y, LogisticRegression(C=self.C, max_iter=1000))
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X: Any) -> Any:
        """Predict labels, of shape (n_rows,)."""
        rows = self._rows(X)
        return self.model_.predict(rows)

    def predict_proba(self, X: Any) -> Any:
        """Predict shares of shape (n_rows, n_classes), in the order of `classes_`."""
        rows = self._rows(X)
        return self.model_.predict_proba(rows)


class KernelRegressor(RegressorMixin, _Kernel):  # type: ignore[misc]  # scikit-learn has no types
    """Ridge regression on the features of a Gaussian kernel, approximated from some of the rows.

    Parameters
    ----------
    gamma : float
        Width of the kernel exp(-gamma ||x - z||^2 / n_features).
    alpha : float
        L2 penalty.
    n_components : int
        Rows that the kernel is approximated from (Williams & Seeger 2001), fewer where there are fewer.
    scale : "deviation" or "range"
        What makes columns alike first; by deviation, values far out are bounded.
    random_state : int

    Attributes
    ----------
    model_ : Pipeline
        Fitted.
    """

    _parameter_constraints = CONSTRAINTS | {"alpha": POSITIVE}

    def __init__(
        self,
        gamma: float = 0.1,
        alpha: float = 1.0,
        n_components: int = 400,
        scale: Scale = "deviation",
        random_state: int = 0,
    ) -> None:
        self.gamma = gamma
        self.alpha = alpha
        self.n_components = n_components
        self.scale = scale
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> KernelRegressor:
        """Fit on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        X, y = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        self.model_ = self._fitted(X, y, Ridge(self.alpha))
        return self

    def predict(self, X: Any) -> Any:
        """Predict numbers, of shape (n_rows,)."""
        rows = self._rows(X)
        return self.model_.predict(rows)
