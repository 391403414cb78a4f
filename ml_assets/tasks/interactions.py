"""Interactions: what a row of a recommendation is measured by, a user with an item.

A row carries it as JSON in the column `names.POINT`: user, item, gain, batch, whether the two had met before, and how
many items are recommended.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_assets.names import STATIC
from ml_assets.recipe.tasks import TOP_K
from ml_assets.tasks.base import Floats

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Interactions:
    """Some interactions, in the order of their rows, and how many items a user is recommended.

    `again` are those of a user and an item who had met in an earlier batch.
    """

    users: NDArray[Any]
    items: NDArray[Any]
    gains: Floats
    batches: NDArray[Any]
    again: NDArray[np.bool_]
    top_k: int


def written(
    user: str, item: str, gain: float, *, batch: str = STATIC, again: bool = False, top_k: int = TOP_K
) -> str:
    """Write an interaction; the gain is what an item is worth to the user, 0 for one that is only known.

    >>> written("ann", "tea", 1.0)
    '["ann", "tea", 1.0, "all", false, 10]'
    """
    return json.dumps([user, item, gain, batch, again, top_k], ensure_ascii=False)


def interactions(points: Iterable[str]) -> Interactions:
    """Read interactions.

    >>> found = interactions([written("ann", "tea", 1.0), written("bob", "tea", 0.0)])
    >>> found.users.tolist(), found.items.tolist(), found.gains.tolist(), found.top_k
    (['ann', 'bob'], ['tea', 'tea'], [1.0, 0.0], 10)
    """
    rows = json.loads(f"[{','.join(points)}]")
    users, items, batches = (np.array([row[place] for row in rows], dtype=object) for place in (0, 1, 3))
    gains = np.array([row[2] for row in rows], dtype=np.float64)
    again = np.array([row[4] for row in rows], dtype=bool)
    return Interactions(
        users, items, gains, batches, again, max((int(row[5]) for row in rows), default=TOP_K)
    )


def learned(y: Any) -> NDArray[Any]:
    """Points as an estimator is given them."""
    return np.asarray(y, dtype=object)


def lacking(y: Any) -> str | None:
    """Say what interactions lack to be learned from: two users and two items."""
    found = interactions(y[y.notna()])
    for name, values in (("user_col", found.users), ("item_col", found.items)):
        if len(set(values)) < 2:
            return (
                f"{name}: all {len(values):,} rows are of one, and a recommendation needs two: take more rows, or "
                "name another column"
            )
    if not (found.gains > 0).any():
        return (
            f"target_col: none of the {len(found.gains):,} ratings says that an item was liked, as one above 0 does, "
            "or from data_interface.relevant_from on: lower that, or write ratings that are above 0 where it was"
        )
    return None
