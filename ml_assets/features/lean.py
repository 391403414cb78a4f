"""scikit-learn's imputer, scaler and transformer of columns, with the same numbers from fewer copies of many rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.impute._base import _BaseImputer
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import validate_data

AT_ONCE = 4
"""Columns whose means and variances are taken at once, with a copy of them."""


class _NoEmptyIndicator(_BaseImputer):  # type: ignore[misc]  # scikit-learn has no types
    """After SimpleImputer in the order of bases, as it asks its own base for this."""

    def _concatenate_indicator(self, X_imputed: Any, X_indicator: Any) -> Any:
        if X_indicator is not None and not X_indicator.shape[1]:
            return X_imputed
        return super()._concatenate_indicator(X_imputed, X_indicator)


class LeanImputer(SimpleImputer, _NoEmptyIndicator):  # type: ignore[misc]  # scikit-learn has no types
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


class LeanScaler(StandardScaler):  # type: ignore[misc]  # scikit-learn has no types
    """A StandardScaler that takes means and variances of an array by columns few at a time, and copies only these."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> LeanScaler:
        """Learn mean and scale of each column of X of shape (n_rows, n_features)."""
        by_columns = isinstance(X, np.ndarray) and X.ndim == 2 and X.flags.f_contiguous
        if not by_columns or X.dtype != np.float64 or sample_weight is not None or X.shape[1] <= AT_ONCE:
            super().fit(X, y, sample_weight)
            return self
        self._reset()
        X = validate_data(self, X, ensure_all_finite="allow-nan")
        options = self.get_params(deep=False)
        parts = [StandardScaler(**options).fit(X[:, k : k + AT_ONCE]) for k in range(0, X.shape[1], AT_ONCE)]
        for name in ("mean_", "var_", "scale_"):
            each = [getattr(part, name) for part in parts]
            setattr(self, name, None if each[0] is None else np.concatenate(each))
        seen = np.concatenate([np.broadcast_to(part.n_samples_seen_, part.n_features_in_) for part in parts])
        self.n_samples_seen_ = seen[0] if (seen == seen[0]).all() else seen
        return self


class LeanColumns(ColumnTransformer):  # type: ignore[misc]  # scikit-learn has no types
    """A ColumnTransformer that gives what its only branch gives, and no copy of it."""

    def _hstack(self, Xs: list[Any], **options: Any) -> Any:
        if len(Xs) == 1 and type(Xs[0]) is np.ndarray:
            return Xs[0]
        return super()._hstack(Xs, **options)
