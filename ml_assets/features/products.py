"""Columns made of several: products of numbers, pairs of levels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import PolynomialFeatures

from ml_assets.features.values import as_text

LARGEST = 1e30
"""A product is no larger: trees calculate in 32 bits."""


class Products(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Products of pairs of numbers, then powers and products up to a degree, which the numbers themselves are not.

    Parameters
    ----------
    pairs : tuple of (str, str)
    powers : tuple of str
        Columns whose products up to `degree` are wanted.
    degree : int

    Examples
    --------
    >>> frame = pd.DataFrame({"a": [2.0], "b": [3.0]})
    >>> Products((("a", "b"),), ("a",), 3).fit_transform(frame).to_dict("records")
    [{'a*b': 6.0, 'a^2': 4.0, 'a^3': 8.0}]
    """

    def __init__(
        self, pairs: tuple[tuple[str, str], ...] = (), powers: tuple[str, ...] = (), degree: int = 2
    ) -> None:
        self.pairs = pairs
        self.powers = powers
        self.degree = degree

    def fit(self, X: pd.DataFrame, y: Any = None) -> Products:
        """Learn nothing but the names of the columns of X."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.polynomials_ = PolynomialFeatures(self.degree, include_bias=False)
        if self.powers:
            self.polynomials_.fit(X[list(self.powers)])
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the products of X of shape (n_rows, n_columns), which misses nothing."""
        columns = [(X[a] * X[b]).to_numpy() for a, b in self.pairs]
        if self.powers and len(X):
            columns += list(self.polynomials_.transform(X[list(self.powers)]).T[len(self.powers) :])
        values = np.clip(np.array(columns).T, -LARGEST, LARGEST) if len(X) else None
        return pd.DataFrame(values, index=X.index, columns=self.get_feature_names_out(), dtype=np.float64)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the products: a*b, a^2 b."""
        names = [f"{a}*{b}" for a, b in self.pairs]
        if self.powers:
            names += list(self.polynomials_.get_feature_names_out()[len(self.powers) :])
        return np.array(names, dtype=object)


class Crossed(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # likewise
    """Pairs of categories as one category each.

    Parameters
    ----------
    pairs : tuple of (str, str)

    Examples
    --------
    >>> frame = pd.DataFrame({"a": ["x", None], "b": [1.0, 2.0]})
    >>> Crossed((("a", "b"),)).fit_transform(frame)["a*b"].tolist()
    ['x & 1', 'missing & 2']
    """

    def __init__(self, pairs: tuple[tuple[str, str], ...] = ()) -> None:
        self.pairs = pairs

    def fit(self, X: pd.DataFrame, y: Any = None) -> Crossed:
        """Learn nothing but the names of the columns of X."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the pairs of levels of X of shape (n_rows, n_columns)."""
        text = as_text(X)
        return pd.DataFrame({f"{a}*{b}": text[a] + " & " + text[b] for a, b in self.pairs}, index=X.index)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the pairs: a*b."""
        return np.array([f"{a}*{b}" for a, b in self.pairs], dtype=object)
