"""Features for libraries that understand categories and missing numbers themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ml_assets.features.values import as_numbers, as_text


class TypedColumns(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Numbers as they are, missing ones too, and categories as a type of their own.

    A category is a whole number: 0 for levels that fewer than `rarest` training rows have, and for those not seen
    in training; 1 … k for the others. Columns are called f0, f1 …: libraries refuse some signs in names.

    Parameters
    ----------
    numeric, categorical : list of str
        Columns of each kind; others are ignored.
    rarest : int
    known : dict of str to list of str, optional
        Levels that come first, of columns that have some, however few rows have them: an earlier fit's.
    named : bool
        Whether columns are called `numeric__NAME` and `categorical__NAME` instead.

    Attributes
    ----------
    levels_ : dict of str to list of str
        The frequent levels of each categorical column.
    feature_names_in_ : ndarray of shape (n_columns,)

    Examples
    --------
    >>> frame = pd.DataFrame({"size": [1.0, None, 3.0], "town": ["Bonn", "Bonn", "Ulm"]})
    >>> found = TypedColumns(["size"], ["town"], rarest=2).fit_transform(frame)
    >>> found.values.tolist()
    [[1.0, 1.0], [nan, 1.0], [3.0, 0.0]]
    """

    named: bool = False  # of earlier versions, as the next
    known: dict[str, list[str]] | None = None

    def __init__(
        self,
        numeric: list[str],
        categorical: list[str],
        rarest: int = 1,
        named: bool = False,
        known: dict[str, list[str]] | None = None,
    ) -> None:
        self.numeric = numeric
        self.categorical = categorical
        self.rarest = rarest
        self.named = named
        self.known = known

    def fit(self, X: pd.DataFrame, y: Any = None) -> TypedColumns:
        """Learn the levels of X of shape (n_rows, n_columns)."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        counts = {column: values.value_counts() for column, values in as_text(X[self.categorical]).items()}
        frequent = {
            str(column): sorted(map(str, count.index[count >= self.rarest]))
            for column, count in counts.items()
        }
        known = self.known or {}
        self.levels_ = {
            column: list(dict.fromkeys([*known.get(column, ()), *levels]))
            for column, levels in frequent.items()
        }
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return numbers and categories, of shape (n_rows, n_features)."""
        check_is_fitted(self)
        columns: list[Any] = [values for _, values in as_numbers(X[self.numeric]).items()]
        for column, values in as_text(X[self.categorical]).items():
            levels = self.levels_[str(column)]
            codes = pd.Index(levels).get_indexer(pd.Index(values)) + 1
            columns.append(pd.Categorical.from_codes(codes, categories=pd.RangeIndex(len(levels) + 1)))
        names = [f"f{k}" for k in range(len(columns))]
        if self.named:
            names = [f"numeric__{name}" for name in self.numeric]
            names += [f"categorical__{name}" for name in self.categorical]
        return pd.DataFrame(dict(zip(names, columns, strict=True)), index=X.index)
