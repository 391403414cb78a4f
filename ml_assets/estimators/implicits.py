"""Recommenders of implicit, which learn from a sparse array of users and items, as parts of a recipe's estimator.

Factors, or a similarity of items, are all that a fitted one has to tell; what holds them needs implicit no more.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator


class OfImplicit(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A recommender of implicit that is yet to be made.

    Parameters
    ----------
    class_path : str
    params : mapping of str to value
    """

    def __init__(self, class_path: str, params: Mapping[str, Any]) -> None:
        self.class_path = class_path
        self.params = params

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of the recommender."""
        return dict(self.params)

    def made(self) -> Any:
        """Make it, unfitted."""
        return _class(self.class_path)(**self.params)

    def factors_of(self, gains: Any) -> tuple[Any, Any]:
        """Fit it on a sparse array of shape (n_users, n_items); factors of the users and of the items.

        Of a similarity of items the gains themselves, and the similarity.
        """
        from scipy.sparse import csr_array, csr_matrix
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

        found = self.made()
        # Its threads are told, those of BLAS beside them are not; it warns of what one part of it hands to another.
        with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.fit(csr_matrix(gains).astype(np.float32), show_progress=False)
        if hasattr(found, "similarity"):
            return csr_array(gains), csr_array(found.similarity.T)
        return _plain(found.user_factors), _plain(found.item_factors)


def of_implicit(class_path: str) -> Callable[..., OfImplicit]:
    """Return what makes an `OfImplicit` of the parameters of a class, with its signature."""
    signature = inspect.signature(_class(class_path))
    defaults = {name: each.default for name, each in signature.parameters.items()}

    def make(**params: Any) -> OfImplicit:
        return OfImplicit(class_path, defaults | params)

    make.__signature__ = signature  # type: ignore[attr-defined]  # as inspect reads it
    return make


def _class(class_path: str) -> Any:
    module, _, name = class_path.rpartition(".")
    return getattr(import_module(module), name)


def _plain(factors: Any) -> Any:
    """Factors of a GPU come to the processor."""
    return np.ascontiguousarray(factors.to_numpy() if hasattr(factors, "to_numpy") else factors)
