"""scikit-learn's imputer and its transformer of columns, with the same numbers from fewer copies of many rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer


class LeanImputer(SimpleImputer):  # type: ignore[misc]  # scikit-learn has no types
    """A SimpleImputer that takes medians column by column, and copies nothing where no column is told to be missing.

    The median of a masked array of all columns takes six times the array.
    """

    def _dense_fit(self, X: Any, strategy: str, missing_values: Any, fill_value: Any) -> Any:
        if strategy != "median" or X.dtype.kind != "f":
            return super()._dense_fit(X, strategy, missing_values, fill_value)
        self._fit_indicator(np.isnan(X))
        found = np.empty(X.shape[1], dtype=X.dtype)
        for k, column in enumerate(X.T):
            known = column[~np.isnan(column)]
            found[k] = np.median(known) if len(known) else (0 if self.keep_empty_features else np.nan)
        return found

    def _concatenate_indicator(self, X_imputed: Any, X_indicator: Any) -> Any:
        if X_indicator is not None and not X_indicator.shape[1]:
            return X_imputed
        return super()._concatenate_indicator(X_imputed, X_indicator)


class LeanColumns(ColumnTransformer):  # type: ignore[misc]  # scikit-learn has no types
    """A ColumnTransformer that gives what its only branch gives, and no copy of it."""

    def _hstack(self, Xs: list[Any], **options: Any) -> Any:
        if len(Xs) == 1 and type(Xs[0]) is np.ndarray:
            return Xs[0]
        return super()._hstack(Xs, **options)
