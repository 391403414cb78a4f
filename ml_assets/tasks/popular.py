"""The items that most users had, those left out that the user had: the baseline, and the answer to a new user."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.tasks.base import PREDICTION, SCORES, Floats
from ml_assets.tasks.interactions import interactions

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from scipy.sparse import csr_array

DIGITS = 6
"""Significant digits of a score that is told, and by which items are ordered."""


class PopularItems:
    """Recommend each user the most popular items that the user has not had.

    Attributes
    ----------
    items_ : array of str of shape (n_items,)
        The one that most users liked first; of as many, in the order of their names.
    popularity_ : array of float of shape (n_items,)
        Users who liked each.
    users_ : dict of str to int
        Row of each user in `had_`.
    had_ : sparse array of bool of shape (n_users, n_items)
        What each user has had, liked or not: it is not recommended again.
    top_k_ : int
    """

    def fit(self, X: Any, y: Any) -> PopularItems:
        """Learn from interactions, y of shape (n_rows,) as `names.POINT` has them; X is not looked at."""
        self._learn(y)
        return self

    def _learn(self, y: Any) -> csr_array:
        """Learn users, items and what is popular; give the largest gain of each user and item."""
        from scipy.sparse import csr_array

        found = interactions(y)
        users, user_of = np.unique(found.users.astype(str), return_inverse=True)
        items, item_of = np.unique(found.items.astype(str), return_inverse=True)
        pair, place = np.unique(user_of * len(items) + item_of, return_inverse=True)
        most = np.zeros(len(pair))
        np.maximum.at(most, place, found.gains)
        popularity = np.bincount(pair[most > 0] % len(items), minlength=len(items)).astype(np.float64)
        order = np.argsort(-popularity, kind="stable")
        columns = np.argsort(order)[pair % len(items)]

        def matrix(values: NDArray[Any], there: NDArray[np.bool_]) -> csr_array:
            cells = (pair[there] // len(items), columns[there])
            return csr_array((values[there], cells), shape=(len(users), len(items)))

        self.items_: NDArray[Any] = items[order].astype(object)
        self.popularity_: Floats = popularity[order]
        self.place_ = {str(item): place for place, item in enumerate(self.items_)}
        self.users_ = {str(user): place for place, user in enumerate(users)}
        self.had_ = matrix(np.ones(len(pair), dtype=bool), np.ones(len(pair), dtype=bool))
        self.top_k_ = found.top_k
        return matrix(most, most > 0)

    def predict(self, X: Any, without: Sequence[frozenset[str]] | None = None) -> NDArray[Any]:
        """Items of each user of X, of shape (n_rows, 1), the best first, as a JSON list.

        `without` has of each row items that are not recommended, beside those that the user has had.
        """
        return np.array([items for items, _ in self._told(X, without)], dtype=object)

    def recommended(self, X: Any, index: pd.Index[Any]) -> pd.DataFrame:
        """Items of each user of X, of shape (n_rows, 1), and their scores, as JSON lists."""
        import pandas as pd

        told = self._told(X)
        found = {name: [each[k] for each in told] for k, name in enumerate((PREDICTION, SCORES))}
        return pd.DataFrame(found, index=index, dtype=object)

    def best(self, user: Any, without: frozenset[str] = frozenset()) -> tuple[list[str], list[float]]:
        """Best items of a user, and their scores; of a user who is not known, the most popular items.

        Parameters
        ----------
        user : str
        without : frozenset of str
            Items that are not recommended, beside those that the user has had.
        """
        row = self.users_.get(str(user))
        scores = (self.popularity_ if row is None else self._scores(row)).astype(np.float64)
        scores = rounded(scores)
        if row is not None:
            scores[self.had_.indices[self.had_.indptr[row] : self.had_.indptr[row + 1]]] = -np.inf
        for item in without & self.place_.keys():
            scores[self.place_[item]] = -np.inf
        order = np.argsort(-scores, kind="stable")[: self.top_k_]
        order = order[np.isfinite(scores[order])]
        return self.items_[order].tolist(), scores[order].tolist()

    def known(self, y: Any) -> NDArray[np.bool_]:
        """Rows, as `names.POINT` has them, whose user has had the item in training: it is not recommended again."""
        found = interactions(y)
        rows = np.array([self.users_.get(str(user), -1) for user in found.users], dtype=np.intp)
        columns = np.array([self.place_.get(str(item), -1) for item in found.items], dtype=np.intp)
        there = (rows >= 0) & (columns >= 0)
        had = np.zeros(len(rows), dtype=bool)
        if there.any():
            had[there] = np.asarray(self.had_[rows[there], columns[there]], dtype=bool).ravel()
        return had

    def _scores(self, row: int) -> Floats:
        """How much each item is recommended to a known user."""
        return self.popularity_

    def _told(self, X: Any, without: Sequence[frozenset[str]] | None = None) -> list[tuple[str, str]]:
        users = [str(user) for user in np.asarray(X, dtype=object).ravel()]
        asked = list(zip(users, without or [frozenset[str]()] * len(users), strict=True))
        each = {one: self.best(*one) for one in dict.fromkeys(asked)}
        told = {
            one: (json.dumps(items, ensure_ascii=False), json.dumps(scores))
            for one, (items, scores) in each.items()
        }
        return [told[one] for one in asked]


def rounded(scores: Floats) -> Floats:
    """Scores with as many digits as count, of the largest: what differs further on is how sums were added up.

    >>> rounded(np.array([123456.789, 0.00004])).tolist()
    [123457.0, 0.0]
    """
    largest = float(np.abs(scores).max(initial=0.0))
    if not largest > 0 or not np.isfinite(largest):
        return scores
    return np.round(scores, DIGITS - 1 - int(np.floor(np.log10(largest))))
