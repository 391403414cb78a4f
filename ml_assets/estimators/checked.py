"""What an estimator round another one is given, held against what it was fitted on."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.base import is_classifier
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data


def checked(estimator: Any, X: Any, *, reset: bool = False) -> Any:
    """Hold X against what was fitted; a frame stays one, for its categories, anything else becomes an array.

    Parameters
    ----------
    estimator : estimator
        Says by its tags whether gaps and sparse columns are taken, and remembers number and names of the columns.
    X : array-like of shape (n_rows, n_features)
    reset : bool
        Whether X is what is fitted on.

    Raises
    ------
    ValueError
        If there is no row or no column, or columns are others than those fitted on.
    """
    if isinstance(X, pd.DataFrame):
        if X.empty:
            what = "feature(s)" if len(X) else "sample(s)"
            raise ValueError(f"Found array with 0 {what} (shape={X.shape}) while a minimum of 1 is required.")
        if not reset and not hasattr(estimator, "feature_names_in_"):
            return X  # fitted on an array, or by a version that kept no names
        return validate_data(estimator, X, reset=reset, skip_check_array=True)
    tags = get_tags(estimator).input_tags
    finite = "allow-nan" if tags.allow_nan else True
    sparse = "csr" if tags.sparse else False  # rows can be taken from it
    return validate_data(estimator, X, reset=reset, accept_sparse=sparse, ensure_all_finite=finite)


class Scored:
    """`score` as scikit-learn's classifiers and regressors have it, for an estimator that may be either."""

    def score(self, X: Any, y: Any) -> float:
        """Accuracy of a classifier, R² of a regressor, on X of shape (n_rows, n_features) and y of shape (n_rows,)."""
        from sklearn.metrics import accuracy_score, r2_score

        found = self.predict(X)  # type: ignore[attr-defined]  # of the estimator that this is mixed into
        return float(accuracy_score(y, found) if is_classifier(self) else r2_score(y, found))
