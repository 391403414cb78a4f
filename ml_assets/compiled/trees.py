"""Many trees walked side by side in numpy: for one row ten times as fast as the libraries' own predictors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 512
"""Rows that are walked together: more need memory for rows x trees."""

Array = NDArray[Any]


class Walk:
    """Fitted trees of any library.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        As `spec.Trees` names them.
    depth : int
        Steps from a root to the deepest leaf.
    single : bool
        Whether values are cut to 32 bits before they are compared.

    Examples
    --------
    One split at 0.5; what is missing goes right:

    >>> walk = Walk({"feature": np.array([0, 0, 0]), "threshold": np.array([0.5, np.inf, np.inf]),
    ...              "child": np.array([1, 2, 1, 1, 2, 2]), "missing_left": np.zeros(3, bool), "roots": np.array([0])},
    ...             depth=1, single=True)
    >>> walk.leaves(np.array([[0.2], [0.7], [np.nan]])).ravel().tolist()
    [1, 2, 2]
    """

    def __init__(self, arrays: Mapping[str, Array], depth: int, single: bool) -> None:
        self.feature = arrays["feature"].astype(np.intp)
        self.threshold = arrays["threshold"].astype(np.float64)
        self.child = arrays["child"].astype(np.intp)
        self.missing_left = arrays["missing_left"].astype(bool)
        self.roots = arrays["roots"].astype(np.intp)
        self.depth, self.single = depth, single

    def leaves(self, X: Array) -> Array:
        """Return the leaf that each row reaches in each tree, of shape (n_rows, n_trees)."""
        values = np.asarray(X, dtype=np.float64)
        if self.single:
            with np.errstate(over="ignore"):
                values = values.astype(np.float32).astype(np.float64)
        if len(values) == 1:
            return self._one(values[0])[None, :]
        parts = [self._many(values[k : k + AT_ONCE]) for k in range(0, len(values), AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.roots)), np.intp)

    def _one(self, x: Array) -> Array:
        node = self.roots
        misses = bool(np.isnan(x).any())
        for _ in range(self.depth):
            value = x.take(self.feature.take(node))
            right = ~(value <= self.threshold.take(node))
            if misses:
                right &= ~(np.isnan(value) & self.missing_left.take(node))
            node = self.child.take(node * 2 + right)
        return node

    def _many(self, X: Array) -> Array:
        node = np.repeat(self.roots[None, :], len(X), axis=0)
        misses = bool(np.isnan(X).any())
        start = (np.arange(len(X)) * X.shape[1])[:, None]
        flat = X.ravel()
        for _ in range(self.depth):
            value = flat.take(self.feature.take(node) + start)
            right = ~(value <= self.threshold.take(node))
            if misses:
                right &= ~(np.isnan(value) & self.missing_left.take(node))
            node = self.child.take(node * 2 + right)
        return node
