"""Users and items as factors: a factorisation of who had what becomes a model that recommends."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ml_assets.tasks.base import Floats
from ml_assets.tasks.popular import PopularItems

COUNTS = ("n_components", "factors")
"""Parameters that say how many factors there shall be."""


class Recommender(PopularItems, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Recommend each user the items whose factors go best with the user's; a new user gets the most popular ones.

    Parameters
    ----------
    estimator : estimator
        Kept unfitted; see `factors`.

    Attributes
    ----------
    user_factors_ : array of shape (n_users, n_factors)
        Of a similarity of items the gains themselves.
    item_factors_ : array of shape (n_items, n_factors)
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> Recommender:
        """Learn from interactions, y of shape (n_rows,) as `names.POINT` has them; X is not looked at.

        Raises
        ------
        ValueError
            If there are fewer users or items than factors are wanted.
        """
        gains = self._learn(y)
        self._see_enough(*gains.shape)
        self.user_factors_, self.item_factors_ = factors(deepcopy(self.estimator), gains)
        self.n_features_in_ = 1
        return self

    def _scores(self, row: int) -> Floats:
        check_is_fitted(self)
        # One user at a time: sums of many at once are added up in another order, and a user's items would depend on
        # who else is asked for.
        user = self.user_factors_[[row]]
        found = (
            self.item_factors_ @ (user.toarray() if hasattr(user, "toarray") else np.asarray(user)).ravel()
        )
        return np.asarray(found, dtype=np.float64)

    def _see_enough(self, users: int, items: int) -> None:
        for name in COUNTS:
            wanted = self.estimator.get_params(deep=False).get(name)
            if isinstance(wanted, int) and wanted > min(users, items):
                raise ValueError(
                    f"{name}: {wanted:,} factors of {users:,} users and {items:,} items: ask for "
                    f"{min(users, items):,} at most, or take more rows"
                )


def factors(estimator: Any, gains: Any) -> tuple[Any, Any]:
    """Fit a factorisation, and take its factors of the users and of the items.

    Parameters
    ----------
    estimator : estimator
        See `Recommender`; it is fitted here.
    gains : sparse array of shape (n_users, n_items)

    Raises
    ------
    ValueError
        If it has none.
    """
    if hasattr(estimator, "factors_of"):
        return tuple(estimator.factors_of(gains))
    if hasattr(estimator, "fit_transform"):
        even, popular = evened(gains)
        of_users = estimator.fit_transform(even)
        return np.asarray(of_users), np.ascontiguousarray(estimator.components_.T * popular[:, None])
    raise ValueError(f"{type(estimator).__name__} has no factors of users and items: it cannot recommend")


def evened(gains: Any) -> tuple[Any, Floats]:
    """Bring users and items to one length, so that factors are not spent on who had much and what all had.

    Parameters
    ----------
    gains : sparse array of shape (n_users, n_items)

    Returns
    -------
    even : sparse array of shape (n_users, n_items)
        Items over the root of how many users liked each, then users over their length.
    popular : array of shape (n_items,)
        What items are multiplied by to come back: these roots.

    >>> from scipy.sparse import csr_array
    >>> even, popular = evened(csr_array(np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0], [1.0, 0.0]])))
    >>> even.toarray()[0].tolist(), popular.tolist()
    ([1.0, 0.0], [2.0, 1.0])
    """
    from scipy.sparse import csr_array, diags_array

    popular = np.sqrt(np.maximum(np.asarray((gains > 0).sum(axis=0), dtype=np.float64).ravel(), 1.0))
    even = gains @ diags_array(1.0 / popular)
    length = np.sqrt(np.asarray(even.power(2).sum(axis=1), dtype=np.float64).ravel())
    return csr_array(diags_array(1.0 / np.where(length > 0, length, 1.0)) @ even), popular
