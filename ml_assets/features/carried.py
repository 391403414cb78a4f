"""Missing numbers that take the last known value of their entity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from ml_assets.features.treatment import carrier


class CarriedOn(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Fill a missing number from the column beside it that has the last known value.

    Parameters
    ----------
    columns : tuple of str
        Columns to fill, which come out; that of `price` beside it is `price_last_known`.

    Examples
    --------
    >>> frame = pd.DataFrame({"price": [1.0, None], "price_last_known": [7.0, 8.0]})
    >>> CarriedOn(("price",)).fit_transform(frame)["price"].tolist()
    [1.0, 8.0]
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns

    def fit(self, X: pd.DataFrame, y: Any = None) -> CarriedOn:
        """Learn nothing but the names of the columns of X."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the filled columns."""
        beside = {name: carrier(name) for name in self.columns}
        return pd.DataFrame(
            {name: X[name].fillna(X[last]) if last in X.columns else X[name] for name, last in beside.items()}
        )

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the columns that come out."""
        return np.array(self.columns, dtype=object)
