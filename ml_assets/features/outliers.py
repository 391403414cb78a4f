"""Numbers that are far from the others: where the bounds are, and what is done beyond them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import IsolationForest
from sklearn.utils.validation import check_is_fitted

from ml_assets.recipe.schema.preparing import OutlierMethod

SPREADS = 1.5
"""Interquartile ranges beyond the quartiles (Tukey 1977, Exploratory Data Analysis)."""
DEVIATIONS = 3.0
"""Standard deviations from the mean: |z| < 3."""
FEW = 2
"""So many different values are a yes and a no, of which the rarer is no outlier."""


class Outliers(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Learn where numbers are usual; clip those beyond, or tell them in columns of their own.

    Parameters
    ----------
    method : {"iqr", "zscore", "isolation_forest"}
        Bounds of a column: quartiles and 1.5 interquartile ranges; mean and 3 standard deviations; the smallest and
        the largest value of the rows that an isolation forest (Liu, Ting, Zhou 2008) does not isolate, whose scores
        are within 1.5 interquartile ranges of the scores' quartiles. A column without spread has none, nor has one
        of two values, where it is looked at alone.
    treatment : {"clip", "flag"}
        `clip`: values beyond a bound become the bound. `flag`: 1 where a value is beyond, a column for each; one
        column for the row where it is the forest that tells.
    random_state : int

    Attributes
    ----------
    low_, high_ : ndarray of shape (n_columns,)
    forest_ : IsolationForest or None

    Examples
    --------
    >>> frame = pd.DataFrame({"price": [1.0, 2.0, 3.0, 4.0, 100.0]})
    >>> Outliers("iqr").fit_transform(frame)["price"].tolist()
    [1.0, 2.0, 3.0, 4.0, 7.0]
    >>> Outliers("iqr", "flag").fit_transform(frame)["price_outlier"].tolist()
    [0.0, 0.0, 0.0, 0.0, 1.0]
    """

    def __init__(
        self,
        method: OutlierMethod = "iqr",
        treatment: Literal["clip", "flag"] = "clip",
        random_state: int = 0,
    ) -> None:
        self.method = method
        self.treatment = treatment
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: Any = None) -> Outliers:
        """Learn the bounds of numbers, NaN where missing, of shape (n_rows, n_columns)."""
        values = X.to_numpy(np.float64)
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.forest_ = None
        usual = values
        if self.method == "isolation_forest":
            self.forest_ = IsolationForest(random_state=self.random_state).fit(values)
            # Its own bound, a score of .5, is what a usual row has: of numbers without tails most rows lie beyond it.
            _, bound = _quartiles(-self.forest_.score_samples(values))
            self.forest_.offset_ = -bound
            usual = values[self.forest_.predict(values) == 1]
        bounds = [BOUNDS[self.method](column[~np.isnan(column)]) for column in usual.T]
        self.low_, self.high_ = np.array(bounds, dtype=np.float64).reshape(-1, 2).T
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return clipped numbers, or flags."""
        check_is_fitted(self)
        if self.treatment == "clip":
            clipped = np.clip(X.to_numpy(np.float64), self.low_, self.high_)
            return pd.DataFrame(clipped, index=X.index, columns=X.columns)
        flags = self._isolated(X)[:, None] if self.forest_ is not None else self._beyond(X)
        return pd.DataFrame(flags.astype(np.float64), index=X.index, columns=self.get_feature_names_out())

    def outlying(self, X: pd.DataFrame) -> NDArray[np.bool_]:
        """Say which rows are outliers: isolated, or beyond a bound in any column."""
        check_is_fitted(self)
        return self._isolated(X) if self.forest_ is not None else np.asarray(self._beyond(X).any(axis=1))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the columns that come out."""
        if self.treatment == "clip":
            return self.feature_names_in_
        if self.forest_ is not None:
            return np.array(["outlier"], dtype=object)
        return np.array([f"{name}_outlier" for name in self.feature_names_in_], dtype=object)

    def _isolated(self, X: pd.DataFrame) -> NDArray[np.bool_]:
        assert self.forest_ is not None
        return np.asarray(self.forest_.predict(X.to_numpy(np.float64)) == -1) if len(X) else np.zeros(0, bool)

    def _beyond(self, X: pd.DataFrame) -> NDArray[np.bool_]:
        values = X.to_numpy(np.float64)
        with np.errstate(invalid="ignore"):
            return np.asarray((values < self.low_) | (values > self.high_))


def _quartiles(values: NDArray[np.float64]) -> tuple[float, float]:
    if len(np.unique(values)) <= FEW:
        return -np.inf, np.inf
    first, third = np.percentile(values, [25, 75])
    spread = SPREADS * (third - first)
    return (first - spread, third + spread) if spread > 0 else (-np.inf, np.inf)


def _deviations(values: NDArray[np.float64]) -> tuple[float, float]:
    if len(np.unique(values)) <= FEW:
        return -np.inf, np.inf
    mean, spread = values.mean(), DEVIATIONS * values.std()
    return mean - spread, mean + spread


def _ends(values: NDArray[np.float64]) -> tuple[float, float]:
    return (values.min(), values.max()) if len(values) else (-np.inf, np.inf)


BOUNDS = {"iqr": _quartiles, "zscore": _deviations, "isolation_forest": _ends}
"""From the known values of a column to its lower and its upper bound."""
